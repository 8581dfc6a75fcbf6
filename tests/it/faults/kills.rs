//! SIGKILL at random moments, on entry of an fsync, and between an fsync and the answer.

use std::{collections::BTreeSet, time::Duration};

use rand::RngExt;

use super::{
    campaign::{Campaign, check, rounds, settled},
    sender::{ORIGIN, Senders, Target},
};
use crate::{
    service::{Service, kill, report, strace_may_inject},
    support::engine::{PATIENCE, eventually},
};

/// Kills once: the service in even rounds, the engine in odd ones.
async fn strike(service: &mut Service, senders: &Senders, client: &reqwest::Client, round: usize) {
    senders.go_on(100..1500).await;
    if round.is_multiple_of(2) {
        service.kill();
        service.start();
        if rand::random_ratio(1, 4) {
            // A second kill while it opens its files: its progress is not visible, so the delay is random.
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(10..400))).await;
            service.kill();
            service.start();
        }
        service.ready(client).await;
    } else if let Some(engine) = service.engine() {
        kill(engine);
    }
}

/// Queries the service's own engine, which may be restarting.
pub async fn ask(service: &Service, client: &reqwest::Client, question: &str) -> Vec<String> {
    let mut lines = None;
    eventually("the engine comes back", PATIENCE, async || {
        lines = service.ask_engine(client, question).await;
        lines.is_some()
    })
    .await;
    lines.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_of_service_and_engine_alternately() {
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
    let mut service = Service::new(&[]);
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Faults", "--origin", ORIGIN]);
    let key = site["write_key"].as_str().expect("a write key").to_owned();
    let senders = Senders::start(&Target { url: service.url(), key, client: client.clone() }, 0);
    for round in 0..rounds() {
        strike(&mut service, &senders, &client, round).await;
    }
    let sent = senders.finish().await;
    let metrics = settled(&service, &client).await;
    let stored = ask(&service, &client, "SELECT JSONExtractString(properties, 'id') FROM ashna.events").await;
    check("SIGKILL of service or engine at random moments", rounds(), &sent, &stored, &metrics);
    let narrow = ask(&service, &client, "SELECT count() FROM ashna.visitor_events").await;
    assert_eq!(narrow, [stored.len().to_string()], "the table that profiles are read from");
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_of_the_service_at_random_moments() {
    let mut row = Campaign::open("SIGKILL of the service at random moments", |service| service).await;
    row.send();
    for _ in 0..rounds() {
        row.go_on(20..700).await;
        row.service.kill();
        row.again().await;
    }
    row.finish(rounds()).await;
}

/// Runs under strace, which sends SIGKILL when a thread enters its nth call of `calls`.
async fn killed_entering(name: &'static str, calls: &str, nth: std::ops::Range<u32>) {
    if !strace_may_inject() {
        report(&format!("| {name} | skipped: strace is missing or may not trace here |"));
        return;
    }
    let mut row = Campaign::open(name, |service| service).await;
    row.send();
    for _ in 0..rounds() {
        row.go_on(5..200).await;
        row.service.kill();
        let when = rand::rng().random_range(nth.clone());
        let inject = format!("inject={calls}:signal=SIGKILL:when={when}");
        let trace = format!("trace={calls}");
        row.service.wrap(&["strace", "-f", "-qqq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
        row.service.start();
        row.service.dies(Duration::from_secs(30)).await;
        row.service.wrap(&[]);
        row.again().await;
    }
    row.finish(rounds()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_entering_an_fsync() {
    killed_entering("SIGKILL entering an fdatasync or fsync", "fdatasync,fsync", 2..40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sigkill_between_the_fsync_and_the_answer() {
    killed_entering("SIGKILL entering the write of an answer", "writev,sendto", 2..60).await;
}
