//! Amounts in the properties of events. A JSON number is never ambiguous; a text is read as shops write it
//! ([`crate::model::amount`]). An amount that is ambiguous or none is left out of the event, and data quality reports the
//! property.

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) use crate::model::amount::AmountError;
use crate::{
    model::{Currency, amount},
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

/// The currency in the text of an amount, if it has one.
pub(super) fn currency_in(amount: &RawAmount<'_>, site: Currency) -> Option<Currency> {
    amount::currency_in(amount.text.as_str(), site)
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
            return amount::to_minor(text, self.stated).map(Some);
        }
        let written = amount::read(text, self.stated, self.site)?;
        if written.currency.stored() != self.currency {
            return Err(AmountError::OtherCurrency);
        }
        written.minor().map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::currency_names::parse_currency;

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
