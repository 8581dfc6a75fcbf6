//! Admin API: exchange rates of a site.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Currency, Site, rates::RateEntry};

/// Exchange rates to a site's currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct RatesBody {
    /// The site's currency.
    pub base: String,
    /// The rates by currency, newest first.
    pub rates: Vec<RateBody>,
}

/// The complete list of rates; it replaces all rates to the site's current currency.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RatesChange {
    /// At most 4,000 rates.
    pub rates: Vec<RateBody>,
}

/// One exchange rate.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RateBody {
    /// ISO 4217 code.
    #[schema(value_type = String)]
    pub currency: Currency,
    /// First day on which it applies, in the site's time zone.
    #[schema(value_type = String, format = Date)]
    pub from: jiff::civil::Date,
    /// Value of one unit in the site's currency: a decimal number as a string.
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
    /// Converts the rates to their stored form.
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
