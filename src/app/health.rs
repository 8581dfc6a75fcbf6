//! What `/readyz` knows of the parts that cannot speak for themselves.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::{
    delivery::Delivery,
    engine::{Engine, Status},
    journal::Journal,
    tasks::Stopping,
    telemetry::health::{Cause, Component, Health, Serves, State},
};

/// How often the disk's free space is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The journal takes records.
pub fn watch_journal(health: &Health, journal: &Arc<Journal>) {
    let journal = Arc::clone(journal);
    health.probe("journal", Serves::Events, move || {
        if journal.has_ended() {
            State::Down(Cause::new(
                "journal_ended",
                "the journal's thread has ended: the service must be started again",
            ))
        } else if journal.has_room() {
            State::Ok
        } else {
            State::Down(Cause::new("journal_full", "the journal is full: events are refused until it is delivered"))
        }
    });
}

/// Delivery goes on.
pub fn watch_delivery(health: &Health, delivery: &Delivery) {
    let waits = delivery.waits();
    health.probe("delivery", Serves::Nothing, move || match *waits.borrow() {
        None => State::Ok,
        Some(reason) => State::Degraded(Cause::new(reason.code(), reason.as_str())),
    });
}

/// The embedded engine answers.
pub fn watch_engine(health: &Health, engine: &Engine) {
    let status = engine.status();
    health.probe("engine", Serves::Reports, move || match &*status.borrow() {
        Status::Ready => State::Ok,
        Status::Starting => State::Down(Cause::new("engine_starting", "the warehouse's engine is starting")),
        Status::Down { reason, .. } => {
            State::Down(Cause::new("engine_down", format!("the warehouse's engine is being started again: {reason}")))
        }
    });
}

/// The disk has the room that the journal must leave.
#[derive(Debug, Clone)]
pub struct Disk {
    component: Component,
    dir: PathBuf,
    free_bytes_min: u64,
}

impl Disk {
    /// Looks once, at once.
    pub fn new(health: &Health, dir: PathBuf, free_bytes_min: u64) -> Self {
        let disk = Self { component: health.component("disk", Serves::Events), dir, free_bytes_min };
        disk.component.set(disk.look());
        disk
    }

    /// Looks again and again, off the async threads: a disk that hangs answers late.
    pub async fn watch(self, mut stopping: Stopping) {
        while !stopping.sleep(LOOK_EVERY).await {
            let disk = self.clone();
            match tokio::task::spawn_blocking(move || disk.look()).await {
                Ok(state) => self.component.set(state),
                Err(error) => tracing::error!(%error, "looking at the disk's free space failed"),
            }
        }
    }

    fn look(&self) -> State {
        free_bytes(&self.dir).map_or_else(
            |error| State::Degraded(Cause::new("disk_unknown", format!("cannot tell the disk's free space: {error}"))),
            |free| judge(&self.dir, free, self.free_bytes_min),
        )
    }
}

fn free_bytes(dir: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn judge(dir: &Path, free: u64, least: u64) -> State {
    if free >= least {
        return State::Ok;
    }
    let message = format!(
        "the disk of {} has {free} bytes free, fewer than journal.disk_free_bytes_min = {least}: events are refused",
        dir.display()
    );
    State::Down(Cause::new("disk_below_floor", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_below_the_floor_refuses_events_before_the_first_one_comes() {
        let (dir, health) = (tempfile::tempdir().unwrap(), Health::default());
        let _ = Disk::new(&health, dir.path().to_owned(), u64::MAX);
        let report = health.report();
        let cause = report.refusal(Serves::Events).expect("no disk is that large");
        assert_eq!(cause.code, "disk_below_floor");
        assert!(cause.message.contains("journal.disk_free_bytes_min"), "{}", cause.message);
        let _ = Disk::new(&health, dir.path().to_owned(), 1);
        assert_eq!(health.report().refusal(Serves::Events), None);
    }
}
