//! Validation of a report's period, and the steps of its time series in its time zone.

use jiff::{Timestamp, ToSpan, Zoned, civil::Date, tz::TimeZone};

use super::{ReportError, invalid};
use crate::{
    model::{Site, SiteId},
    store::Param,
    wire::reports::{Calendar, Interval, Moment},
};

/// Five years, including leap days.
const LENGTH_MAX_MS: i64 = (5 * 365 + 2) * DAY_MS;
/// Years 1970 to 2100: the range of ClickHouse's dates in every time zone.
const TIME_RANGE_MS: std::ops::Range<i64> = 0..4_102_444_800_000;
/// Maximum number of steps of a series.
const STEPS_MAX: usize = 10_000;
pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// A period in a time zone: from inclusive, to exclusive, milliseconds.
#[derive(Debug)]
pub(super) struct Period {
    pub(super) from: i64,
    pub(super) to: i64,
    zone: TimeZone,
    zone_name: String,
}

impl Period {
    pub(super) fn check(from: Moment, to: Moment, timezone: Option<&str>, site: &Site) -> Result<Self, ReportError> {
        let (from, to) = (from.0.0, to.0.0);
        if !TIME_RANGE_MS.contains(&from) || !TIME_RANGE_MS.contains(&to) {
            return invalid("from and to must lie between 1970 and 2100");
        }
        if from >= to {
            return invalid("from must be before to");
        }
        if to - from > LENGTH_MAX_MS {
            return invalid("the period must not be longer than five years");
        }
        let name = timezone.unwrap_or(&site.timezone);
        // These subtrees of the zone database are unknown to the warehouse.
        let zone = (!name.starts_with("posix/") && !name.starts_with("right/")).then(|| TimeZone::get(name));
        let Some(Ok(zone)) = zone else {
            return invalid("timezone must be an IANA name such as Europe/Berlin");
        };
        let zone_name = zone.iana_name().unwrap_or("UTC").to_owned();
        Ok(Self { from, to, zone, zone_name })
    }

    /// IANA name of its time zone.
    pub(super) fn zone_name(&self) -> &str {
        &self.zone_name
    }

    /// The period before this one: whole months and days are moved by the calendar of the time zone, others by their
    /// length. While this period is not over at `now`, only the part that corresponds to what has passed of it.
    pub(super) fn previous(&self, calendar: Calendar, now: crate::model::Timestamp) -> Self {
        let until = self.to.min(now.0.max(self.from + 1));
        let (from, to) = self.calendar_shift(calendar, until).unwrap_or_else(|| {
            let length = self.to - self.from;
            (self.from - length, until - length)
        });
        let from = from.max(0);
        Self { from, to: to.max(from + 1), zone: self.zone.clone(), zone_name: self.zone_name.clone() }
    }

    /// `from` and `until` moved back by the months or days of the period; `None` if it does not begin with a day.
    fn calendar_shift(&self, calendar: Calendar, until: i64) -> Option<(i64, i64)> {
        let from = self.zoned(self.from).ok()?;
        if from != from.start_of_day().ok()? {
            return None;
        }
        let (to, first, last) = (self.zoned(self.to).ok()?, from.date(), self.zoned(self.to - 1).ok()?.date());
        let is_whole_days = to == to.start_of_day().ok()?;
        let [first_month, end_month] = [calendar.month(first)?, calendar.month(to.date())?];
        let begins_month = |date: Date, month: i32| calendar.first_day(month) == Some(date);
        let whole_months = is_whole_days && begins_month(first, first_month) && begins_month(to.date(), end_month);
        let days = if whole_months {
            let earlier = calendar.first_day(2 * first_month - end_month)?;
            earlier.until(first).ok()?.get_days()
        } else {
            first.until(last).ok()?.get_days() + 1
        };
        let back = |ms: i64| Some(self.zoned(ms).ok()?.checked_sub(days.days()).ok()?.timestamp().as_millisecond());
        // A longer month ends with the shorter one before it, and the other way round.
        let end = if whole_months && until == self.to { self.from } else { back(until)?.min(self.from) };
        Some((back(self.from)?, end))
    }

    /// The same time zone and start, with another end.
    pub(super) fn with_end(&self, to: i64) -> Self {
        Self { from: self.from, to, zone: self.zone.clone(), zone_name: self.zone_name.clone() }
    }

    /// The same period, beginning so much earlier.
    pub(super) fn beginning_earlier(&self, ms: i64) -> Self {
        Self { from: (self.from - ms).max(0), to: self.to, zone: self.zone.clone(), zone_name: self.zone_name.clone() }
    }

    /// `site`, `from_ms` and `to_ms`: the parameters of every query.
    pub(super) fn params(&self, site: SiteId) -> Vec<(&'static str, Param)> {
        vec![("site", Param::U32(site.0)), ("from_ms", Param::I64(self.from)), ("to_ms", Param::I64(self.to))]
    }

