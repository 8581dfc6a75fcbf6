//! When visitors come: evenings and weekends, growth over time, two newsletter days, one slow day, and an afternoon in
//! which nothing was recorded.

use std::ops::Range;

use super::{rng::Rng, shop::Campaign};
use crate::model::Timestamp;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// Visitors by local hour; the evening is the peak.
const HOURS: [f64; 24] = [
    0.22, 0.12, 0.07, 0.05, 0.05, 0.08, 0.18, 0.32, 0.45, 0.52, 0.56, 0.60, 0.66, 0.62, 0.55, 0.54, 0.58, 0.66, 0.78,
    0.92, 1.00, 0.95, 0.72, 0.42,
];
/// Visitors by day of the week, Monday first.
const WEEKDAYS: [f64; 7] = [0.72, 0.70, 0.71, 0.70, 0.66, 0.88, 1.0];
/// Activity on the slow day.
const SLOW: f64 = 0.3;
/// A newsletter is read within hours.
const READ_MEAN_MS: f64 = 9.0 * 3_600_000.0;
/// Newsletters are sent at seven in the morning.
const SENT_AT_MS: i64 = 7 * HOUR_MS;

/// The period and its special days.
#[derive(Debug)]
pub(super) struct Calendar {
    pub(super) begin: Timestamp,
    pub(super) until: Timestamp,
    slow: Range<Timestamp>,
    outage: Range<Timestamp>,
}

impl Calendar {
    pub(super) fn new(until: Timestamp, days: u32) -> Self {
        let begin = until.plus(-i64::from(days) * DAY_MS);
        let day = |share: f64| midnight(at_share(begin, until, share));
        let (slow, down) = (day(0.58), day(0.83).plus(14 * HOUR_MS + 5 * MINUTE_MS));
        Self { begin, until, slow: slow..slow.plus(DAY_MS), outage: down..down.plus(100 * MINUTE_MS) }
    }

    /// Whether events at that time are recorded.
    pub(super) fn is_recorded(&self, at: Timestamp) -> bool {
        self.begin <= at && at < self.until && !self.outage.contains(&at)
    }

    /// A random time of the period; later ones are likelier, since the shop grows.
    pub(super) fn random_time(&self, rng: &mut Rng, offset_minutes: i64) -> Timestamp {
        loop {
            let share = rng.share();
            let at = at_share(self.begin, self.until, share);
            if rng.happens((0.72 + 0.28 * share) * self.activity(at, offset_minutes)) {
                return at;
            }
        }
    }

    /// A time near `wish`, at an active hour and after `earliest`; `None` once the period is over.
    pub(super) fn near(
        &self,
        rng: &mut Rng,
        wish: Timestamp,
        earliest: Timestamp,
        offset_minutes: i64,
    ) -> Option<Timestamp> {
        let tried = (0..40).find_map(|_| {
            let at = wish.plus(rng.between(-9 * HOUR_MS, 9 * HOUR_MS)).max(earliest);
            rng.happens(self.activity(at, offset_minutes)).then_some(at)
        });
        tried.filter(|at| *at < self.until)
    }

    /// When a campaign's newsletters were sent.
    pub(super) fn send_times<'c>(&'c self, campaign: &'c Campaign) -> impl Iterator<Item = Timestamp> + 'c {
        campaign.sent.iter().map(|share| midnight(at_share(self.begin, self.until, *share)).plus(SENT_AT_MS))
    }

    /// When a newsletter is opened.
    pub(super) fn open_time(
        &self,
        rng: &mut Rng,
        sent: Timestamp,
        earliest: Timestamp,
        offset_minutes: i64,
    ) -> Option<Timestamp> {
        let tried = (0..20).find_map(|_| {
            let at = sent.plus(in_ms(rng.exponential(READ_MEAN_MS)));
            // Newsletters received at night wait; by day they are opened on arrival.
            (at >= earliest && rng.happens(0.3 + self.activity(at, offset_minutes))).then_some(at)
        });
        tried.filter(|at| self.is_recorded(*at))
    }

    /// Likelihood of a session at a time, relative to the best time of the week.
    fn activity(&self, at: Timestamp, offset_minutes: i64) -> f64 {
        if self.outage.contains(&at) {
            return 0.0;
        }
        let local = at.plus(offset_minutes * MINUTE_MS).0;
        // 1970-01-01 was a Thursday.
        let weekday = (local.div_euclid(DAY_MS) + 3).rem_euclid(7);
        let hour = local.rem_euclid(DAY_MS) / HOUR_MS;
        let slow = if self.slow.contains(&at) { SLOW } else { 1.0 };
        let of = |table: &[f64], index: i64| usize::try_from(index).ok().and_then(|at| table.get(at)).copied();
        slow * of(&WEEKDAYS, weekday).unwrap_or(1.0) * of(&HOURS, hour).unwrap_or(1.0)
    }
}

fn at_share(begin: Timestamp, until: Timestamp, share: f64) -> Timestamp {
    begin.plus(in_ms(until.since(begin) as f64 * share))
}

fn midnight(at: Timestamp) -> Timestamp {
    at.plus(-at.0.rem_euclid(DAY_MS))
}

/// Whole milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "spans of a period of at most some years")]
pub(super) fn in_ms(span: f64) -> i64 {
    span as i64
}
