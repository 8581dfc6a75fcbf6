//! Parses amounts and currencies as shops write them: `$24.50`, `1.234,56 €`, `45,000 تومان`, `CHF 12.-`.
//!
//! An ambiguous text (`1,234`) or one that is no amount (`free`) is never guessed: the event is kept without that amount,
//! and data quality reports the property. A JSON number is never ambiguous.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::currency_names::parse_currency;
use crate::{
    model::{Currency, Money},
    wire::collect::Text,
};

/// An amount as sent.
#[derive(Debug, Clone, Default)]
pub(super) struct RawAmount<'a> {
    pub(super) text: Text<'a>,
    /// Whether it was a JSON string, not a number.
    pub(super) quoted: bool,
}

impl<'de: 'a, 'a> Deserialize<'de> for RawAmount<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        Ok(Self { text: Text::from_json(raw), quoted: raw.get().starts_with('"') })
    }
}

/// Why an amount is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AmountError {
    /// It could be one amount or a thousand times that.
    Ambiguous,
    /// Its currency is not that of the event.
    OtherCurrency,
    /// It is no amount.
    NoAmount,
}

impl AmountError {
    /// The text in the report on data quality.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous amount",
            Self::OtherCurrency => "another currency",
            Self::NoAmount => "no amount",
        }
    }
}

/// The currency in the text of an amount, if it has one.
pub(super) fn currency_in(amount: &RawAmount<'_>, site: Currency) -> Option<Currency> {
    parse_currency(parts(amount.text.as_str())?.currency, site)
}

/// Parses the amounts of an event, which have one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AmountParser {
    /// The currency they are stored in.
    pub(super) currency: Currency,
    /// The currency as stated; differs from `currency` for toman.
    stated: Currency,
    site: Currency,
}

impl AmountParser {
    /// For amounts in `stated`. Toman, ten rials, has no ISO 4217 code; its code here is `IRT`.
    pub(super) fn new(stated: Currency, site: Currency) -> Self {
        Self { currency: stated.stored(), stated, site }
    }

    /// Returns the amount in minor units; `None` if nothing was sent.
    ///
    /// # Errors
    /// If it is ambiguous or not an amount of this currency.
    pub(super) fn minor(&self, amount: &RawAmount<'_>) -> Result<Option<i64>, AmountError> {
        let text = amount.text.as_str().trim();
        if text.is_empty() {
            return Ok(None);
        }
        if !amount.quoted {
            return self.in_minor(text, self.stated).map(Some);
        }
        let parts = parts(text).ok_or(AmountError::NoAmount)?;
        let currency = match parts.currency {
            "" => self.stated,
            name => parse_currency(name, self.stated)
                .or_else(|| parse_currency(name, self.site))
                .ok_or(AmountError::NoAmount)?,
        };
        if currency.stored() != self.currency {
            return Err(AmountError::OtherCurrency);
        }
        let plain = plain_decimal(&parts.digits, currency)?;
        let minor = self.in_minor(&plain, currency)?;
        Ok(Some(if parts.negative { -minor } else { minor }))
    }

    fn in_minor(&self, decimal: &str, currency: Currency) -> Result<i64, AmountError> {
        let factor = if currency == Currency::TOMAN { 10 } else { 1 };
        let minor = Money::parse_major(decimal, self.currency).and_then(|money| money.minor.checked_mul(factor));
        minor.ok_or(AmountError::NoAmount)
    }
}

/// The parts of a written amount.
struct Parts<'t> {
    negative: bool,
    /// Digits and the separators between them.
    digits: Cow<'t, str>,
    /// Currency before or after the digits; empty if there is none.
    currency: &'t str,
}