    /// The start of every step that overlaps the period, in order.
    pub(super) fn steps(&self, interval: Interval, calendar: Calendar) -> Result<Vec<i64>, ReportError> {
        let (first, mut next): (i64, Box<dyn FnMut(i64) -> Option<i64>>) = match interval {
            // Full hours of local time, also after a change of the clocks by half an hour.
            Interval::Hour => {
                let past_hour = |ms: i64| {
                    let offset_ms = i64::from(self.zoned(ms).ok()?.offset().seconds()) * 1000;
                    Some((ms + offset_ms).rem_euclid(HOUR_MS))
                };
                let Some(past) = past_hour(self.from) else { return invalid("from must lie between 1970 and 2100") };
                let next = move |ms: i64| {
                    let next = ms + HOUR_MS;
                    Some(next + (HOUR_MS - past_hour(next)?).rem_euclid(HOUR_MS))
                };
                (self.from - past, Box::new(next))
            }
            Interval::Day => self.dates(Some, |date| date.tomorrow().ok())?,
            Interval::Week => self.dates(|date| calendar.week_start(date), |date| date.checked_add(7.days()).ok())?,
            Interval::Month => self.dates(
                |date| calendar.first_day(calendar.month(date)?),
                move |date| calendar.first_day(calendar.month(date)? + 1),
            )?,
        };
        let mut steps = Vec::new();
        let mut at = Some(first);
        while let Some(ms) = at.filter(|ms| *ms < self.to) {
            if steps.len() == STEPS_MAX {
                return invalid("the series would have more than 10,000 steps: choose a wider interval");
            }
            steps.push(ms);
            at = next(ms).filter(|following| *following > ms);
        }
        Ok(steps)
    }

