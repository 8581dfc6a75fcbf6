//! A clock that jumps by more than the retention of message ids, and back.

use std::path::Path;

use super::{
    campaign::{Campaign, rounds},
    sender::{body, post},
};
use crate::{
    service::report,
    support::engine::{PATIENCE, eventually},
};

/// From Debian's package `faketime`.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

#[tokio::test(flavor = "multi_thread")]
async fn clock_jumps_forget_no_message_id() {
    if !Path::new(LIBRARY).exists() {
        report("| clock jumps | skipped: libfaketime is missing (Debian: apt-get install faketime) |");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let clock = folder.path().join("clock");
    std::fs::write(&clock, "+0").expect("a clock");
    let mut row = Campaign::open("clock jumps by hours and days, back and forth", |service| {
        service
            .set("LD_PRELOAD", LIBRARY)
            .set("FAKETIME_TIMESTAMP_FILE", &clock.to_string_lossy())
            .set("FAKETIME_NO_CACHE", "1")
            .set("FAKETIME_DONT_FAKE_MONOTONIC", "1")
    })
    .await;
    let remembered: Vec<String> = (0..50).map(|n| format!("c0-{n}")).collect();
    row.send();
    let jumps = ["+3d", "+0", "-2d", "+0", "+40d", "-400d", "+0"];
    for jump in jumps.iter().cycle().take(rounds().max(jumps.len())) {
        std::fs::write(&clock, jump).expect("a clock");
        message_ids_are_saved(&row).await;
        if *jump == "+40d" {
            // Also started with the wrong clock.
            row.service.kill();
            row.again().await;
            message_ids_are_saved(&row).await;
        }
        let (status, outcome) = post(&row.target, body(&row.target.key, 0, &remembered, 0)).await.expect("an answer");
        assert_eq!((status, outcome.as_str()), (204, "kept=0, dropped=50 (duplicate=50), rejected=0"), "after {jump}");
    }
    row.finish(rounds().max(jumps.len())).await;
}

/// Waits until message ids were written to disk twice, which also expires old ids. While clients send, each write
/// makes the files larger.
async fn message_ids_are_saved(row: &Campaign) {
    for _ in 0..2 {
        let before = sizes(&row.service.data().join("dedup"));
        let grown = async || sizes(&row.service.data().join("dedup")) != before;
        eventually("message ids are brought to disk", PATIENCE, grown).await;
    }
}

/// Names and lengths of the files in a folder.
fn sizes(folder: &Path) -> Vec<(std::ffi::OsString, u64)> {
    let files = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut sizes: Vec<_> = files.map(|file| (file.file_name(), file.metadata().map_or(0, |of| of.len()))).collect();
    sizes.sort();
    sizes
}
