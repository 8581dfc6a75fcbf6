//! A clock that jumps: by more than messages are remembered, and back.

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
async fn a_clock_that_jumps_forgets_no_message() {
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
        ids_are_kept(&row).await;
        if *jump == "+40d" {
            // Started with the wrong clock, too.
            row.service.kill();
            row.again().await;
            ids_are_kept(&row).await;
        }
        let (status, outcome) = post(&row.target, body(&row.target.key, 0, &remembered, 0)).await.expect("an answer");
        assert_eq!((status, outcome.as_str()), (204, "kept=0, dropped=50 (duplicate=50), rejected=0"), "after {jump}");
    }
    row.finish(rounds().max(jumps.len())).await;
}

/// Waits until message ids were brought to disk twice, and with it was looked which may be forgotten. While clients
/// send, each time leaves the files larger.
async fn ids_are_kept(row: &Campaign) {
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
