//! Parses prices as shops write them, exactly: `12.00 EUR`, `EUR 1,299.50`, `12,50 €`.

use crate::model::{Currency, Money};

/// Symbols that denote a single currency.
const SIGNS: [(&str, &[u8; 3]); 4] = [("€", b"EUR"), ("£", b"GBP"), ("₹", b"INR"), ("﷼", b"IRR")];

/// Parses a price; `fallback` is its currency if it names none. `None` when it is not a price, negative, or has more
/// decimals than its currency: `1.234 EUR` is ambiguous.
pub(super) fn price(text: &str, fallback: Currency) -> Option<Money> {
    let mut text = text.trim();
    let mut currency = fallback;
    for (sign, code) in SIGNS {
        if let Some(rest) = text.strip_prefix(sign).or_else(|| text.strip_suffix(sign)) {
            (text, currency) = (rest.trim(), Currency(*code));
        }
    }
    let has_letters = |text: &str| text.chars().any(char::is_alphabetic);
    if let Some((amount, code)) = text.rsplit_once(char::is_whitespace).filter(|(_, code)| has_letters(code)) {
        (text, currency) = (amount.trim(), Currency::parse(code)?);
    } else if let Some((code, amount)) = text.split_once(char::is_whitespace).filter(|(code, _)| has_letters(code)) {
        (text, currency) = (amount.trim(), Currency::parse(code)?);
    }
    let digits = without_separators(text)?;
    let money = Money::parse_major(&digits, currency)?;
    (money.minor >= 0 && !digits.contains(['e', 'E']) && is_exact(&digits, currency)).then_some(money)
}

/// Removes thousands separators: commas before a decimal point. A comma before the last two digits is a decimal one.
fn without_separators(text: &str) -> Option<String> {
    let Some((whole, fraction)) = text.rsplit_once('.') else {
        return match text.split(',').collect::<Vec<_>>()[..] {
            [_] => Some(text.to_owned()),
            [whole, cents] if cents.len() == 2 => Some(format!("{whole}.{cents}")),
            _ => None,
        };
    };
    let groups: Vec<&str> = whole.split(',').collect();
    let fits = groups.len() == 1 || (!groups[0].is_empty() && groups[1..].iter().all(|group| group.len() == 3));
    fits.then(|| format!("{}.{fraction}", groups.concat()))
}

/// Whether the amount is exact in the currency's minor unit.
fn is_exact(digits: &str, currency: Currency) -> bool {
    let fraction = digits.split(['.', '\u{66b}']).nth(1).unwrap_or_default();
    let kept = currency.exponent() as usize;
    fraction.chars().skip(kept).all(|digit| matches!(digit, '0' | '\u{6f0}' | '\u{660}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact_or_refused() {
        let check = |text: &str, expected: Option<(i64, &str)>| {
            let found = price(text, Currency(*b"USD"));
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
        check("9007199254740993.01 EUR", Some((900_719_925_474_099_301, "EUR")));
        for bad in [
            "",
            "free",
            "-1 EUR",
            "1.234 EUR",
            "1,234 EUR",
            "12.00 EURO",
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