/// Splits a written amount; `None` without a digit, or with different texts on both sides.
fn parts(text: &str) -> Option<Parts<'_>> {
    let text = text.trim();
    let (in_brackets, text) = match text.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        Some(inner) => (true, inner.trim()),
        None => (false, text),
    };
    let is_minus = |c: char| matches!(c, '-' | '\u{2212}' | '\u{2013}');
    let is_digit = |c: char| c.is_ascii_digit() || matches!(c, '\u{6f0}'..='\u{6f9}' | '\u{660}'..='\u{669}');
    let begin = text.find(is_digit)?;
    let end = text.rfind(is_digit).map(|at| at + text[at..].chars().next().map_or(1, char::len_utf8))?;
    // `.5` begins with its decimal point.
    let begin = if text[..begin].ends_with('.') && !text[..begin].trim_end_matches('.').ends_with(char::is_alphabetic) {
        begin - 1
    } else {
        begin
    };
    let (before, digits, after) = (&text[..begin], &text[begin..end], &text[end..]);
    let negative =
        in_brackets || before.contains(is_minus) || after.trim_start().starts_with(is_minus) && !after.contains(".-");
    let trimmed = |side: &str, is_after: bool| -> (usize, usize) {
        let skip = |c: char| c.is_whitespace() || is_minus(c) || matches!(c, '+' | '\u{200e}' | '\u{200f}' | '\u{a0}');
        // `12.-` and `12,-` are round amounts.
        let from = usize::from(is_after && side.starts_with([',', '.']) && side[1..].starts_with(is_minus));
        let inner = side[from..].trim_start_matches(skip);
        let start = side.len() - inner.len();
        (start, start + inner.trim_end_matches(skip).len())
    };
    let (b, a) = (trimmed(before, false), trimmed(after, true));
    let currency = match (&before[b.0..b.1], &after[a.0..a.1]) {
        (name, "") | ("", name) => name,
        (name, other) if name.eq_ignore_ascii_case(other) => name,
        _ => return None,
    };
    Some(Parts { negative, digits: crate::model::money::to_latin_digits(digits), currency })
}

/// Converts digits with separators to a plain decimal, `1234.56`.
fn plain_decimal(digits: &str, currency: Currency) -> Result<Cow<'_, str>, AmountError> {
    let is_space = |c: char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '\u{2019}');
    let spaced = digits.contains(is_space);
    let (points, commas) = (digits.matches('.').count(), digits.matches(',').count());
    if !spaced && commas == 0 && points <= 1 {
        // The only point may separate thousands or a fraction.
        let ambiguous = currency.exponent() < 3 && digits.split_once('.').is_some_and(|(w, f)| is_group(w, f));
        return if ambiguous { Err(AmountError::Ambiguous) } else { Ok(Cow::Borrowed(digits)) };
    }
    let decimal = match (digits.rfind('.'), digits.rfind(',')) {
        (Some(point), Some(comma)) => Some(point.max(comma)),
        (Some(at), None) if points == 1 => Some(at),
        (None, Some(at)) if commas == 1 => Some(at),
        _ => None,
    };
    let (whole, fraction) = decimal.map_or((digits, ""), |at| (&digits[..at], &digits[at + 1..]));
    if decimal.is_some() && !spaced && points + commas == 1 && is_group(whole, fraction) {
        // Rials and yen have no fractions in practice.
        let without_fraction = currency.exponent() == 0 || currency.stored() == Currency::RIAL;
        return if without_fraction && commas == 1 {
            Ok(Cow::Owned(format!("{whole}{fraction}")))
        } else {
            Err(AmountError::Ambiguous)
        };
    }
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(AmountError::NoAmount);
    }
    let mut groups = whole.split(|c: char| is_space(c) || matches!(c, '.' | ','));
    let first = groups.next().unwrap_or_default();
    let groups: Vec<&str> = groups.collect();
    let separators = whole.chars().filter(|c| !c.is_ascii_digit());
    let same_separator = separators.clone().all(|c| Some(c) == separators.clone().next());
    let all_digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Thousands, or lakhs as in India: the last group has three digits, those before it two or three.
    let well_grouped = groups.last().is_none_or(|last| last.len() == 3)
        && groups.iter().all(|group| (2..=3).contains(&group.len()) && all_digits(group))
        && all_digits(&first)
        && (groups.is_empty() || first.len() <= 3);
    if !same_separator || !well_grouped {
        return Err(AmountError::NoAmount);
    }
    let point = if fraction.is_empty() { "" } else { "." };
    Ok(Cow::Owned(format!("{first}{}{point}{fraction}", groups.concat())))
}

