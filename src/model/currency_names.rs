//! Names of currencies other than their codes.

use super::Currency;

/// Lowercase symbols and names, and their currencies: the site's currency if it is among them, else the first. An empty
/// first one means none.
const SIGNS: &[(&str, &str)] = &[
    ("$", "USD CAD AUD NZD HKD SGD MXN ARS CLP COP TWD UYU JMD BBD TTD BSD BZD"),
    ("us$", "USD"),
    ("usd$", "USD"),
    ("ca$", "CAD"),
    ("c$", "CAD NIO"),
    ("au$", "AUD"),
    ("a$", "AUD"),
    ("nz$", "NZD"),
    ("hk$", "HKD"),
    ("s$", "SGD"),
    ("nt$", "TWD"),
    ("mx$", "MXN"),
    ("r$", "BRL"),
    ("€", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("£", "GBP EGP LBP SYP SSP FKP GIP SHP"),
    ("¥", "JPY CNY"),
    ("￥", "JPY CNY"),
    ("円", "JPY"),
    ("元", "CNY TWD"),
    ("rmb", "CNY"),
    ("₺", "TRY"),
    ("tl", "TRY"),
    ("₹", "INR"),
    ("rs", "INR PKR LKR NPR MUR SCR"),
    ("rs.", "INR PKR LKR NPR MUR SCR"),
    ("₽", "RUB"),
    ("руб", "RUB"),
    ("руб.", "RUB"),
    ("р.", "RUB"),
    ("₴", "UAH"),
    ("грн", "UAH"),
    ("₸", "KZT"),
    ("₩", "KRW KPW"),
    ("₪", "ILS"),
    ("₫", "VND"),
    ("đ", "VND"),
    ("฿", "THB"),
    ("₱", "PHP"),
    ("₦", "NGN"),
    ("₵", "GHS"),
    ("zł", "PLN"),
    ("zl", "PLN"),
    ("kč", "CZK"),
    ("kc", "CZK"),
    ("ft", "HUF"),
    ("kr", " SEK NOK DKK ISK"),
    ("kr.", " SEK NOK DKK ISK"),
    ("fr", "CHF"),
    ("fr.", "CHF"),
    ("sfr.", "CHF"),
    ("chf.", "CHF"),
    ("lei", "RON MDL"),
    ("лв", "BGN"),
    ("лв.", "BGN"),
    ("rp", "IDR"),
    ("rp.", "IDR"),
    ("rm", "MYR"),
    ("د.إ", "AED"),
    ("درهم", "AED MAD"),
    ("ر.س", "SAR"),
    ("﷼", "IRR SAR OMR QAR YER"),
    ("ریال", "IRR SAR OMR QAR YER"),
    ("ريال", "SAR IRR OMR QAR YER"),
    ("rial", "IRR OMR YER"),
    ("rials", "IRR OMR YER"),
    ("تومان", "IRT"),
    ("تومن", "IRT"),
    ("toman", "IRT"),
    ("tomans", "IRT"),
];

/// Numeric codes of ISO 4217, as payment systems send them.
const NUMBERS: &[(&str, &str)] = &[
    ("978", "EUR"),
    ("840", "USD"),
    ("826", "GBP"),
    ("756", "CHF"),
    ("392", "JPY"),
    ("156", "CNY"),
    ("364", "IRR"),
    ("949", "TRY"),
    ("124", "CAD"),
    ("036", "AUD"),
    ("36", "AUD"),
    ("356", "INR"),
    ("643", "RUB"),
    ("784", "AED"),
    ("682", "SAR"),
    ("752", "SEK"),
    ("578", "NOK"),
    ("208", "DKK"),
    ("985", "PLN"),
    ("203", "CZK"),
    ("348", "HUF"),
    ("986", "BRL"),
    ("980", "UAH"),
    ("398", "KZT"),
    ("376", "ILS"),
];

/// Parses a symbol, name, code or number of a currency, as used on a site.
pub fn parse_currency(text: &str, site: Currency) -> Option<Currency> {
    let text = text.trim();
    if let Some(code) = Currency::parse(text).filter(|_| !text.eq_ignore_ascii_case("rmb")) {
        return Some(code);
    }
    let lower = text.to_lowercase();
    let known = SIGNS.iter().chain(NUMBERS).find(|(name, _)| *name == lower)?.1;
    let mut codes = known.split(' ').filter_map(Currency::parse);
    let of_site = codes.clone().find(|code| *code == site);
    of_site.or_else(|| codes.next().filter(|_| !known.starts_with(' ')))
}
