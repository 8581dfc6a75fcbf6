//! A full disk and a failing disk.

use rand::RngExt;

use super::campaign::{Campaign, rounds, segments};
use crate::{
    service::{report, strace_may_inject},
    support::{
        engine::{PATIENCE, eventually},
        fault_proxy::Fault,
        small_disk::{Kind, SmallDisk},
    },
};

/// Fills the free space to the last byte with a file of another program.
fn fill(disk: &SmallDisk) {
    let mut file = std::fs::File::create(disk.path().join("foreign")).expect("a file");
    for size in [65_536, 4096, 512, 1] {
        while std::io::Write::write(&mut file, &vec![0; size]).is_ok_and(|written| written > 0) {}
    }
}

fn empty(disk: &SmallDisk) {
    std::fs::remove_file(disk.path().join("foreign")).expect("it is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_by_the_journal_is_drained_and_accepts_events_again() {
    let Some(disk) = SmallDisk::mount(Kind::Tmpfs, 40) else { return };
    let mut row = Campaign::open("disk full, by the journal itself", |service| {
        service
            .on(&disk.path())
            .set("ASHNA__JOURNAL__DISK_FREE_BYTES_MIN", "0")
            .set("ASHNA__JOURNAL__SEGMENT_BYTES", "2000000")
    })
    .await;
    row.send_padded(4000);
    for round in 0..rounds() {
        row.proxy.set(Fault::Hang);
        full(&row).await;
        if round % 2 == 1 {
            // Killed on a full disk: it must start with the remaining space.
            row.service.kill();
            row.again().await;
        }
        row.proxy.set(Fault::None);
        accepts_again(&row).await;
    }
    assert!(row.finish(rounds()).await.refused > 0, "the disk was never full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_filled_by_others_does_not_stop_delivery() {
    let Some(disk) = SmallDisk::mount(Kind::Tmpfs, 60) else { return };
    let mut row = Campaign::open("disk full, by others", |service| {
        service
            .on(&disk.path())
            .set("ASHNA__JOURNAL__DISK_FREE_BYTES_MIN", "0")
            .set("ASHNA__JOURNAL__SEGMENT_BYTES", "500000")
    })
    .await;
    row.send_padded(2000);
    for _ in 0..rounds() {
        // Events are pending when the disk is full to the last byte.
        row.proxy.set(Fault::Hang);
        eventually("something waits", PATIENCE, async || metric(&row, "journal_records_waiting").await > 0).await;
        fill(&disk);
        full(&row).await;
        row.proxy.set(Fault::None);
        // The current count: more is accepted as soon as some space is free.
        let kept = metric(&row, "journal_records_kept").await;
        let drained = async || metric(&row, "journal_records_inserted").await >= kept;
        eventually("the journal is drained while the disk is full", PATIENCE, drained).await;
        empty(&disk);
        accepts_again(&row).await;
    }
    assert!(row.finish(rounds()).await.refused > 0, "the disk was never full");
}

async fn metric(row: &Campaign, name: &str) -> u64 {
    row.service.metrics(&row.target.client).await[&format!("ashna_{name}")]
}

async fn ready(row: &Campaign) -> bool {
    let url = format!("{}/readyz", row.target.url);
    row.target.client.get(url).send().await.is_ok_and(|answer| answer.status() == 200)
}

async fn full(row: &Campaign) {
    eventually("the journal says that it is full", PATIENCE, async || !ready(row).await).await;
}

async fn accepts_again(row: &Campaign) {
    eventually("events are taken again", PATIENCE, async || ready(row).await).await;
}

/// The service under strace with fault injection.
async fn failing(name: &'static str, inject: &[&str]) {
    if !strace_may_inject() {
        report(&format!("| {name} | skipped: strace is missing or may not trace here |"));
        return;
    }
    let mut row = Campaign::open(name, |service| service).await;
    row.send();
    for _ in 0..rounds() {
        row.service.kill();
        // Only calls on the journal's newest segment; the first ones open it.
        let newest = segments(row.service.data()).pop().expect("a segment").to_string_lossy().into_owned();
        let (first, step) = (rand::rng().random_range(4..9), rand::rng().random_range(3..9));
        let mut command = vec!["strace".to_owned(), "-f".into(), "-qqq".into()];
        command.extend(["-P".to_owned(), newest]);
        command.extend(["-o", "/dev/null", "-e", "trace=fdatasync,fsync,pwrite64"].map(str::to_owned));
        for rule in inject {
            command.extend(["-e".to_owned(), format!("inject={rule}:when={first}+{step}")]);
        }
        row.service.wrap(&command.iter().map(String::as_str).collect::<Vec<_>>());
        row.again().await;
        row.meet_refusals(2000).await;
        row.go_on(10..100).await;
    }
    row.service.kill();
    row.service.wrap(&[]);
    row.again().await;
    let files = segments(row.service.data()).len();
    let counted = row.finish(rounds()).await;
    assert!(counted.refused > 0, "no call failed");
    assert!(files > 0 && counted.acknowledged > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn eio_from_fsync() {
    failing("EIO from fdatasync", &["fdatasync:error=EIO"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eio_from_write() {
    failing("EIO from write", &["pwrite64:error=EIO"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn enospc_from_write() {
    failing("ENOSPC from write", &["pwrite64:error=ENOSPC"]).await;
}
