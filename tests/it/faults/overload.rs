//! Three times the capacity: the excess is refused, acknowledged events are kept, and memory is bounded.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, stream};
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    campaign::{Campaign, rounds},
    sender::{Sent, Target, body, post},
};
use crate::service::{memory_mib, report};

/// Events in one request.
const BATCH: u64 = 5;
/// Memory limit of the service, in a debug build.
const MIB_MAX: u64 = 250;
/// Concurrent requests; more would measure the clients' limits.
const OPEN_MAX: usize = 1500;
const TIME: Duration = Duration::from_secs(2);

#[tokio::test(flavor = "multi_thread")]
async fn three_times_the_capacity() {
    // A small queue before the disk: requests beyond it are refused at once.
    let mut row = Campaign::open("offered three times what it can take", |service| {
        service.set("ASHNA__JOURNAL__PENDING_BYTES_MAX", "60000")
    })
    .await;
    let numbers = Arc::new(AtomicU64::new(0));
    let capacity = taken_a_second(&row.target, &numbers).await;
    let mut refused = Vec::new();
    for _ in 0..rounds() {
        // On a busy machine the measured capacity may be far below the actual one.
        let mut rate = capacity * 3.0;
        loop {
            let too_much = offer(&row.target, &numbers, rate).await;
            let is_overload = !too_much.is_empty();
            refused.extend(too_much);
            if is_overload || rate > capacity * 100.0 {
                break;
            }
            rate *= 2.0;
        }
    }
    let mib = memory_mib(row.service.pid().expect("it runs"));
    let offered = numbers.load(Relaxed);
    report(&format!(
        "overload: {capacity:.0} requests a second can be taken; of {offered} in all {} were refused at first; the \
         service had {mib} MiB at most",
        refused.len()
    ));
    assert!(!refused.is_empty(), "the load was below the capacity");
    assert!(mib < MIB_MAX, "{mib} MiB");
    // Clients keep refused events and send them again.
    let again = refused.len() as u64;
    let target = &row.target;
    stream::iter(refused).for_each_concurrent(16, |number| until_taken(target, number)).await;
    let acknowledged = (0..offered).flat_map(ids_of).collect();
    row.count(Sent { acknowledged, requests: offered + again, repeated: again, refused: again });
    row.finish(rounds()).await;
}

fn ids_of(number: u64) -> Vec<String> {
    (0..BATCH).map(|n| format!("o{number}-{n}")).collect()
}

/// Sends one request once; returns whether it was acknowledged.
async fn send(target: &Target, number: u64) -> bool {
    let visitor = usize::try_from(number % 100).expect("a small number");
    match post(target, body(&target.key, visitor, &ids_of(number), 0)).await {
        Some((204, _)) => true,
        Some((503, _)) | None => false,
        Some((status, outcome)) => panic!("{status} {outcome}"),
    }
}

async fn until_taken(target: &Target, number: u64) {
    while !send(target, number).await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Acknowledged requests per second when each client waits for its answer.
async fn taken_a_second(target: &Target, numbers: &Arc<AtomicU64>) -> f64 {
    let began = Instant::now();
    let before = numbers.load(Relaxed);
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let (target, numbers) = (target.clone(), Arc::clone(numbers));
        clients.spawn(async move {
            while began.elapsed() < TIME {
                until_taken(&target, numbers.fetch_add(1, Relaxed)).await;
            }
        });
    }
    clients.join_all().await;
    (numbers.load(Relaxed) - before) as f64 / began.elapsed().as_secs_f64()
}

/// Sends at this rate regardless of the answers; returns the requests that were not acknowledged.
async fn offer(target: &Target, numbers: &Arc<AtomicU64>, rate: f64) -> Vec<u64> {
    let open = Arc::new(Semaphore::new(OPEN_MAX));
    let (began, mut requests, mut sent) = (Instant::now(), JoinSet::new(), 0_u32);
    let mut unsent = Vec::new();
    while began.elapsed() < TIME {
        while f64::from(sent) < rate * began.elapsed().as_secs_f64() {
            let number = numbers.fetch_add(1, Relaxed);
            sent += 1;
            let Ok(slot) = Arc::clone(&open).try_acquire_owned() else {
                unsent.push(number);
                continue;
            };
            let target = target.clone();
            requests.spawn(async move {
                let promised = send(&target, number).await;
                drop(slot);
                (!promised).then_some(number)
            });
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    unsent.extend(requests.join_all().await.into_iter().flatten());
    unsent
}
