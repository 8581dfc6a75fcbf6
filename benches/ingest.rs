//! Cost of one event from the bytes of its batch to its verdict: no warehouse, no disk, no network.

mod request;

use std::hint::black_box;

use ashna::{
    ingest::{self, ClientHints, Progress, RequestContext, Verdict},
    wire::collect,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use request::{CHROME, ORDER, PAGE, body, with_request};

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest");
    for (name, event, count) in [("page view", PAGE, 1), ("order", ORDER, 1), ("50 page views", PAGE, 50)] {
        let body = body(event, count);
        group.throughput(Throughput::Elements(count as u64));
        with_request(|request| {
            group.bench_function(name, |bencher| bencher.iter(|| judge(request, black_box(body.as_bytes()), count)));
        });
    }
    group.finish();
    criterion.bench_function("ingest/user agent not seen before", |bencher| {
        bencher.iter(|| ingest::user_agent::Agent::parse(black_box(CHROME), &ClientHints::default()));
    });
}

fn judge(request: &RequestContext<'_>, body: &[u8], count: usize) {
    let batch = collect::parse(body).expect("a valid body");
    let mut progress = Progress::default();
    let verdicts = batch.events.iter().map(|raw| ingest::run(request, &batch, &mut progress, raw));
    assert_eq!(verdicts.filter(|verdict| matches!(verdict, Verdict::Keep(_))).count(), count, "all are kept");
}

criterion_group!(benches, bench);
criterion_main!(benches);
