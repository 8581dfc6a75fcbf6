//! Values of imported rows: times, amounts, consents, products. What cannot be read is refused by name, never guessed.

use serde_json::{Value, json};
use strum::IntoStaticStr;

use crate::{
    feed::records::{self, Record},
    model::{Currency, Money, Timestamp, money::to_latin_digits},
};

/// Times up to this far ahead are accepted: clocks and time zones differ.
const AHEAD_MS: i64 = 86_400_000;
/// Longest id, bytes.
const ID_BYTES_MAX: usize = 1000;
/// Products of an order that are read.
const PRODUCTS_MAX: usize = 1000;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RowIssueKind {
    /// It cannot be parsed.
    #[strum(serialize = "unreadable_row")]
    Unreadable,
    /// A required value is missing.
    MissingValue,
    /// A value is too long.
    TooLong,
    /// Not a time.
    BadTime,
    /// Not an amount, or an ambiguous one.
    BadAmount,
    /// Not an ISO 4217 code, or none.
    BadCurrency,
    /// Neither granted nor denied.
    BadConsent,
    /// Not a list of products.
    BadProducts,
}

impl RowIssueKind {
    /// Code in counts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn with(self, message: String) -> RowIssue {
        RowIssue { kind: self, message }
    }
}

/// Why a row is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowIssue {
    /// Category, for counting.
    pub kind: RowIssueKind,
    /// What to fix, in one line.
    pub message: String,
}

/// A value as text; numbers as they are written. Empty if it is missing.
fn plain(record: &Record, name: &str) -> String {
    match record.get(name) {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
        _ => String::new(),
    }
}

/// A required text.
pub(super) fn text(record: &Record, name: &str) -> Result<String, RowIssue> {
    let text = plain(record, name);
    if text.is_empty() {
        return Err(RowIssueKind::MissingValue.with(format!("`{name}` is missing")));
    }
    if text.len() > ID_BYTES_MAX {
        return Err(RowIssueKind::TooLong.with(format!("`{name}` is longer than {ID_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// A required time: RFC 3339, or a date or date and time in UTC, or seconds or milliseconds since 1970.
pub(super) fn time(record: &Record, name: &str, now: Timestamp) -> Result<Timestamp, RowIssue> {
    let written = text(record, name)?;
    let bad = |why: &str| RowIssueKind::BadTime.with(format!("`{name}` is {:?}: {why}", shown(&written)));
    let at = parse_time(&to_latin_digits(&written)).ok_or_else(|| bad("write it as 2024-01-31T08:00:00Z"))?;
    if at.since(now) > AHEAD_MS {
        return Err(bad("it is in the future"));
    }
    Ok(at)
}

fn parse_time(text: &str) -> Option<Timestamp> {
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        return Some(at);
    }
    if let Ok(number) = text.parse::<i64>() {
        // Ten digits are seconds from 2001 to 2286, thirteen are milliseconds.
        return match text.len() {
            9 | 10 => Some(Timestamp(number * 1000)),
            12 | 13 => Some(Timestamp(number)),
            _ => None,
        };
    }
    let civil = text.parse::<jiff::civil::DateTime>().ok()?;
    civil.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|at| Timestamp(at.timestamp().as_millisecond()))
}

/// The amount of an order as a decimal number, and its currency.
pub(super) fn money(record: &Record, fallback: Currency) -> Result<(String, Currency), RowIssue> {
    let code = plain(record, "currency");
    let bad = || RowIssueKind::BadCurrency.with(format!("`currency` is {:?}, not a code such as EUR", shown(&code)));
    let currency = if code.is_empty() { fallback } else { Currency::parse(&code).ok_or_else(bad)? };
    if currency == Currency::NONE {
        return Err(bad());
    }
    let written = text(record, "revenue")?;
    let money = records::amount(&written, currency).ok_or_else(|| {
        let message = format!("`revenue` is {:?}, not a clear amount such as 1234.50", shown(&written));
        RowIssueKind::BadAmount.with(message)
    })?;
    Ok((decimal(money), money.currency))
}

/// An amount as a decimal number.
fn decimal(money: Money) -> String {
    let exponent = money.currency.exponent();
    let unit = 10_i64.pow(exponent);
    let (whole, fraction) = (money.minor / unit, money.minor % unit);
    if exponent == 0 { whole.to_string() } else { format!("{whole}.{fraction:0width$}", width = exponent as usize) }
}

/// A consent.
pub(super) fn consent(record: &Record, name: &str) -> Result<bool, RowIssue> {
    let written = text(record, name)?;
    match written.to_lowercase().as_str() {
        "true" | "1" | "yes" | "y" | "granted" | "بله" => Ok(true),
        "false" | "0" | "no" | "n" | "denied" | "خیر" => Ok(false),
        _ => Err(RowIssueKind::BadConsent.with(format!("`{name}` is {:?}, not true or false", shown(&written)))),
    }
}

/// The products of an order: a JSON list of objects or ids, or ids separated by `|`.
pub(super) fn products(record: &Record) -> Result<Option<Value>, RowIssue> {
    let bad = |why: &str| RowIssueKind::BadProducts.with(format!("`products` {why}"));
    let list = match record.get("products") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim_start().starts_with('[') => match serde_json::from_str(text) {
            Ok(Value::Array(list)) => list,
            _ => return Err(bad("is not a JSON list")),
        },
        Some(Value::String(text)) => {
            text.split('|').map(str::trim).filter(|id| !id.is_empty()).map(Value::from).collect()
        }
        Some(Value::Array(list)) => list.clone(),
        Some(_) => return Err(bad("is neither a list nor ids separated by `|`")),
    };
    if list.len() > PRODUCTS_MAX {
        return Err(bad("has too many entries"));
    }
    let product = |value: Value| match value {
        Value::Object(_) => Ok(value),
        Value::String(_) | Value::Number(_) => Ok(json!({ "product_id": value })),
        _ => Err(bad("has an entry that is neither an object nor an id")),
    };
    Ok(Some(Value::Array(list.into_iter().map(product).collect::<Result<_, _>>()?)))
}

/// The beginning of a value, for a one-line message.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_usual_forms_only() {
        let check = |text: &str, expected: Option<i64>| assert_eq!(parse_time(text).map(|at| at.0), expected, "{text}");
        check("2015-03-01T10:00:00+03:30", Some(1_425_191_400_000));
        check("2015-03-01", Some(1_425_168_000_000));
        check("2015-03-01 10:00:00", Some(1_425_204_000_000));
        check("1425204000", Some(1_425_204_000_000));
        check("1425204000000", Some(1_425_204_000_000));
        check("20150301", None);
        check("01/03/2015", None);
        check("", None);
    }

    #[test]
    fn amounts_are_exact() {
        let of = |revenue: &str, currency: &str| {
            let record = json!({ "revenue": revenue, "currency": currency });
            money(record.as_object().unwrap(), Currency::NONE).map(|(text, _)| text).map_err(|issue| issue.kind)
        };
        assert_eq!(of("0.05", "EUR"), Ok("0.05".into()));
        assert_eq!(of("1200", "JPY"), Ok("1200".into()));
        assert_eq!(of("1.2345", "KWD"), Err(RowIssueKind::BadAmount));
        assert_eq!(of("-1", "EUR"), Err(RowIssueKind::BadAmount));
        assert_eq!(of("1", ""), Err(RowIssueKind::BadCurrency));
        assert_eq!(of("", "EUR"), Err(RowIssueKind::MissingValue));
    }
}
