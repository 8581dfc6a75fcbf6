//! Processes `EVENTS` events, from the bytes of a body to the journal's record, for callgrind: instruction counts are
//! reproducible where times on busy machines are not. `load/run.sh instructions` runs it twice and takes the difference.

mod request;

use std::hint::black_box;

use ashna::{
    ingest::{self, Progress, RequestContext, Verdict},
    store::rows,
    wire::collect,
};
use request::{ORDER, PAGE, body, with_request};

fn main() {
    #[expect(clippy::disallowed_methods, reason = "a parameter of the benchmark, not a setting of the service")]
    let events: usize = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    // Four page views per order, each in its own body.
    let bodies = [PAGE, PAGE, PAGE, PAGE, ORDER].map(|event| body(event, 1));
    with_request(|request| {
        for number in 0..events {
            encode(request, black_box(bodies[number % bodies.len()].as_bytes()));
        }
    });
}

fn encode(request: &RequestContext<'_>, body: &[u8]) {
    let batch = collect::parse(body).expect("a valid body");
    let mut progress = Progress::default();
    let mut record = Vec::new();
    for raw in &batch.events {
        match ingest::run(request, &batch, &mut progress, raw) {
            Verdict::Keep(event) => rows::encode(&event, &mut record),
            _ => panic!("an event of the benchmark is not kept"),
        }
    }
    black_box(record);
}
