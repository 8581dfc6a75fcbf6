//! Health probes for `/readyz` of components that do not report by themselves.

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
    telemetry::health::{Cause, Component, ComponentState, Health, Serves},
};

/// Interval of the free-space check.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Reports whether the journal accepts records.
pub fn watch_journal(health: &Health, journal: &Arc<Journal>) {
    let journal = Arc::clone(journal);
    health.probe("journal", Serves::Events, move || {
        if journal.has_ended() {
            ComponentState::Down(Cause::new(
                "journal_ended",
                "the journal's thread has ended: the service must be restarted",
            ))
        } else if journal.has_space() {
            ComponentState::Ok
        } else {
            ComponentState::Down(Cause::new(
                "journal_full",
                "the journal is full: events are refused until records are delivered",
            ))
        }
    });
}

/// Reports whether delivery makes progress.
pub fn watch_delivery(health: &Health, delivery: &Delivery) {
    let waits = delivery.wait_reason();
    health.probe("delivery", Serves::Nothing, move || match *waits.borrow() {
        None => ComponentState::Ok,
        Some(reason) => ComponentState::Degraded(Cause::new(reason.code(), reason.message())),
    });
}

/// Reports whether the embedded engine responds.
pub fn watch_engine(health: &Health, engine: &Engine) {
    let status = engine.status();
    health.probe("engine", Serves::Reports, move || match &*status.borrow() {
        Status::Ready => ComponentState::Ok,
        Status::Starting => ComponentState::Down(Cause::new("engine_starting", "the warehouse's engine is starting")),
        Status::Down { reason, .. } => {
            ComponentState::Down(Cause::new("engine_down", format!("the warehouse's engine is restarting: {reason}")))
        }
    });
}

/// Reports whether the disk has the minimum free space.
#[derive(Debug, Clone)]
pub struct Disk {
    component: Component,
    dir: PathBuf,
    free_bytes_min: u64,
}

impl Disk {
    /// Creates the component and checks the disk once.
    pub fn new(health: &Health, dir: PathBuf, free_bytes_min: u64) -> Self {
        let disk = Self { component: health.component("disk", Serves::Events), dir, free_bytes_min };
        disk.component.set(disk.check());
        disk
    }

    /// Checks the disk periodically, off the async threads: a hanging disk blocks.
    pub async fn watch(self, mut stopping: Stopping) {
        while !stopping.sleep(CHECK_INTERVAL).await {
            let disk = self.clone();
            match tokio::task::spawn_blocking(move || disk.check()).await {
                Ok(state) => self.component.set(state),
                Err(error) => tracing::error!(%error, "checking the disk's free space failed"),
            }
        }
    }

    fn check(&self) -> ComponentState {
        free_bytes(&self.dir).map_or_else(
            |error| {
                ComponentState::Degraded(Cause::new(
                    "disk_unknown",
                    format!("cannot determine the disk's free space: {error}"),
                ))
            },
            |free| disk_status(&self.dir, free, self.free_bytes_min),
        )
    }
}

fn free_bytes(dir: &Path) -> std::io::Result<u64> {
    let disk = rustix::fs::statvfs(dir)?;
    Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
}

fn disk_status(dir: &Path, free: u64, min: u64) -> ComponentState {
    if free >= min {
        return ComponentState::Ok;
    }
    let message = format!(
        "the disk of {} has {free} bytes free, fewer than journal.disk_free_bytes_min = {min}: events are refused",
        dir.display()
    );
    ComponentState::Down(Cause::new("disk_below_floor", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_below_the_minimum_refuses_events_from_the_start() {
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
