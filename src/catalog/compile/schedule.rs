//! Compiles the days and hours of an offer.

use jiff::tz::TimeZone;

use super::shown;
use crate::{
    catalog::schedule::CompiledSchedule,
    model::{OfferSchedule, Weekday},
};

const DAY_MINUTES: u16 = 24 * 60;

/// Compiles a schedule.
pub(super) fn compile(schedule: &OfferSchedule) -> Result<CompiledSchedule, String> {
    let zone = schedule.timezone.as_deref().map(|name| {
        TimeZone::get(name)
            .map_err(|_| format!("`schedule.timezone` is `{}`: it must be an IANA time zone", shown(name)))
    });
    let from = minutes("from", schedule.from.as_deref(), 0)?;
    let to = minutes("to", schedule.to.as_deref(), DAY_MINUTES)?;
    if from == to || from == DAY_MINUTES || to == 0 {
        return Err("`schedule` must have a `from` that differs from `to`; leave both out for the whole day".into());
    }
    let days = schedule.days.iter().fold(0, |days, day| days | 1 << index(*day));
    Ok(CompiledSchedule { zone: zone.transpose()?, days: if days == 0 { 0x7f } else { days }, from, to })
}

fn minutes(name: &str, text: Option<&str>, absent: u16) -> Result<u16, String> {
    let Some(text) = text else { return Ok(absent) };
    let two_digits = |part: &str| (part.len() == 2).then(|| part.parse::<u16>().ok()).flatten();
    let parsed = text.split_once(':').and_then(|(hours, minutes)| {
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        (minutes < 60 && hours * 60 + minutes <= DAY_MINUTES).then_some(hours * 60 + minutes)
    });
    parsed.ok_or_else(|| format!("`schedule.{name}` is `{}`: it must be a time of day such as 09:30", shown(text)))
}

const fn index(day: Weekday) -> u8 {
    match day {
        Weekday::Mon => 0,
        Weekday::Tue => 1,
        Weekday::Wed => 2,
        Weekday::Thu => 3,
        Weekday::Fri => 4,
        Weekday::Sat => 5,
        Weekday::Sun => 6,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::Timestamp;

    fn schedule(value: Value) -> Result<CompiledSchedule, String> {
        compile(&serde_json::from_value(value).unwrap())
    }

    #[test]
    fn days_and_hours_by_local_clocks() {
        let check = |value: Value, time: &str, expected: bool| {
            let schedule = schedule(value.clone()).unwrap();
            assert_eq!(schedule.includes(Timestamp::parse_rfc3339(time).unwrap()), expected, "{value} at {time}");
        };
        let evening = json!({"timezone": "Asia/Tehran", "days": ["thu", "friday"], "from": "18:00", "to": "24:00"});
        // Tehran is 3:30 ahead; the 26th of November 2026 is a Thursday.
        check(evening.clone(), "2026-11-26T14:30:00Z", true);
        check(evening.clone(), "2026-11-26T14:29:59Z", false);
        check(evening.clone(), "2026-11-26T20:29:00Z", true);
        check(evening.clone(), "2026-11-26T20:30:00Z", false);
        check(evening, "2026-11-28T15:00:00Z", false);
        // Over midnight: the night belongs to the day on which it begins.
        let night = json!({"timezone": "UTC", "days": ["fri"], "from": "22:00", "to": "02:00"});
        check(night.clone(), "2026-11-27T22:00:00Z", true);
        check(night.clone(), "2026-11-28T01:59:00Z", true);
        check(night.clone(), "2026-11-28T02:00:00Z", false);
        check(night.clone(), "2026-11-27T01:00:00Z", false);
        check(night, "2026-11-28T22:00:00Z", false);
        check(json!({}), "2026-11-28T22:00:00Z", true);
    }

    #[test]
    fn nights_on_which_the_clocks_change() {
        let check = |from: &str, to: &str, time: &str, expected: bool| {
            let value = json!({"timezone": "Europe/Berlin", "from": from, "to": to});
            let included = schedule(value).unwrap().includes(Timestamp::parse_rfc3339(time).unwrap());
            assert_eq!(included, expected, "{from} to {to} at {time}");
        };
        // On the 25th of October 2026 the hour from 02:00 is repeated: 00:00 to 02:00 UTC.
        for time in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"] {
            check("02:00", "03:00", time, true);
        }
        check("02:00", "03:00", "2026-10-24T23:59:00Z", false);
        check("02:00", "03:00", "2026-10-25T02:00:00Z", false);
        // On the 29th of March 2026 the hour from 02:00 is skipped: 01:00 UTC is 03:00.
        check("02:00", "03:00", "2026-03-29T00:59:00Z", false);
        check("02:00", "03:00", "2026-03-29T01:00:00Z", false);
        check("02:30", "04:00", "2026-03-29T01:00:00Z", true);
        check("23:00", "02:30", "2026-03-29T00:30:00Z", true);
        check("23:00", "02:30", "2026-03-29T01:00:00Z", false);
    }

    #[test]
    fn unusable_times_are_refused_by_name() {
        for (value, message) in [
            (json!({"timezone": "Mars/Base"}), "`schedule.timezone` is `Mars/Base`"),
            (json!({"from": "9:30"}), "`schedule.from` is `9:30`"),
            (json!({"to": "24:01"}), "`schedule.to` is `24:01`"),
            (json!({"from": "10:00", "to": "10:00"}), "differs from `to`"),
        ] {
            assert!(schedule(value).unwrap_err().contains(message), "{message}");
        }
    }
}
