//! Prices of items, as shops write them, exactly or not at all: `12.00 EUR`, `1.299,00 EUR`, `12,5 €`.

use crate::model::{
    Currency, Money,
    amount::{self, AmountError},
};

/// Parses a price; `fallback` is its currency if it names none.
///
/// # Errors
/// If it is not a price, negative, has more decimals than its currency, or could be a thousand times as much
/// (`12.000 VND`).
pub(super) fn price(text: &str, fallback: Currency) -> Result<Money, AmountError> {
    let written = amount::read(text, fallback, fallback)?;
    if written.negative || !written.is_exact() || written.decimal.contains(['e', 'E']) {
        return Err(AmountError::NoAmount);
    }
    Ok(Money { minor: written.minor()?, currency: written.currency.stored() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_or_refused() {
        let check = |text: &str, expected: Option<(i64, &str)>| {
            let found = price(text, Currency(*b"USD")).ok();
            assert_eq!(
                found.map(|m| (m.minor, m.currency.as_str().to_owned())),
                expected.map(|(m, c)| (m, c.to_owned())),
                "{text}"
            );
        };
        check("12.00 EUR", Some((1200, "EUR")));
        check("EUR 12.5", Some((1250, "EUR")));
        check("12", Some((1200, "USD")));
        check("1,299.50 GBP", Some((129_950, "GBP")));
        check("12,50 €", Some((1250, "EUR")));
        check("£3.99", Some((399, "GBP")));
        check("1200.00 JPY", Some((1200, "JPY")));
        check("1.234 KWD", Some((1234, "KWD")));
        check("0.10 EUR", Some((10, "EUR")));
        check("۴۵۰۰۰ IRR", Some((4_500_000, "IRR")));
        check("45000 IRT", Some((45_000_000, "IRR")));
        check("1.299,00 EUR", Some((129_900, "EUR")));
        check("1 299,00 EUR", Some((129_900, "EUR")));
        check("1'299.00 CHF", Some((129_900, "CHF")));
        check("1.000.000 EUR", Some((100_000_000, "EUR")));
        check("12,5 EUR", Some((1250, "EUR")));
        check("12.00 EURO", Some((1200, "EUR")));
        check("9007199254740993.01 EUR", Some((900_719_925_474_099_301, "EUR")));
        for bad in [
            "",
            "free",
            "-1 EUR",
            "1.234 EUR",
            "1,234 EUR",
            "12.000 VND",
            "250.000 IDR",
            "1.000 EUR",
            "12.000 IRT",
            "12.990 COP",
            "1e3 EUR",
            "1.2.3 EUR",
            "NaN",
            "12 00 EUR",
            "99999999999999999999 EUR",
            "1,2,3.00",
            "12.5 JPY",
        ] {
            check(bad, None);
        }
    }
}