/// Whether it is one to three digits, not beginning with zero, and then three: they may be thousands.
fn is_group(whole: &str, fraction: &str) -> bool {
    fraction.len() == 3
        && (1..=3).contains(&whole.len())
        && !whole.starts_with('0')
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> Currency {
        Currency::parse(text).unwrap()
    }

    fn minor(text: &str, currency: &str) -> Result<Option<i64>, AmountError> {
        let amount = RawAmount { text: Text::from(text), quoted: true };
        let currency = code(currency);
        AmountParser::new(currency, currency).minor(&amount)
    }

    #[test]
    fn amounts_are_parsed_as_shops_write_them() {
        let check =
            |text: &str, currency: &str, expected: i64| assert_eq!(minor(text, currency), Ok(Some(expected)), "{text}");
        check("$24.50", "USD", 2450);
        check("$24.50", "CAD", 2450);
        check("US$ 24.50", "USD", 2450);
        check("24,50 €", "EUR", 2450);
        check("EUR 1.234,56", "EUR", 123_456);
        check("1,234.56", "USD", 123_456);
        check("1'234.50", "CHF", 123_450);
        check("1 234,5", "EUR", 123_450);
        check("1\u{202f}234,567", "EUR", 123_457);
        check("1.234.567", "EUR", 123_456_700);
        check("12,34,567.00", "INR", 123_456_700);
        check("CHF 12.-", "CHF", 1200);
        check("12,- €", "EUR", 1200);
        check("-$5", "USD", -500);
        check("($5.00)", "USD", -500);
        check("\u{2212}5.00 kr", "SEK", -500);
        check("Rs. 1500", "INR", 150_000);
        check("1,234", "JPY", 1234);
        check("450,000 ریال", "IRR", 45_000_000);
        check("45,000 تومان", "IRR", 45_000_000);
        check("۴۵٬۰۰۰ تومان", "IRR", 45_000_000);
        check("450000 ریال", "IRT", 45_000_000);
        check("45000", "IRT", 45_000_000);
        check("19.0000", "EUR", 1900);
        check("0.345", "EUR", 35);
        check(".5", "USD", 50);
        check("2.345", "KWD", 2345);
        check("+7", "USD", 700);
    }

    #[test]
    fn ambiguous_and_invalid_amounts_are_errors() {
        let check = |text: &str, currency: &str, expected: AmountError| {
            assert_eq!(minor(text, currency), Err(expected), "{text}");
        };
        check("1,234", "USD", AmountError::Ambiguous);
        check("2.345", "EUR", AmountError::Ambiguous);
        check("$1,234", "USD", AmountError::Ambiguous);
        check("12.000", "JPY", AmountError::Ambiguous);
        check("€24", "USD", AmountError::OtherCurrency);
        check("free", "EUR", AmountError::NoAmount);
        check("12 pieces", "EUR", AmountError::NoAmount);
        check("1,2,3", "EUR", AmountError::NoAmount);
        check("1.23,45.6", "EUR", AmountError::NoAmount);
        check("9223372036854775807", "IRT", AmountError::NoAmount);
        assert_eq!(minor("", "EUR"), Ok(None));
        let number = RawAmount { text: Text::from("2.345"), quoted: false };
        assert_eq!(AmountParser::new(code("EUR"), code("EUR")).minor(&number), Ok(Some(235)));
    }

    #[test]
    fn currencies_are_known_by_many_names() {
        let check = |text: &str, site: &str, expected: Option<&str>| {
            assert_eq!(parse_currency(text, code(site)).as_ref().map(Currency::as_str), expected, "{text} at {site}");
        };
        check("eur", "USD", Some("EUR"));
        check("£", "EUR", Some("GBP"));
        check("$", "EUR", Some("USD"));
        check("$", "AUD", Some("AUD"));
        check("US$", "AUD", Some("USD"));
        check("CHF.", "EUR", Some("CHF"));
        check("978", "USD", Some("EUR"));
        check("Kr", "NOK", Some("NOK"));
        check("kr", "EUR", None);
        check("Toman", "EUR", Some("IRT"));
        check("تومان", "EUR", Some("IRT"));
        check("points", "EUR", None);
        check("", "EUR", None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text in "[-+$€£0-9۰-۹., '()a-zA-Zتومان]{0,24}", currency in "[A-Z]{3}") {
            let _ = minor(&text, &currency);
        }

        #[test]
        fn formatted_amounts_are_parsed_exactly(whole in 0_u32..10_000_000, cents in 0_u8..100) {
            let mut grouped = whole.to_string();
            for at in (1..=(grouped.len() - 1) / 3).map(|n| grouped.len() - 3 * n).collect::<Vec<_>>() {
                grouped.insert(at, ',');
            }
            let expected = Ok(Some(i64::from(whole) * 100 + i64::from(cents)));
            prop_assert_eq!(minor(&format!("${grouped}.{cents:02}"), "USD"), expected);
            let german = grouped.replace(',', ".");
            prop_assert_eq!(minor(&format!("{german},{cents:02} €"), "EUR"), expected);
        }
    }
}
