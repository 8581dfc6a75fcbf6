//! Currency conversion rates of a site as query parameters.

use super::Param;
use crate::model::{Site, rates::Rate};

/// The parameters of `$MONEY`: `rate_currencies Array(String)`, and `rate_since`, `rate_numerators` and
/// `rate_denominators` `Array(UInt64)`: rates to the site's currency, the newest first, so that the first match is the rate
/// in effect.
#[must_use]
pub fn rate_params(site: &Site) -> [(&'static str, Param); 4] {
    let rates = site.rates.all();
    let numbers = |pick: fn(&Rate) -> u64| Param::ArrayU64(rates.iter().map(pick).collect());
    [
        ("rate_currencies", Param::ArrayStr(rates.iter().map(|rate| rate.currency.as_str().to_owned()).collect())),
        ("rate_since", numbers(|rate| rate.since.0.unsigned_abs())),
        ("rate_numerators", numbers(|rate| rate.numerator)),
        ("rate_denominators", numbers(|rate| rate.denominator)),
    ]
}
