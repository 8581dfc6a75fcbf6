//! When people come: evenings and weekends, a shop that grows, two days of the newsletter, one slow day,
//! and an afternoon in which nothing was recorded.

use std::ops::Range;

use super::{chance::Chance, shop::Campaign};
use crate::model::Timestamp;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// Visitors by hour of their own day; the evening is the peak.
const HOURS: [f64; 24] = [
    0.22, 0.12, 0.07, 0.05, 0.05, 0.08, 0.18, 0.32, 0.45, 0.52, 0.56, 0.60, 0.66, 0.62, 0.55, 0.54, 0.58, 0.66, 0.78,
    0.92, 1.00, 0.95, 0.72, 0.42,
];
/// Visitors by day of the week, Monday first.
const WEEKDAYS: [f64; 7] = [0.72, 0.70, 0.71, 0.70, 0.66, 0.88, 1.0];
/// Of a slow day.
const SLOW: f64 = 0.3;
/// A newsletter is read within hours of its sending.
const READ_MEAN_MS: f64 = 9.0 * 3_600_000.0;
/// It goes out at seven in the morning.
const SENT_AT_MS: i64 = 7 * HOUR_MS;

/// The period and what is special in it.
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

    /// Whether the shop could tell anything at that moment.
    pub(super) fn records(&self, at: Timestamp) -> bool {
        self.begin <= at && at < self.until && !self.outage.contains(&at)
    }

    /// Some moment of the period; later ones are likelier, since the shop grows.
    pub(super) fn anytime(&self, chance: &mut Chance, offset_minutes: i64) -> Timestamp {
        loop {
            let share = chance.share();
            let at = at_share(self.begin, self.until, share);
            if chance.says((0.72 + 0.28 * share) * self.liveliness(at, offset_minutes)) {
                return at;
            }
        }
    }

    /// A moment about `wish`, at an hour when people are awake, and after `earliest`; `None` once the period is over.
    pub(super) fn about(
        &self,
        chance: &mut Chance,
        wish: Timestamp,
        earliest: Timestamp,
        offset_minutes: i64,
    ) -> Option<Timestamp> {
        let tried = (0..40).find_map(|_| {
            let at = wish.plus(chance.between(-9 * HOUR_MS, 9 * HOUR_MS)).max(earliest);
            chance.says(self.liveliness(at, offset_minutes)).then_some(at)
        });
        tried.filter(|at| *at < self.until)
    }

    /// When a campaign's letters went out.
    pub(super) fn sendings<'c>(&'c self, campaign: &'c Campaign) -> impl Iterator<Item = Timestamp> + 'c {
        campaign.sent.iter().map(|share| midnight(at_share(self.begin, self.until, *share)).plus(SENT_AT_MS))
    }

    /// When somebody reads a letter.
    pub(super) fn reading(
        &self,
        chance: &mut Chance,
        sent: Timestamp,
        earliest: Timestamp,
        offset_minutes: i64,
    ) -> Option<Timestamp> {
        let tried = (0..20).find_map(|_| {
            let at = sent.plus(in_ms(chance.exponential(READ_MEAN_MS)));
            // At night letters wait; by day they are opened when they come.
            (at >= earliest && chance.says(0.3 + self.liveliness(at, offset_minutes))).then_some(at)
        });
        tried.filter(|at| self.records(*at))
    }

    /// How likely a visit is at a moment, against the best moment of the week.
    fn liveliness(&self, at: Timestamp, offset_minutes: i64) -> f64 {
        if self.outage.contains(&at) {
            return 0.0;
        }
        let local = at.plus(offset_minutes * MINUTE_MS).0;
        // The first day of 1970 was a Thursday.
        let weekday = (local.div_euclid(DAY_MS) + 3).rem_euclid(7);
        let hour = local.rem_euclid(DAY_MS) / HOUR_MS;
        let slow = if self.slow.contains(&at) { SLOW } else { 1.0 };
        let of = |table: &[f64], place: i64| usize::try_from(place).ok().and_then(|at| table.get(at)).copied();
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
