//! Exchange rates that convert amounts to a site's base currency, exact in integers.
//!
//! A rate is a decimal: one unit of the currency is worth that many units of the base, from a day on until the next
//! rate of the same currency. Each event's amount is converted by the rate valid at its time and rounded half away from
//! zero to the base's minor unit. Toman and rial need no rate.
//! Example: with USD at 0.92 on EUR, 10.01 USD are 9.2092 EUR, rounded to 9.21 EUR: 1001 becomes 921.

use serde::{Deserialize, Serialize};

use super::{Currency, Timestamp};

/// Maximum number of significant digits of a rate.
pub const DIGITS_MAX: usize = 15;
/// Maximum number of rates per site.
pub const RATES_MAX: usize = 4000;

/// A rate as the owner enters it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateEntry {
    /// The base currency; rates to a base other than the site's current one are kept but not used.
    pub base: Currency,
    /// The currency.
    pub currency: Currency,
    /// The first day it is valid, in the site's time zone.
    pub from: jiff::civil::Date,
    /// How many units of the base one unit is worth: a positive decimal of at most 15 digits.
    pub rate: String,
}

/// A compiled rate: `amount * numerator / denominator` minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// The currency.
    pub currency: Currency,
    /// Valid from, inclusive.
    pub since: Timestamp,
    /// At most 10^19.
    pub numerator: u64,
    /// At most 10^19, and not 0.
    pub denominator: u64,
}

/// The rates of a site to its current base, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates {
    rates: Vec<Rate>,
}

/// Why a rate cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not a positive decimal of at most 15 digits.
    #[error("`{0}` is not a rate: write a positive decimal of at most 15 digits, such as 0.92")]
    Invalid(String),
    /// Two rates of one currency start on the same day.
    #[error("{0:?} has two rates from {1} on")]
    Duplicate(Currency, jiff::civil::Date),
    /// A currency needs no rate to itself, nor toman and rial to each other.
    #[error("{0:?} needs no rate to {1:?}")]
    Redundant(Currency, Currency),
    /// Too many rates.
    #[error("a site keeps at most 4,000 rates")]
    TooMany,
}

impl Rates {
    /// Compiles the entries for a base; days begin in `zone`. Entries of other bases are checked and ignored.
    ///
    /// # Errors
    /// If one of them is invalid.
    pub fn compile(base: Currency, entries: &[RateEntry], zone: &jiff::tz::TimeZone) -> Result<Self, RateError> {
        if entries.len() > RATES_MAX {
            return Err(RateError::TooMany);
        }
        let mut days = std::collections::HashSet::new();
        let mut rates = Vec::new();
        for entry in entries {
            if !days.insert((entry.base.0, entry.currency.0, entry.from)) {
                return Err(RateError::Duplicate(entry.currency, entry.from));
            }
            if entry.currency.stored() == entry.base.stored() {
                return Err(RateError::Redundant(entry.currency, entry.base));
            }
            let (mantissa, decimals) = decimal(&entry.rate).ok_or_else(|| RateError::Invalid(entry.rate.clone()))?;
            if entry.base == base {
                let since = entry.from.to_zoned(zone.clone()).map_or(0, |at| at.timestamp().as_millisecond());
                rates.push(Rate {
                    currency: entry.currency,
                    since: Timestamp(since.max(0)),
                    numerator: mantissa * 10_u64.pow(base.exponent()),
                    denominator: 10_u64.pow(decimals + entry.currency.exponent()),
                });
            }
        }
        rates.push(Rate { currency: base, since: Timestamp(0), numerator: 1, denominator: 1 });
        if base == Currency::TOMAN {
            rates.push(Rate { currency: Currency::RIAL, since: Timestamp(0), numerator: 1, denominator: 10 });
        }
        rates.sort_by_key(|rate| std::cmp::Reverse(rate.since));
        Ok(Self { rates })
    }

    /// Only the rates that need no entry: the base itself, and toman and rial.
    #[must_use]
    pub fn identity(base: Currency) -> Self {
        Self::compile(base, &[], &jiff::tz::TimeZone::UTC).unwrap_or_default()
    }

    /// The rates, newest first.
    #[must_use]
    pub fn all(&self) -> &[Rate] {
        &self.rates
    }

    /// Converts an amount to minor units of the base; `None` without a rate for that time, or on overflow.
    #[must_use]
    pub fn convert(&self, amount_minor: i64, currency: Currency, at: Timestamp) -> Option<i64> {
        let rate = self.rates.iter().find(|rate| rate.currency == currency && rate.since <= at)?;
        let scaled = i128::from(amount_minor.unsigned_abs()).checked_mul(i128::from(rate.numerator))?;
        let denominator = i128::from(rate.denominator);
        let whole = i64::try_from(scaled / denominator + i128::from(scaled % denominator * 2 >= denominator)).ok()?;
        Some(if amount_minor < 0 { -whole } else { whole })
    }
}

