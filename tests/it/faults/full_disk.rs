//! Another program fills the disk of service and engine during inserts. Acknowledged events are stored once and are
//! readable, in `events` and in the tables of its views, also after a restart.
//!
//! The engine commits parts whose files did not fit, and keeps their deduplication token.

use std::time::Duration;

use rand::RngExt;

use super::{
    campaign::{check, rounds, settled},
    kills::ask,
    sender::{ORIGIN, Senders, Target},
};
use crate::{
    service::{PATIENCE, Service},
    support::{
        engine::eventually,
        small_disk::{Kind, SmallDisk},
    },
};

/// What happens in addition to the full disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Nothing: it continues once there is space.
    None,
    /// The service and its engine are killed while it is full.
    Kill,
    /// They are killed as soon as there is space again.
    KillAfterwards,
}

/// Fills of one disk.
const FILLS: usize = 3;

fn service_on(disk: &SmallDisk) -> Service {
    Service::new(&[])
        .on(&disk.path())
        .set("ASHNA__JOURNAL__DISK_FREE_BYTES_MIN", "20000000")
        .set("ASHNA__JOURNAL__SEGMENT_BYTES", "2000000")
        .set("ASHNA__DELIVERY__BATCH_EVENTS_MAX", "1000")
        .set("ASHNA__DELIVERY__RETRY_BACKOFF_MAX_MS", "500")
        .set("ASHNA__DELIVERY__FLUSH_INTERVAL_MS", "100")
}

async fn filled_by_others(name: &'static str, kind: Kind, end: End) {
    for _ in 0..rounds().div_ceil(FILLS) {
        let Some(disk) = SmallDisk::mount(kind, 180) else { return };
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
        let mut service = service_on(&disk);
        service.start();
        service.ready(&client).await;
        settled(&service, &client).await;
        let site = service.command(&["site", "add", "--name", "Faults", "--origin", ORIGIN]);
        let key = site["write_key"].as_str().expect("a write key").to_owned();
        let target = Target { url: service.url(), key, client: client.clone() };
        let senders = Senders::start(&target, 2000);
        for _ in 0..FILLS {
            fill_once(&mut service, &client, &disk, end).await;
        }
        let sent = senders.finish().await;
        settled(&service, &client).await;
        // Parts that the engine detaches at a start must not be the only copy.
        service.stop();
        service.start();
        service.ready(&client).await;
        let metrics = settled(&service, &client).await;
        let stored = ask(&service, &client, "SELECT JSONExtractString(properties, 'id') FROM ashna.events").await;
        check(name, FILLS, &sent, &stored, &metrics);
        let narrow = ask(&service, &client, "SELECT count() FROM ashna.visitor_events").await;
        assert_eq!(narrow, [stored.len().to_string()], "the table that profiles are read from");
        assert!(sent.refused > 0, "the disk was never full");
    }
}

/// Lets events flow, fills the disk during an insert, and frees it again.
async fn fill_once(service: &mut Service, client: &reqwest::Client, disk: &SmallDisk, end: End) {
    let inserted = async |service: &Service| service.metrics(client).await["ashna_journal_records_inserted"];
    let before = inserted(service).await;
    eventually("events are inserted", PATIENCE, async || inserted(service).await > before + 300).await;
    tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..300))).await;
    let filler = disk.fill();
    let url = format!("{}/readyz", service.url());
    let is_full = async || client.get(&url).send().await.is_ok_and(|answer| answer.status() == 503);
    eventually("the journal says that it is full", PATIENCE, is_full).await;
    tokio::time::sleep(Duration::from_millis(rand::rng().random_range(500..2500))).await;
    if end == End::Kill {
        service.kill();
    }
    drop(filler);
    match end {
        End::None => {}
        End::Kill => service.start(),
        End::KillAfterwards => {
            tokio::time::sleep(Duration::from_millis(rand::rng().random_range(0..300))).await;
            service.kill();
            service.start();
        }
    }
    service.ready(client).await;
    settled_or_flowing(service, client).await;
}

/// Waits until delivery continues.
async fn settled_or_flowing(service: &Service, client: &reqwest::Client) {
    let goes_on = async || {
        let metrics = service.metrics(client).await;
        metrics["ashna_store_up"] == 1 && metrics["ashna_delivery_waits"] == 0
    };
    eventually("delivery goes on", PATIENCE, goes_on).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_fill_the_disk_during_inserts() {
    filled_by_others("disk full, by others during inserts, ext4", Kind::Ext4, End::None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_fill_the_disk_and_everything_is_killed_while_it_is_full() {
    filled_by_others("disk full, by others during inserts, ext4, SIGKILL while full", Kind::Ext4, End::Kill).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn others_fill_the_disk_and_everything_is_killed_once_space_is_free() {
    filled_by_others(
        "disk full, by others during inserts, tmpfs, SIGKILL afterwards",
        Kind::Tmpfs,
        End::KillAfterwards,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_starts_on_a_full_disk() {
    let Some(disk) = SmallDisk::mount(Kind::Ext4, 180) else { return };
    let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build().expect("a client");
    let mut service = service_on(&disk);
    service.start();
    service.ready(&client).await;
    settled(&service, &client).await;
    let reserve = disk.path().join("reserve");
    eventually("room is held in reserve", PATIENCE, async || reserve.exists()).await;
    service.kill();
    // Filled to the last byte, but not again while the service starts.
    fill_once_and_for_all(&disk);
    service.start();
    let url = format!("{}/healthz", service.url());
    let answers = async || client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200);
    eventually("it answers although the disk is full", PATIENCE, answers).await;
    std::fs::remove_file(disk.path().join("filled")).expect("it is there");
    service.ready(&client).await;
    // Without even the reserve it reports the cause.
    service.kill();
    let _ = std::fs::remove_file(&reserve);
    let _filler = disk.fill();
    eventually("it is full", PATIENCE, async || rustix::fs::statvfs(disk.path()).is_ok_and(|disk| disk.f_bavail == 0))
        .await;
    let refused = service.tries(&["site", "list"]);
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.success() || message.contains("is full"), "{:?}: {message}", refused.status);
}

/// Fills the disk once, to the last byte.
fn fill_once_and_for_all(disk: &SmallDisk) {
    let mut file = std::fs::File::create(disk.path().join("filled")).expect("a file");
    for size in [1 << 20, 65_536, 4096, 512, 1] {
        while std::io::Write::write(&mut file, &vec![0; size]).is_ok_and(|written| written > 0) {}
    }
}
