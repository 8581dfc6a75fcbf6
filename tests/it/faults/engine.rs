//! The warehouse is down, silent, late, or cut off in the middle of an answer.

use std::time::Duration;

use super::campaign::{Campaign, rounds};
use crate::support::fault_proxy::Fault;

async fn with_faults(name: &'static str, faults: &[Fault]) {
    let mut row = Campaign::open(name, |service| service).await;
    row.send();
    for round in 0..rounds() {
        row.go_on(20..400).await;
        // The affected request times out and is sent again. How many more are affected is random.
        row.proxy.strikes(faults[round % faults.len()], 1).await;
        row.go_on(20..400).await;
        row.proxy.set(Fault::None);
    }
    let counted = row.finish(rounds()).await;
    assert_eq!(counted.refused, 0, "collecting needs no warehouse");
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_down() {
    with_faults("engine down", &[Fault::Refuse]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_hanging() {
    with_faults("engine hanging", &[Fault::Hang]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_answering_late() {
    with_faults("engine answering late", &[Fault::Delay(Duration::from_millis(1300))]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn engine_cut_off_in_the_middle_of_its_answer() {
    with_faults("engine cut off mid-answer", &[Fault::CutAnswer(9), Fault::LoseAnswer, Fault::CutAnswer(60)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn service_killed_while_the_engine_is_cut_off() {
    let mut row = Campaign::open("SIGKILL of the service, engine cut off mid-answer", |service| service).await;
    row.send();
    for round in 0..rounds() {
        row.proxy.set([Fault::LoseAnswer, Fault::CutAnswer(20), Fault::Hang][round % 3]);
        row.go_on(50..500).await;
        row.service.kill();
        row.again().await;
        row.proxy.set(Fault::None);
        row.go_on(20..300).await;
    }
    row.finish(rounds()).await;
}
