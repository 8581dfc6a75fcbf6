//! Money in minor units of an ISO 4217 currency, never in floating point.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An ISO 4217 code in three capital letters; `XXX` (no currency) when unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(pub [u8; 3]);

impl Currency {
    /// ISO 4217's code for "no currency involved".
    pub const NONE: Self = Self(*b"XXX");
    /// Iranian rial.
    pub const RIAL: Self = Self(*b"IRR");
    /// Toman, ten rials: not an ISO 4217 code; `IRT` is customary. Amounts sent in it are stored in rials; a site's
    /// reports may use it.
    pub const TOMAN: Self = Self(*b"IRT");

    /// Reads a three-letter code, any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
    }

    /// The currency its amounts are stored in: rials for toman, otherwise itself.
    #[must_use]
    pub fn stored(self) -> Self {
        if self == Self::TOMAN { Self::RIAL } else { self }
    }

    /// Decimal digits of the minor unit by ISO 4217: EUR 2, JPY 0, KWD 3.
    #[must_use]
    pub const fn exponent(self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF" | b"UGX"
            | b"UYI" | b"VND" | b"VUV" | b"XAF" | b"XOF" | b"XPF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            b"CLF" | b"UYW" => 4,
            _ => 2,
        }
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self::NONE
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is no currency: write three letters")))
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount in minor units: 12.50 EUR is `minor` 1250.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    /// Amount in the currency's minor unit.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// Parses a decimal amount in major units, such as `12.5`, `-3`, `1.2e3` or `۱۲٫۵`, rounding half away from zero
    /// beyond the currency's digits. `None` when it is not a number or too large. Thousands separators are refused,
    /// except the Persian one: `1,234` is ambiguous.
    #[must_use]
    pub fn parse_major(text: &str, currency: Currency) -> Option<Self> {
        let text = to_latin_digits(text.trim());
        let (text, power) = match text.split_once(['e', 'E']) {
            Some((digits, power)) => (digits, power.parse::<i32>().ok().filter(|power| power.abs() <= POWER_MAX)?),
            None => (&*text, 0),
        };
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        if (whole.is_empty() && fraction.is_empty())
            || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        {
            return None;
        }
        // Where the minor unit ends, as a number of digits from the first.
        let end = i32::try_from(whole.len()).ok()? + power + i32::try_from(currency.exponent()).ok()?;
        let mut all = whole.bytes().chain(fraction.bytes());
        let mut minor: i64 = 0;
        for _ in 0..end.max(0) {
            let digit = all.next().map_or(0, |b| i64::from(b - b'0'));
            minor = minor.checked_mul(10)?.checked_add(digit)?;
        }
        if end >= 0 && all.next().is_some_and(|b| b >= b'5') {
            minor = minor.checked_add(1)?;
        }
        Some(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

/// Largest exponent, positive or negative, that an amount may be written with.
const POWER_MAX: i32 = 40;

/// Converts Persian and Arabic digits and decimal points to ASCII and removes their thousands separator.
#[must_use]
pub fn to_latin_digits(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let letter = |c: char| match c {
        '\u{6f0}'..='\u{6f9}' => char::from_digit(u32::from(c) - 0x6f0, 10),
        '\u{660}'..='\u{669}' => char::from_digit(u32::from(c) - 0x660, 10),
        '\u{66b}' => Some('.'),
        '\u{66c}' => None,
        other => Some(other),
    };
    Cow::Owned(text.chars().filter_map(letter).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_has_the_digits_of_iso_4217() {
        let check = |codes: &str, digits| {
            for code in codes.split(' ') {
                assert_eq!(Currency::parse(code).unwrap().exponent(), digits, "{code}");
            }
        };
        check("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF", 0);
        check("BHD IQD JOD KWD LYD OMR TND", 3);
        check("CLF UYW", 4);
        check("EUR USD GBP IRR IRT TRY AED SAR AFN CNY INR RUB CHF SEK MGA MRU HUF TWD IDR", 2);
    }

    #[test]
    fn amounts_keep_the_digits_of_their_currency() {
        let check = |text, code, expected: Option<i64>| {
            let currency = Currency::parse(code).unwrap();
            assert_eq!(Money::parse_major(text, currency).map(|m| m.minor), expected, "{text} {code}");
        };
        check("12.5", "EUR", Some(1250));
        check("0.1", "eur", Some(10));
        check("1200", "JPY", Some(1200));
        check("1.2345", "KWD", Some(1235));
        check("-3.999", "USD", Some(-400));
        check(".5", "USD", Some(50));
        check("1e3", "USD", Some(100_000));
        check("1.25E+1", "USD", Some(1250));
        check("125e-1", "JPY", Some(13));
        check("5e-3", "USD", Some(1));
        check("5e-4", "USD", Some(0));
        check("-5e-3", "USD", Some(-1));
        check("1e17", "USD", None);
        check("0e40", "USD", Some(0));
        check("1e41", "USD", None);
        check("1e", "USD", None);
        check("1,234", "USD", None);
        check("۱۲٬۳۴۵٫۶", "IRR", Some(1_234_560));
        check("٤٥٠٠٠", "IRR", Some(4_500_000));
        check("0.0001", "CLF", Some(1));
        check("", "USD", None);
        check("99999999999999999999", "USD", None);
    }
}