/// Parses a positive decimal: its digits as an integer, and its number of decimals.
fn decimal(text: &str) -> Option<(u64, u32)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = [whole, fraction].concat();
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !plain || digits.trim_start_matches('0').len() > DIGITS_MAX || fraction.len() > DIGITS_MAX {
        return None;
    }
    let mantissa = digits.parse().ok().filter(|mantissa| *mantissa > 0)?;
    Some((mantissa, u32::try_from(fraction.len()).ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn entry(base: &str, code: &str, from: &str, rate: &str) -> RateEntry {
        RateEntry { base: currency(base), currency: currency(code), from: from.parse().unwrap(), rate: rate.to_owned() }
    }

    fn rates(base: &str, entries: &[RateEntry]) -> Rates {
        Rates::compile(currency(base), entries, &jiff::tz::TimeZone::UTC).unwrap()
    }

    fn on(day: &str) -> Timestamp {
        Timestamp(day.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    #[test]
    fn amounts_are_converted_by_the_rate_of_their_day_and_by_exponents() {
        let check = |base: &str, code: &str, rate: &str, amount: i64, expected: Option<i64>| {
            let rates = rates(base, &[entry(base, code, "2026-01-01", rate)]);
            let converted = rates.convert(amount, currency(code), on("2026-06-01T00:00:00Z"));
            assert_eq!(converted, expected, "{amount} {code} at {rate} {base}");
        };
        check("EUR", "USD", "0.92", 1001, Some(921));
        check("EUR", "USD", "0.92", -1001, Some(-921));
        check("EUR", "USD", "0.5", 1, Some(1));
        check("EUR", "USD", "0.5", -1, Some(-1));
        check("EUR", "USD", "0.4", 1, Some(0));
        check("EUR", "JPY", "0.0061", 1000, Some(610));
        check("JPY", "EUR", "163.5", 1000, Some(1635));
        check("EUR", "KWD", "3", 1000, Some(300));
        check("KWD", "EUR", "0.299", 1000, Some(2990));
        check("IRT", "USD", "103500", 100, Some(10_350_000));
        check("EUR", "USD", "999999999999999", i64::MAX, None);
        check("CLF", "KWD", "0.000000000000001", i64::MAX, Some(92_234));
    }

    #[test]
    fn a_rate_holds_from_its_day_until_the_next_and_not_before() {
        let rates = rates("EUR", &[entry("EUR", "USD", "2026-02-01", "0.9"), entry("EUR", "USD", "2026-01-01", "0.8")]);
        let check = |at: &str, expected| assert_eq!(rates.convert(100, currency("USD"), on(at)), expected, "{at}");
        check("2025-12-31T23:59:59Z", None);
        check("2026-01-01T00:00:00Z", Some(80));
        check("2026-01-31T23:59:59Z", Some(80));
        check("2026-02-01T00:00:00Z", Some(90));
        assert_eq!(rates.convert(5, currency("EUR"), on("2020-01-01T00:00:00Z")), Some(5));
        assert_eq!(rates.convert(5, currency("GBP"), on("2026-01-01T00:00:00Z")), None);
    }

    #[test]
    fn days_begin_in_the_sites_time_zone() {
        let tehran = jiff::tz::TimeZone::get("Asia/Tehran").unwrap();
        let rates = Rates::compile(Currency::RIAL, &[entry("IRR", "USD", "2026-01-01", "1")], &tehran).unwrap();
        assert_eq!(rates.convert(1, currency("USD"), on("2025-12-31T20:29:59Z")), None);
        assert_eq!(rates.convert(1, currency("USD"), on("2025-12-31T20:30:00Z")), Some(1));
    }

    #[test]
    fn rial_and_toman_need_no_rate() {
        assert_eq!(rates("IRT", &[]).convert(45_000_005, Currency::RIAL, Timestamp(1)), Some(4_500_001));
        let error =
            Rates::compile(Currency::RIAL, &[entry("IRR", "IRT", "2026-01-01", "10")], &jiff::tz::TimeZone::UTC);
        assert_eq!(error, Err(RateError::Redundant(Currency::TOMAN, Currency::RIAL)));
    }

    #[test]
    fn invalid_rates_are_refused_and_those_of_another_base_are_ignored() {
        let compile = |entries: &[RateEntry]| Rates::compile(currency("EUR"), entries, &jiff::tz::TimeZone::UTC);
        for rate in ["", "0", "0.000", "-1", "1e3", "1.", ".5", "1,5", "x", "1.2.3", "1234567890123456"] {
            let usable = matches!(rate, "1." | ".5");
            assert_eq!(compile(&[entry("EUR", "USD", "2026-01-01", rate)]).is_ok(), usable, "{rate}");
        }
        let twice = [entry("EUR", "USD", "2026-01-01", "1"), entry("EUR", "USD", "2026-01-01", "2")];
        assert!(matches!(compile(&twice), Err(RateError::Duplicate(..))));
        assert_eq!(compile(&[entry("GBP", "USD", "2026-01-01", "1")]).unwrap().all().len(), 1);
    }

    proptest! {
        #[test]
        fn converting_keeps_the_sign_and_is_off_by_less_than_one(
            amount in -1_000_000_000_000_i64..1_000_000_000_000, mantissa in 1_u64..1_000_000_000, decimals in 0_usize..10,
        ) {
            let text = format!("{mantissa:010}");
            let rate = format!("{}.{}", &text[..10 - decimals.min(9)], &text[10 - decimals.min(9)..]);
            let rates = rates("EUR", &[entry("EUR", "USD", "2026-01-01", &rate)]);
            let at = on("2026-06-01T00:00:00Z");
            if let Some(converted) = rates.convert(amount, currency("USD"), at) {
                prop_assert!(converted == 0 || (converted < 0) == (amount < 0));
                prop_assert_eq!(rates.convert(-amount, currency("USD"), at), Some(-converted));
            }
        }
    }
}
