//! One event again and again, from the bytes of its body to the journal's record: a program for callgrind, which
//! counts instructions and so sees what clocks on busy machines do not. `EVENTS` says how often; `load/run.sh
//! instructions` runs it twice and takes the difference.

mod request;

use std::hint::black_box;

use ashna::{
    ingest::{self, Progress, RequestContext, Verdict},
    store::rows,
    wire::collect,
};
use request::{ORDER, PAGE, body, with_request};

fn main() {
    #[expect(clippy::disallowed_methods, reason = "a measurement's own parameter is no setting of the service")]
    let events: usize = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1000);
    // Four page views to an order, each in a body of its own.
    let bodies = [PAGE, PAGE, PAGE, PAGE, ORDER].map(|event| body(event, 1));
    with_request(|request| {
        for number in 0..events {
            take(request, black_box(bodies[number % bodies.len()].as_bytes()));
        }
    });
}

fn take(request: &RequestContext<'_>, body: &[u8]) {
    let batch = collect::parse(body).expect("the measurement's own body");
    let mut progress = Progress::default();
    let mut record = Vec::new();
    for raw in &batch.events {
        match ingest::run(request, &batch, &mut progress, raw) {
            Verdict::Keep(event) => rows::encode(&event, &mut record),
            _ => panic!("an event of the measurement is not kept"),
        }
    }
    black_box(record);
}
