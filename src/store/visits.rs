//! Finished days counted once: sessions (`visits`) and events by visitor and quarter of an hour (`visitor_quarters`).
//!
//! Both are made of `events` for one site and UTC day at a time, as a new generation of rows, which is then recorded
//! together with the number of events around the day. A question uses a day's rows only while that number is the same, so
//! what arrives late, or is removed, is never missed: the day is read from `events` until it is made again.

use std::{ops::Range, time::Duration};

use clickhouse::Row;
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use super::{Param, Store, StoreError, filters::FilterRange};
use crate::model::SiteId;

const STORED_DAYS: &str = include_str!("sql/visits.stored_days.sql");
const STALE_DAYS: &str = include_str!("sql/visits.stale_days.sql");
const INSERT_VISITS: &str = include_str!("sql/visits.insert_visits.sql");
const INSERT_QUARTERS: &str = include_str!("sql/visits.insert_quarters.sql");
const RECORD_DAY: &str = include_str!("sql/visits.record_day.sql");
const RUNNING_INSERTS: &str = include_str!("sql/visits.running_inserts.sql");
const MUTATIONS: &str = include_str!("sql/visits.mutations.sql");
const OLD_GENERATIONS: &str = include_str!("sql/visits.old_generations.sql");
const FORGET_DAYS: &str = include_str!("sql/visits.forget_days.sql");
const REMOVE_GENERATION: &str = include_str!("sql/visits.remove_generation.sql");

/// The tables of finished days.
const TABLES: [&str; 2] = ["visits", "visitor_quarters"];
/// Version of the statements that make the rows; another one makes all days stale.
const VERSION: u64 = 1;
const DAY_MS: i64 = 86_400_000;
/// After all dates that are asked for: nothing is read from here.
const NEVER_MS: i64 = 4_102_444_800_000;
/// How long inserts that are being made are waited for.
const INSERTS_WAIT: Duration = Duration::from_mins(1);
const INSERTS_POLL: Duration = Duration::from_millis(100);

/// Events that the tracker sends without an action of the visitor: a session with one page view and any of these is
/// still a bounce.
pub const PASSIVE_EVENTS: [&str; 5] =
    ["Page Engaged", "Web Vitals", "Error Occurred", "Decision Late", "Experiment Viewed"];

/// Days whose rows are current.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredDays {
    /// Days since 1970 and their generations, in order.
    days: Vec<StoredDay>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
struct StoredDay {
    day_number: u32,
    /// 0: the day has no events, and no rows.
    generation: u64,
}

/// A day whose rows are missing, or not current.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct StaleDay {
    /// Days since 1970, in UTC.
    pub day_number: u32,
    /// Number of events ever inserted on the day before, the day and the day after.
    counted_now: Vec<u64>,
}

/// The removals of events that were begun.
#[derive(Debug, PartialEq, Eq, Row, Deserialize)]
struct Removals {
    /// Differs for other removals.
    state: u64,
    pending: u64,
}

#[derive(Row, Deserialize)]
struct OldGeneration {
    site_id: u32,
    day_number: u32,
    generation: u64,
}

impl StoredDays {
    /// Whether there are no rows of these days.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.iter().all(|stored| stored.generation == 0)
    }

    /// The parameters of a statement that uses these days for a period: the days, and the range of `events` in which the
    /// sessions of all other days began.
    pub(super) fn params(&self, period: Range<i64>) -> Vec<(String, Param)> {
        let is_stored = |day: i64| self.days.iter().any(|stored| i64::from(stored.day_number) == day);
        let mut missing = days_around(&period).filter(|day| !is_stored(*day));
        let first = missing.next();
        let last = missing.last().or(first);
        let (raw_from, raw_to) = match (first, last) {
            (Some(first), Some(last)) => (
                (first * DAY_MS).clamp(period.start, period.end),
                ((last + 1) * DAY_MS).clamp(period.start, period.end),
            ),
            _ => (NEVER_MS, NEVER_MS),
        };
        let rows = || self.days.iter().filter(|stored| stored.generation > 0);
        let dates = rows().map(|stored| date(stored.day_number)).collect();
        vec![
            ("raw_from_ms".into(), Param::I64(raw_from)),
            ("raw_to_ms".into(), Param::I64(raw_to)),
            ("stored_days".into(), Param::ArrayStr(dates)),
            ("stored_generations".into(), Param::ArrayU64(self.days.iter().map(|stored| stored.generation).collect())),
        ]
    }
}

/// The days in which the sessions may have begun that have to do with a period.
fn days_around(period: &Range<i64>) -> impl Iterator<Item = i64> + use<> {
    let first = (period.start - DAY_MS).max(0) / DAY_MS;
    let last = (period.end - 1 + DAY_MS) / DAY_MS;
    first..=last
}

/// `2026-11-30`.
fn date(day_number: u32) -> String {
    let day = jiff::civil::date(1970, 1, 1).checked_add(jiff::Span::new().days(i64::from(day_number)));
    day.map(|day| day.to_string()).unwrap_or_default()
}

