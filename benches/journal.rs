//! Durable appends: 64 tasks, each appending one 600-byte record at a time, on the disk of the temporary directory.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ashna::{
    config::{self, Config},
    journal::{Batch, Journal},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tokio::{runtime::Runtime, task::JoinSet};

const TASKS: u64 = 64;

fn append(journal: &Arc<Journal>, appends: u64) -> impl Future<Output = Duration> {
    let mut tasks = JoinSet::new();
    let left = Arc::new(AtomicU64::new(appends));
    let journal = Arc::clone(journal);
    async move {
        let started = Instant::now();
        for _ in 0..TASKS {
            let (journal, left) = (Arc::clone(&journal), Arc::clone(&left));
            tasks.spawn(async move {
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
                    let mut batch = Batch::default();
                    batch.push(1, |payload| payload.extend_from_slice(&[7; 600]));
                    journal.append(batch).await.expect("the disk has room");
                }
            });
        }
        tasks.join_all().await;
        started.elapsed()
    }
}

fn durable_appends(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings: config::Journal = Config::defaults().journal;
    let (journal, _) = Journal::open(dir.path(), &settings).expect("a new journal");
    let journal = Arc::new(journal);
    let mut group = criterion.benchmark_group("journal");
    group.throughput(Throughput::Elements(1)).sample_size(20).measurement_time(Duration::from_secs(10));
    group.bench_function("append, 64 tasks, 600 bytes", |bencher| {
        bencher.iter_custom(|appends| {
            let took = runtime.block_on(append(&journal, appends));
            journal.release(journal.next());
            took
        });
    });
    group.finish();
}

criterion_group!(benches, durable_appends);
criterion_main!(benches);
