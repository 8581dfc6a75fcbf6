//! Segments damaged while the service is down: only affected records are lost, and the loss is reported.

use std::{fs, io::Write as _};

use rand::RngExt;

use super::campaign::{Campaign, rounds, segments, settled};
use crate::support::{
    engine::{PATIENCE, eventually},
    fault_proxy::Fault,
};

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_lose_only_the_affected_records_and_are_reported() {
    let mut row = Campaign::open("bits flipped in the journal's segments", |service| {
        service.set("ASHNA__JOURNAL__SEGMENT_BYTES", "60000")
    })
    .await;
    // Nothing is delivered before it is damaged.
    row.proxy.set(Fault::Refuse);
    row.send();
    let several = async || segments(row.service.data()).len() > 3;
    eventually("there are several segments", PATIENCE, several).await;
    row.quiet().await;
    row.service.kill();
    let files = segments(row.service.data());
    assert!(files.len() > 1, "several segments");
    for _ in 0..rounds() {
        let path = &files[rand::rng().random_range(0..files.len())];
        let mut bytes = fs::read(path).expect("a segment");
        // After the segment's header, whose damage would lose the whole segment.
        let at = rand::rng().random_range(64..bytes.len());
        bytes[at] ^= 1 << rand::rng().random_range(0..8);
        fs::write(path, bytes).expect("a segment");
    }
    row.again().await;
    row.proxy.set(Fault::None);
    let counted = row.finish(rounds()).await;
    let lost = counted.acknowledged - counted.stored;
    // A flip affects one frame, or a block header, which is not needed for reading.
    assert!(lost <= rounds(), "{lost} events lost by {} flips", rounds());
}

/// Delivered records in the only group of the newest segment: they are in the warehouse, the service starts, and no
/// position is assigned twice.
#[tokio::test(flavor = "multi_thread")]
async fn damaged_delivered_records_do_not_prevent_a_start() {
    let mut row = Campaign::open("newest segment damaged after delivery", |service| service).await;
    row.send();
    row.go_on(20..60).await;
    row.quiet().await;
    let before = settled(&row.service, &row.target.client).await;
    row.service.kill();
    let newest = segments(row.service.data()).pop().expect("a segment");
    let mut bytes = fs::read(&newest).expect("a segment");
    bytes[40..].fill(0xa5);
    fs::write(newest, bytes).expect("a segment");
    row.again().await;
    let after = settled(&row.service, &row.target.client).await;
    assert_eq!(after["ashna_journal_records_kept"], before["ashna_journal_records_kept"], "positions continue");
    row.finish(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn torn_tails_lose_nothing() {
    let mut row = Campaign::open("torn tails of the newest segment", |service| service).await;
    row.send();
    for _ in 0..rounds() {
        row.go_on(20..300).await;
        row.service.kill();
        let newest = segments(row.service.data()).pop().expect("a segment");
        let garbage: Vec<u8> = (0..rand::rng().random_range(1..5000)).map(|_| rand::random()).collect();
        fs::File::options().append(true).open(newest).and_then(|mut file| file.write_all(&garbage)).expect("appended");
        row.again().await;
    }
    row.finish(rounds()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_checkpoint_causes_no_duplicates() {
    let mut row = Campaign::open("delivery checkpoint lost, either of the two", |service| service).await;
    row.send();
    for round in 0..rounds() {
        row.proxy.set(if round % 2 == 0 { Fault::LoseAnswer } else { Fault::None });
        row.go_on(50..400).await;
        let lost = row.service.data().join(["delivery.json", "journal/delivery.json"][round % 2]);
        eventually("something is sent", PATIENCE, async || lost.exists()).await;
        row.service.kill();
        fs::remove_file(lost).expect("a checkpoint");
        row.again().await;
        row.proxy.set(Fault::None);
    }
    row.finish(rounds()).await;
}
