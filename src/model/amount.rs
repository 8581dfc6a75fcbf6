//! Reads amounts and currencies as shops write them: `$24.50`, `1.234,56 €`, `45,000 تومان`, `CHF 12.-`.
//!
//! An ambiguous text (`1,234`) or one that is no amount (`free`) is never guessed: whoever sent it gets the reason.

use std::borrow::Cow;

use super::{Currency, Money, currency_names::parse_currency};

/// Why an amount is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AmountError {
    /// It could be one amount or a thousand times that.
    Ambiguous,
    /// Its currency is not the expected one.
    OtherCurrency,
    /// It is no amount.
    NoAmount,
}

impl AmountError {
    /// The text in the report on data quality.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous amount",
            Self::OtherCurrency => "another currency",
            Self::NoAmount => "no amount",
        }
    }
}

/// An amount as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenAmount<'t> {
    /// Its digits as a plain decimal such as `1234.56`, without a sign.
    pub decimal: Cow<'t, str>,
    /// Whether it is negative.
    pub negative: bool,
    /// Its currency as written; toman is [`Currency::TOMAN`].
    pub currency: Currency,
}

impl WrittenAmount<'_> {
    /// The amount in minor units of the currency it is stored in.
    ///
    /// # Errors
    /// If it is no amount, or too large.
    pub fn minor(&self) -> Result<i64, AmountError> {
        let minor = to_minor(&self.decimal, self.currency)?;
        Ok(if self.negative { -minor } else { minor })
    }

    /// Whether the minor unit holds it without rounding.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        let fraction = self.decimal.split_once('.').map_or("", |(_, fraction)| fraction);
        fraction.bytes().skip(self.currency.exponent() as usize).all(|digit| digit == b'0')
    }
}

/// A plain decimal in minor units of the currency it is stored in: toman, ten rials, has no ISO 4217 code; its code
/// here is `IRT`.
///
/// # Errors
/// If it is no decimal, or too large.
pub fn to_minor(decimal: &str, currency: Currency) -> Result<i64, AmountError> {
    let factor = if currency == Currency::TOMAN { 10 } else { 1 };
    let minor = Money::parse_major(decimal, currency.stored()).and_then(|money| money.minor.checked_mul(factor));
    minor.ok_or(AmountError::NoAmount)
}

/// Reads an amount. A currency that the text does not name is `stated`; a sign that several currencies share is
/// `stated` or `site` if it can be.
///
/// # Errors
/// If it is ambiguous, or no amount.
pub fn read(text: &str, stated: Currency, site: Currency) -> Result<WrittenAmount<'_>, AmountError> {
    let parts = parts(text).ok_or(AmountError::NoAmount)?;
    let currency = match parts.currency {
        "" => stated,
        name => parse_currency(name, stated).or_else(|| parse_currency(name, site)).ok_or(AmountError::NoAmount)?,
    };
    let decimal = match parts.digits {
        Cow::Borrowed(digits) => plain_decimal(digits, currency)?,
        Cow::Owned(digits) => Cow::Owned(plain_decimal(&digits, currency)?.into_owned()),
    };
    Ok(WrittenAmount { decimal, negative: parts.negative, currency })
}

/// The currency in the text of an amount, if it names one.
#[must_use]
pub fn currency_in(text: &str, site: Currency) -> Option<Currency> {
    parse_currency(parts(text)?.currency, site)
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
    Some(Parts { negative, digits: super::money::to_latin_digits(digits), currency })
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