impl Store {
    /// The days of a period, and the day before and after it, whose rows are current.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn stored_days(&self, site: SiteId, range: FilterRange) -> Result<StoredDays, StoreError> {
        let mut days = days_around(&(range.from_ms..range.to_ms));
        let (Some(first), Some(last)) = (days.next(), days.last()) else { return Ok(StoredDays::default()) };
        let day = |number: i64| Param::U32(u32::try_from(number).unwrap_or_default());
        let params = [
            ("site", Param::U32(site.0)),
            ("from_day", day(first)),
            ("to_day", day(last)),
            ("session_ms", Param::I64(range.session_ms)),
            ("version", Param::U64(VERSION)),
        ];
        Ok(StoredDays { days: self.query(STORED_DAYS, &params).await? })
    }

    /// At most `limit` days up to `to_day` (days since 1970) whose rows are to be made, the latest first. Days that were
    /// made since `before_ms` are left for later.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn stale_days(
        &self,
        site: SiteId,
        session_ms: i64,
        (to_day, before_ms): (u32, u64),
        limit: u32,
    ) -> Result<Vec<StaleDay>, StoreError> {
        let params = [
            ("site", Param::U32(site.0)),
            ("to_day", Param::U32(to_day)),
            ("session_ms", Param::I64(session_ms)),
            ("version", Param::U64(VERSION)),
            ("before", Param::U64(before_ms)),
            ("limit", Param::U32(limit)),
        ];
        self.query(STALE_DAYS, &params).await
    }

    /// Makes the rows of a day. Returns whether they are used from now on: not if events were being removed meanwhile.
    /// `generation` is the present, Unix time in milliseconds, and different at every call.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn make_day(
        &self,
        site: SiteId,
        session_ms: i64,
        day: &StaleDay,
        generation: u64,
    ) -> Result<bool, StoreError> {
        self.finish_running_inserts().await?;
        let before: Vec<Removals> = self.query(MUTATIONS, &[]).await?;
        if before.iter().any(|removals| removals.pending > 0) {
            return Ok(false);
        }
        let mut params = vec![
            ("site", Param::U32(site.0)),
            ("day", Param::U32(day.day_number)),
            ("generation", Param::U64(generation)),
        ];
        self.execute(INSERT_QUARTERS, &params).await?;
        params.push(("session_ms", Param::I64(session_ms)));
        params.push(("passive", Param::ArrayStr(PASSIVE_EVENTS.map(str::to_owned).to_vec())));
        self.execute(INSERT_VISITS, &params).await?;
        params.pop();
        // What was being removed may or may not have been read.
        if self.query::<Removals>(MUTATIONS, &[]).await? != before {
            for table in TABLES {
                self.remove_generation(table, site.0, day.day_number, generation).await?;
            }
            return Ok(false);
        }
        params.push(("counted", Param::ArrayU64(day.counted_now.clone())));
        params.push(("version", Param::U64(VERSION)));
        self.execute(RECORD_DAY, &params).await?;
        Ok(true)
    }

    /// Waits for the inserts that were being made when the numbers of events were read: they may have been counted
    /// before their events can be read.
    async fn finish_running_inserts(&self) -> Result<(), StoreError> {
        let mut running: Vec<String> = self.query(RUNNING_INSERTS, &[]).await?;
        let deadline = Instant::now() + INSERTS_WAIT;
        while !running.is_empty() {
            if Instant::now() > deadline {
                return Err(StoreError::UnexpectedResponse("an insert takes longer than a minute".into()));
            }
            sleep(INSERTS_POLL).await;
            let now: Vec<String> = self.query(RUNNING_INSERTS, &[]).await?;
            running.retain(|insert| now.contains(insert));
        }
        Ok(())
    }

    /// Makes reports read the events of the days from one time to another, because some of them are being removed.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub(super) async fn forget_days(&self, site: SiteId, from_ms: i64, to_ms: i64) -> Result<(), StoreError> {
        let params = [("site", Param::U32(site.0)), ("from_ms", Param::I64(from_ms)), ("to_ms", Param::I64(to_ms))];
        self.execute(FORGET_DAYS, &params).await
    }

    /// Removes rows that no question uses any more, made before `before_ms`. Returns the number of generations removed.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn remove_old_days(&self, before_ms: u64) -> Result<usize, StoreError> {
        let mut removed = 0;
        for table in TABLES {
            let params = [("table", table.into()), ("before", Param::U64(before_ms))];
            for old in self.query::<OldGeneration>(OLD_GENERATIONS, &params).await? {
                self.remove_generation(table, old.site_id, old.day_number, old.generation).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    async fn remove_generation(&self, table: &str, site: u32, day: u32, generation: u64) -> Result<(), StoreError> {
        let params = [
            ("table", table.into()),
            ("site", Param::U32(site)),
            ("day", Param::U32(day)),
            ("generation", Param::U64(generation)),
        ];
        self.execute(REMOVE_GENERATION, &params).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_stored_is_read_from_events() {
        let stored = |days: &[u32]| StoredDays {
            days: days.iter().map(|day| StoredDay { day_number: *day, generation: 1 }).collect(),
        };
        let raw = |days: &StoredDays, period: Range<i64>| {
            let params = days.params(period);
            let value = |at: usize| if let Param::I64(value) = params[at].1 { value } else { 0 };
            (value(0), value(1))
        };
        let period = 100 * DAY_MS..103 * DAY_MS;
        // The day before, the three days, and the day after.
        assert_eq!(raw(&stored(&[99, 100, 101, 102, 103]), period.clone()), (NEVER_MS, NEVER_MS));
        assert_eq!(raw(&stored(&[99, 100, 101]), period.clone()), (102 * DAY_MS, 103 * DAY_MS));
        assert_eq!(raw(&stored(&[100, 101, 102, 103]), period.clone()), (100 * DAY_MS, 100 * DAY_MS));
        assert_eq!(raw(&stored(&[99, 100, 102, 103]), period.clone()), (101 * DAY_MS, 102 * DAY_MS));
        assert_eq!(raw(&stored(&[]), period.clone()), (period.start, period.end));
        assert_eq!(date(20_787), "2026-11-30");
    }
}
