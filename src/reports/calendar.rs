//! Weeks and months of the calendars in which a series can be divided.

use jiff::{ToSpan as _, civil::Date};

use crate::wire::reports::Calendar;

/// Days from the first day of the Persian calendar (1 Farvardin 1) to 1970-01-01.
const PERSIAN_DAYS_BEFORE_1970: i32 = 492_268;
const DAY_ZERO: Date = Date::constant(1970, 1, 1);

impl Calendar {
    /// The first day of the week: Monday, or Saturday in the Persian calendar.
    pub(super) fn week_start(self, date: Date) -> Option<Date> {
        let since_monday = i64::from(date.weekday().to_monday_zero_offset());
        let days = match self {
            Self::Gregorian => since_monday,
            Self::Persian => (since_monday + 2) % 7,
        };
        date.checked_sub(days.days()).ok()
    }

    /// The number of a date's month, counted through the years.
    pub(super) fn month(self, date: Date) -> Option<i32> {
        match self {
            Self::Gregorian => Some(i32::from(date.year()) * 12 + i32::from(date.month()) - 1),
            Self::Persian => {
                let day = DAY_ZERO.until(date).ok()?.get_days() + PERSIAN_DAYS_BEFORE_1970;
                let year = 1 + (33 * i64::from(day) + 3).div_euclid(12_053);
                let year = i32::try_from(year).ok()?;
                let of_year = day - persian_new_year(year);
                // Six months of 31 days, five of 30, and the rest.
                let month = if of_year < 186 { of_year / 31 } else { 6 + (of_year - 186) / 30 };
                Some(year * 12 + month)
            }
        }
    }

    /// The first day of a month by its number.
    pub(super) fn first_day(self, month: i32) -> Option<Date> {
        let (year, of_year) = (month.div_euclid(12), month.rem_euclid(12));
        match self {
            Self::Gregorian => Date::new(i16::try_from(year).ok()?, i8::try_from(of_year + 1).ok()?, 1).ok(),
            Self::Persian => {
                let days = persian_new_year(year) + of_year * 30 + of_year.min(6) - PERSIAN_DAYS_BEFORE_1970;
                DAY_ZERO.checked_add(days.days()).ok()
            }
        }
    }
}

/// Days from the first day of the calendar to a year's first. Leap years by the cycle of 33 years, which agrees with the
/// equinox from 1800 to 2256 (the arithmetic rule of CLDR's Persian calendar).
fn persian_new_year(year: i32) -> i32 {
    365 * (year - 1) + (8 * year + 21).div_euclid(33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persian_months_and_years_begin_where_they_do() {
        let first = |year: i32, month: i32| Calendar::Persian.first_day(year * 12 + month - 1).unwrap().to_string();
        let known = [
            ((1348, 10), "1969-12-22"),
            ((1399, 1), "2020-03-20"),
            ((1400, 1), "2021-03-21"),
            ((1403, 12), "2025-02-19"),
            ((1404, 1), "2025-03-21"),
            ((1405, 1), "2026-03-21"),
            ((1405, 7), "2026-09-23"),
            ((1405, 8), "2026-10-23"),
            ((1405, 12), "2027-02-20"),
            ((1409, 1), "2030-03-21"),
        ];
        for ((year, month), day) in known {
            assert_eq!(first(year, month), day, "{year}-{month}");
        }
    }

    #[test]
    fn every_day_lies_in_the_month_that_contains_it() {
        for calendar in [Calendar::Gregorian, Calendar::Persian] {
            let mut date = Date::constant(1970, 1, 1);
            while date.year() < 2100 {
                let month = calendar.month(date).unwrap();
                let (first, next) = (calendar.first_day(month).unwrap(), calendar.first_day(month + 1).unwrap());
                assert!(first <= date && date < next, "{calendar:?} {date}: {first} to {next}");
                let week = calendar.week_start(date).unwrap();
                assert!(week <= date && date.since(week).unwrap().get_days() < 7, "{calendar:?} {date}: {week}");
                date = date.tomorrow().unwrap();
            }
        }
    }

    #[test]
    fn weeks_begin_on_monday_or_saturday() {
        let sunday = Date::constant(2026, 11, 29);
        let starts = [Calendar::Gregorian, Calendar::Persian].map(|c| c.week_start(sunday).unwrap().to_string());
        assert_eq!(starts, ["2026-11-23", "2026-11-28"]);
    }
}
