//! Keeps what reports ask of finished days counted ([`crate::store::visits`]).
//!
//! In the background, a day of a site at a time: days that were never counted, and days whose events changed. Today and
//! yesterday are left out: they change all the time, and reports read them from the events. Reports are right at any time,
//! and fast once the days of their period are counted.
//!
//! ```no_run
//! # async fn example(days: &ashna::finished_days::FinishedDays) -> Result<(), ashna::store::StoreError> {
//! let counted = days.count_all().await?;
//! println!("{counted} days were counted");
//! # Ok(())
//! # }
//! ```

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    clock,
    model::{Site, Timestamp},
    store::{ErrorKind, Store, StoreError},
    tasks::Stopping,
    telemetry::finished_days::FinishedDayMetrics,
};

/// The interval between checks is at least so many times the duration of a check.
const CHECK_REST_FACTOR: u32 = 5;
/// A day is counted when it has been over for this long: clients send events late.
const SETTLES: Duration = Duration::from_hours(12);
/// A day is not counted more often than this, however many events arrive late.
const AGAIN_AFTER: Duration = Duration::from_mins(30);
/// Questions that began before rows were replaced are over after this.
const KEPT_FOR: Duration = Duration::from_hours(1);
/// Days of one site that are counted in one go: other sites have their turn.
const DAYS_AT_ONCE: u32 = 30;
const DAY_MS: i64 = 86_400_000;

/// Returns the sites whose days are counted.
pub type Sites = Arc<dyn Fn() -> Vec<Arc<Site>> + Send + Sync>;

/// Counts finished days in the background.
pub struct FinishedDays {
    store: Store,
    sites: Sites,
    session_minutes: u64,
    interval: Duration,
    /// The latest generation of rows, Unix time in milliseconds.
    generation: AtomicU64,
    metrics: FinishedDayMetrics,
}

impl std::fmt::Debug for FinishedDays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FinishedDays").field("interval", &self.interval).finish_non_exhaustive()
    }
}

impl FinishedDays {
    /// Counts nothing until [`Self::run`] or [`Self::count_all`]. `session_minutes`: inactivity that ends a session, for
    /// sites that have no own.
    #[must_use]
    pub fn new(
        store: &Store,
        sites: Sites,
        session_minutes: u64,
        interval: Duration,
        metrics: FinishedDayMetrics,
    ) -> Self {
        let (store, generation) = (store.for_background(), AtomicU64::new(0));
        Self { store, sites, session_minutes, interval, generation, metrics }
    }

    /// Keeps the days of all sites counted until the service stops.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        loop {
            if stopping.sleep(self.interval).await {
                return;
            }
            let begun = Instant::now();
            let result = tokio::select! {
                () = stopping.wait() => return,
                result = self.count_due() => result,
            };
            if let Err(error) = result {
                // A warehouse that is starting or briefly unavailable is no failure.
                if error.kind() != ErrorKind::Retry {
                    self.metrics.failures.inc();
                    tracing::warn!(%error, "finished days could not be counted; reports read their events instead");
                }
            }
            if stopping.sleep(begun.elapsed() * CHECK_REST_FACTOR).await {
                return;
            }
        }
    }

    /// Counts all days that are due now; returns their number. For tools and tests.
    ///
    /// # Errors
    /// If the store cannot be queried.
    pub async fn count_all(&self) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let counted = self.count_due().await?;
            if counted == 0 {
                return Ok(all);
            }
            all += counted;
        }
    }

    /// Counts the latest days of each site that are due.
    async fn count_due(&self) -> Result<u64, StoreError> {
        let mut counted = 0;
        for site in (self.sites)() {
            counted += self.count_site(&site, clock::now()).await?;
        }
        if counted > 0 {
            self.store.remove_old_days(before(clock::now(), KEPT_FOR)).await?;
        }
        Ok(counted)
    }

    async fn count_site(&self, site: &Site, now: Timestamp) -> Result<u64, StoreError> {
        let session_ms = site.visitors.session_ms(self.session_minutes);
        let Some(last) = last_settled(now) else { return Ok(0) };
        let due = (last, before(now, AGAIN_AFTER));
        let mut counted = 0;
        for day in self.store.stale_days(site.id, session_ms, due, DAYS_AT_ONCE).await? {
            let generation = self.next_generation(clock::now());
            if self.store.make_day(site.id, session_ms, &day, generation).await? {
                counted += 1;
                self.metrics.counted.inc();
            }
        }
        Ok(counted)
    }

    fn next_generation(&self, now: Timestamp) -> u64 {
        let now = u64::try_from(now.0).unwrap_or_default();
        let next = |last: u64| Some(now.max(last + 1));
        let last = self.generation.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap_or_default();
        now.max(last + 1)
    }
}

/// The last day (since 1970) that is counted.
fn last_settled(now: Timestamp) -> Option<u32> {
    let settled = now.0 - i64::try_from(SETTLES.as_millis()).unwrap_or(i64::MAX);
    u32::try_from(settled.div_euclid(DAY_MS) - 1).ok()
}

fn before(now: Timestamp, duration: Duration) -> u64 {
    let duration = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    u64::try_from(now.0).unwrap_or_default().saturating_sub(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_counted_twelve_hours_after_its_end() {
        let hour = 3_600_000;
        assert_eq!(last_settled(Timestamp(10 * DAY_MS + 12 * hour)), Some(9));
        assert_eq!(last_settled(Timestamp(10 * DAY_MS + 12 * hour - 1)), Some(8));
        assert_eq!(last_settled(Timestamp(hour)), None);
    }
}
