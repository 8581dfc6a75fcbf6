//! What one event costs from the bytes of its batch to its verdict: no engine, no disk, no network.

mod setting;

use std::hint::black_box;

use ashna::{
    ingest::{self, Hints, Progress, Setting, Verdict},
    wire::collect,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use setting::{CHROME, ORDER, PAGE, body, with_setting};

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ingest");
    for (name, event, count) in [("page view", PAGE, 1), ("order", ORDER, 1), ("50 page views", PAGE, 50)] {
        let body = body(event, count);
        group.throughput(Throughput::Elements(count as u64));
        with_setting(|setting| {
            group.bench_function(name, |bencher| bencher.iter(|| take(setting, black_box(body.as_bytes()), count)));
        });
    }
    group.finish();
    criterion.bench_function("ingest/user agent not seen before", |bencher| {
        bencher.iter(|| ingest::enrich::user_agent::Agent::of(black_box(CHROME), &Hints::default()));
    });
}

fn take(setting: &Setting<'_>, body: &[u8], count: usize) {
    let batch = collect::parse(body).expect("the bench's own body");
    let mut progress = Progress::default();
    let verdicts = batch.events.iter().map(|raw| ingest::run(setting, &batch, &mut progress, raw));
    assert_eq!(verdicts.filter(|verdict| matches!(verdict, Verdict::Keep(_))).count(), count, "all are kept");
}

criterion_group!(benches, bench);
criterion_main!(benches);
