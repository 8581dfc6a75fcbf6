//! Money in minor units of an ISO 4217 currency, never in floating point.

use std::fmt;

/// An ISO 4217 code in three capital letters; `XXX` (no currency) when unknown.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency(pub [u8; 3]);

impl Currency {
    /// ISO 4217's code for "no currency involved".
    pub const NONE: Self = Self(*b"XXX");

    /// Reads a three-letter code, any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 3] = text.trim().as_bytes().try_into().ok()?;
        bytes.iter().all(u8::is_ascii_alphabetic).then(|| Self(bytes.map(|b| b.to_ascii_uppercase())))
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
    /// Reads a decimal amount in major units ("12.5", "-3", "1e2" is refused), rounding half away
    /// from zero past the currency's digits. `None` when it is no number or too large.
    #[must_use]
    pub fn parse_major(text: &str, currency: Currency) -> Option<Self> {
        let text = text.trim();
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
        let mut minor: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
        let mut rest = fraction.bytes();
        for _ in 0..currency.exponent() {
            let digit = rest.next().map_or(0, |b| i64::from(b - b'0'));
            minor = minor.checked_mul(10)?.checked_add(digit)?;
        }
        if rest.next().is_some_and(|b| b >= b'5') {
            minor = minor.checked_add(1)?;
        }
        Some(Self { minor: if negative { -minor } else { minor }, currency })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        check("1e3", "USD", None);
        check("", "USD", None);
        check("99999999999999999999", "USD", None);
    }
}
