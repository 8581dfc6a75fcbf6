//! A site and its settings.

use std::sync::Arc;

use strum::{EnumString, IntoStaticStr};

use super::{
    Captures, ContactCosts, Currency, ExplorationSettings, Secret, SiteId, TrafficFilters,
    rates::{RateEntry, Rates},
    schema::Rules,
};

/// A website (or shop, or app) whose events are kept apart from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its number, from 1.
    pub id: SiteId,
    /// Name shown to marketers.
    pub name: String,
    /// Origins its pages are served from, such as `https://shop.example`; requests of other origins are refused.
    pub origins: Vec<String>,
    /// Public key of the tracker.
    pub write_key: String,
    /// Secret with which the site signs user ids (HMAC-SHA256). Leaves the service only on the owner's request.
    pub secret: Secret,
    /// Currency of its reports.
    pub currency: Currency,
    /// IANA time zone of its reports.
    pub timezone: String,
    /// What happens to bot events.
    pub robots: RobotsPolicy,
    /// Consent of visitors who have not chosen.
    pub consent_default: ConsentDefault,
    /// Whether Global Privacy Control and Do Not Track count as a refusal of consent.
    pub honour_gpc: bool,
    /// Average rate limit, events per second; 0: `rate.site_events_per_second`.
    pub events_per_second_max: u32,
    /// How visitors are recognized, and what is kept without consent.
    pub visitors: VisitorRules,
    /// Exchange rates as the owner entered them, including those to other base currencies.
    pub rate_entries: Arc<[RateEntry]>,
    /// The same, compiled for its current currency.
    pub rates: Arc<Rates>,
    /// Schema of its events.
    pub rules: Arc<Rules>,
    /// What the tracker captures automatically.
    pub captures: Captures,
    /// Whether its offers may contain HTML, which the tracker inserts into pages unchanged. Only an owner may allow it.
    pub offer_html: bool,
    /// Traffic that is left out of its figures, or joined.
    pub traffic_filters: Arc<TrafficFilters>,
    /// What one contact over each channel costs, minor units of its currency; only channels that the site entered.
    pub contact_costs: Arc<ContactCosts>,
    /// Share of people who see no offer at all, to measure the effect of all offers, in hundredths of a per cent.
    pub holdout_bp: u16,
    /// Exploration settings of its recommendations.
    pub exploration: ExplorationSettings,
    /// Whether it is the generated demo shop.
    pub demo: bool,
    /// When it was added.
    pub created_at: super::Timestamp,
}

impl Site {
    /// A time zone by its IANA name; UTC if the name is unknown.
    #[must_use]
    pub fn zone(name: &str) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// What happens to bot events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum RobotsPolicy {
    /// Counted by reason, not stored.
    #[default]
    Drop,
    /// Stored with the reason and excluded from reports.
    Keep,
}

/// Consent of visitors who have not chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum ConsentDefault {
    /// Analytics and personalization are on until refused.
    #[default]
    Granted,
    /// Both are off until granted.
    Denied,
}

/// How a site recognizes visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VisitorRules {
    /// How a returning visitor is recognized.
    pub known_by: KnownBy,
    /// What is kept of events without consent.
    pub without_consent: WithoutConsent,
    /// Minutes of inactivity that end a session; `None`: `ingest.session_minutes`.
    pub session_minutes: Option<u32>,
}

impl VisitorRules {
    /// Largest inactivity limit, minutes: a day.
    pub const SESSION_MINUTES_MAX: u32 = 24 * 60;

    /// The inactivity that ends a session, milliseconds; `minutes` is the service's default.
    #[must_use]
    pub fn session_ms(&self, minutes: u64) -> i64 {
        let minutes = self.session_minutes.map_or(minutes, u64::from);
        i64::try_from(minutes.saturating_mul(60_000)).unwrap_or(i64::MAX)
    }
}

/// How a returning browser is recognized.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr, EnumString, utoipa::ToSchema)]
#[strum(serialize_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub enum KnownBy {
    /// A random id in a signed cookie, or in the page's own storage where cookies are not available.
    #[default]
    Cookie,
    /// Nothing is stored in the browser: a hash of address and user agent with a salt that is replaced daily and then
    /// destroyed. Client ids are ignored.
    DailyHash,
}

impl KnownBy {
    /// Value in the API and in the control database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses the value.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// What is kept of events whose visitor did not consent to analytics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, IntoStaticStr, EnumString, utoipa::ToSchema)]
#[strum(serialize_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub enum WithoutConsent {
    /// They are counted as anonymous: no id, no user, no location except the country.
    #[default]
    Anonymous,
    /// Nothing: they are dropped and counted by reason.
    Nothing,
}

impl WithoutConsent {
    /// Value in the API and in the control database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Parses the value.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}
