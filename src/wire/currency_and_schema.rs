//! What a site's owner says of its money and its events.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Currency, Site, rates::RateEntry};

/// The rates to a site's currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct RatesBody {
    /// The site's currency.
    pub base: String,
    /// The rates, by currency and with the newest first.
    pub rates: Vec<RateBody>,
}

/// The rates to keep; all others to the site's currency go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RatesChange {
    /// At most 4,000.
    pub rates: Vec<RateBody>,
}

/// One rate.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateBody {
    /// ISO 4217 code.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// The first day it holds, in the site's time zone.
    #[schema(value_type = String, format = Date)]
    pub from: jiff::civil::Date,
    /// How much of the site's currency one unit is worth: a decimal, as text.
    pub rate: String,
}

impl From<&Site> for RatesBody {
    fn from(site: &Site) -> Self {
        let entries = site.rate_entries.iter().filter(|entry| entry.base == site.currency);
        let rate =
            |entry: &RateEntry| RateBody { currency: entry.currency, from: entry.from, rate: entry.rate.clone() };
        Self { base: site.currency.as_str().to_owned(), rates: entries.map(rate).collect() }
    }
}

impl RatesChange {
    /// The same as the site keeps them.
    #[must_use]
    pub fn entries(self, base: Currency) -> Vec<RateEntry> {
        let entry = |rate: RateBody| RateEntry {
            base,
            currency: rate.currency,
            from: rate.from,
            rate: rate.rate.trim().to_owned(),
        };
        self.rates.into_iter().map(entry).collect()
    }
}