    #[expect(clippy::type_complexity, reason = "the first step and the iteration to the next belong together")]
    fn dates<'a>(
        &'a self,
        first: impl Fn(Date) -> Option<Date>,
        next: impl Fn(Date) -> Option<Date> + 'a,
    ) -> Result<(i64, Box<dyn FnMut(i64) -> Option<i64> + 'a>), ReportError> {
        let start = move |date: Date| {
            // Where daylight saving time starts at midnight, a day does not start at 00:00.
            let noon = date.at(12, 0, 0, 0).to_zoned(self.zone.clone()).ok()?;
            Some(noon.start_of_day().ok()?.timestamp().as_millisecond())
        };
        let mut date = first(self.zoned(self.from)?.date());
        let Some(first_ms) = date.and_then(start) else {
            return invalid("from must lie between 1970 and 2100");
        };
        let next = move |_| {
            date = date.and_then(&next);
            date.and_then(start)
        };
        Ok((first_ms, Box::new(next)))
    }

    fn zoned(&self, ms: i64) -> Result<Zoned, ReportError> {
        match Timestamp::from_millisecond(ms) {
            Ok(time) => Ok(time.to_zoned(self.zone.clone())),
            Err(_) => invalid("from and to must lie between 1970 and 2100"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::{ConsentDefault, Currency, RobotsPolicy, VisitorRules},
        wire::reports::Interval,
    };

    fn site() -> Site {
        Site {
            id: SiteId(1),
            name: "Shop".into(),
            origins: Vec::new(),
            write_key: String::new(),
            secret: "".into(),
            currency: Currency(*b"EUR"),
            timezone: "Europe/Berlin".into(),
            robots: RobotsPolicy::Drop,
            consent_default: ConsentDefault::Granted,
            honour_gpc: true,
            rate_entries: [].into(),
            rates: std::sync::Arc::new(crate::model::rates::Rates::identity(Currency(*b"EUR"))),
            rules: std::sync::Arc::default(),
            events_per_second_max: 0,
            visitors: VisitorRules::default(),
            captures: crate::model::Captures::ALL,
            exploration: crate::model::ExplorationSettings::default(),
            offer_html: false,
            traffic_filters: std::sync::Arc::default(),
            contact_costs: std::sync::Arc::default(),
            holdout_bp: 0,
            demo: false,
            created_at: crate::model::Timestamp(0),
        }
    }

    fn at(text: &str) -> Moment {
        Moment(crate::model::Timestamp::parse_rfc3339(text).unwrap())
    }

    fn steps(from: &str, to: &str, interval: Interval) -> Vec<String> {
        let period = Period::check(at(from), at(to), None, &site()).unwrap();
        period
            .steps(interval, Calendar::Gregorian)
            .unwrap()
            .iter()
            .map(|ms| crate::model::Timestamp(*ms).to_string())
            .collect()
    }

    #[test]
    fn days_follow_the_time_zone() {
        assert_eq!(
            steps("2026-03-28T12:00:00Z", "2026-03-29T22:00:01Z", Interval::Day),
            ["2026-03-27T23:00:00.000Z", "2026-03-28T23:00:00.000Z", "2026-03-29T22:00:00.000Z"]
        );
        assert_eq!(steps("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", Interval::Hour).len(), 23);
        assert_eq!(steps("2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", Interval::Hour).len(), 25);
    }

    #[test]
    fn weeks_begin_on_monday_and_months_on_the_first() {
        assert_eq!(
            steps("2026-03-29T12:00:00Z", "2026-03-30T00:00:00Z", Interval::Week),
            ["2026-03-22T23:00:00.000Z", "2026-03-29T22:00:00.000Z"]
        );
        assert_eq!(
            steps("2026-10-15T00:00:00Z", "2026-12-01T00:00:00Z", Interval::Month),
            ["2026-09-30T22:00:00.000Z", "2026-10-31T23:00:00.000Z", "2026-11-30T23:00:00.000Z"]
        );
    }

    #[test]
    fn hours_are_full_local_hours_after_a_half_hour_change() {
        let period = |from, to| Period::check(at(from), at(to), Some("Australia/Lord_Howe"), &site()).unwrap();
        let steps = |from, to| period(from, to).steps(Interval::Hour, Calendar::Gregorian).unwrap();
        let text = |ms: &i64| crate::model::Timestamp(*ms).to_string();
        let back = steps("2026-04-04T13:00:00Z", "2026-04-04T17:00:00Z");
        assert_eq!(
            back.iter().map(text).collect::<Vec<_>>(),
            [
                "2026-04-04T13:00:00.000Z",
                "2026-04-04T14:00:00.000Z",
                "2026-04-04T15:30:00.000Z",
                "2026-04-04T16:30:00.000Z"
            ]
        );
        let forward = steps("2026-10-03T13:30:00Z", "2026-10-03T17:30:00Z");
        assert_eq!(
            forward.iter().map(text).collect::<Vec<_>>(),
            [
                "2026-10-03T13:30:00.000Z",
                "2026-10-03T14:30:00.000Z",
                "2026-10-03T16:00:00.000Z",
                "2026-10-03T17:00:00.000Z"
            ]
        );
    }

    #[test]
    fn the_period_before_follows_the_calendar_and_what_has_passed() {
        let previous = |from: &str, to: &str, now: &str| {
            let before =
                Period::check(at(from), at(to), None, &site()).unwrap().previous(Calendar::Gregorian, at(now).0);
            [before.from, before.to].map(|ms| crate::model::Timestamp(ms).to_string())
        };
        let later = "2027-06-01T00:00:00Z";
        // A day that has 23 hours, and the whole day before it (Berlin).
        assert_eq!(
            previous("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", later),
            ["2026-03-27T23:00:00.000Z", "2026-03-28T23:00:00.000Z"]
        );
        // March after February.
        assert_eq!(
            previous("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", later),
            ["2026-01-31T23:00:00.000Z", "2026-02-28T23:00:00.000Z"]
        );
        // Today until noon is compared with yesterday until noon.
        assert_eq!(
            previous("2026-05-04T22:00:00Z", "2026-05-05T22:00:00Z", "2026-05-05T10:00:00Z"),
            ["2026-05-03T22:00:00.000Z", "2026-05-04T10:00:00.000Z"]
        );
        // A period that begins within a day is moved by its length.
        assert_eq!(
            previous("2026-05-04T10:00:00Z", "2026-05-04T12:00:00Z", later),
            ["2026-05-04T08:00:00.000Z", "2026-05-04T10:00:00.000Z"]
        );
    }

    #[test]
    fn persian_months_and_weeks_are_steps_and_compared() {
        let period = |from, to| Period::check(at(from), at(to), Some("Asia/Tehran"), &site()).unwrap();
        let (from, to) = ("2026-09-22T20:30:00Z", "2026-11-21T20:30:00Z");
        let text = |ms: &i64| crate::model::Timestamp(*ms).to_string();
        let steps = |interval| period(from, to).steps(interval, Calendar::Persian).unwrap();
        assert_eq!(
            steps(Interval::Month).iter().map(text).collect::<Vec<_>>(),
            ["2026-09-22T20:30:00.000Z", "2026-10-22T20:30:00.000Z"]
        );
        assert_eq!(text(&steps(Interval::Week)[0]), "2026-09-18T20:30:00.000Z");
        // Mehr and Aban after Mordad and Shahrivar, which are two days longer; half of Mehr after as many days.
        let before = |to, now| {
            let before = period(from, to).previous(Calendar::Persian, at(now).0);
            [before.from, before.to].map(|ms| text(&ms))
        };
        assert_eq!(before(to, to), ["2026-07-22T20:30:00.000Z", "2026-09-22T20:30:00.000Z"]);
        assert_eq!(
            before("2026-10-22T20:30:00Z", "2026-10-07T20:30:00Z"),
            ["2026-08-22T20:30:00.000Z", "2026-09-06T20:30:00.000Z"]
        );
    }

    #[test]
    fn an_invalid_period_is_rejected_with_the_reason() {
        let check = |from: &str, to: &str, zone: Option<&str>, part: &str| {
            let error = Period::check(at(from), at(to), zone, &site()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        check("2026-01-02T00:00:00Z", "2026-01-02T00:00:00Z", None, "before");
        check("2020-01-01T00:00:00Z", "2026-01-02T00:00:00Z", None, "five years");
        check("1960-01-01T00:00:00Z", "1962-01-02T00:00:00Z", None, "1970");
        check("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", Some("Mars/Olympus"), "IANA");
        let long = Period::check(at("2021-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"), Some("UTC"), &site()).unwrap();
        assert!(long.steps(Interval::Hour, Calendar::Gregorian).unwrap_err().to_string().contains("wider"));
    }
}
