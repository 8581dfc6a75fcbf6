//! A site and what its owner chose for it.

use std::sync::Arc;

use super::{
    Captures, Currency, Recommending, Secret, SiteId,
    rates::{RateEntry, Rates},
    schema::Rules,
};

/// A website (or shop, or app) whose events are kept apart from all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// Its number.
    pub id: SiteId,
    /// Name shown to marketers.
    pub name: String,
    /// Origins its pages are served from, such as `https://shop.example`; browsers elsewhere are refused.
    pub origins: Vec<String>,
    /// Public key that the tracker sends.
    pub write_key: String,
    /// Secret with which the site signs user ids (HMAC-SHA256). Never leaves the service unasked.
    pub secret: Secret,
    /// Currency of its reports.
    pub currency: Currency,
    /// IANA time zone of its reports.
    pub timezone: String,
    /// What happens to robots' events.
    pub robots: RobotsPolicy,
    /// What a visitor who said nothing agreed to.
    pub consent_default: ConsentDefault,
    /// Whether Global Privacy Control and Do Not Track count as a refusal.
    pub honour_gpc: bool,
    /// Events a second that it may send on average; 0: what `rate.site_events_per_second` says.
    pub events_per_second_max: u32,
    /// How visitors are known, and what remains of those who must not be.
    pub visitors: VisitorRules,
    /// Rates to its currency as the owner wrote them, those to other currencies among them.
    pub rate_entries: Arc<[RateEntry]>,
    /// The same, ready for its present currency.
    pub rates: Arc<Rates>,
    /// What its events are meant to look like.
    pub rules: Arc<Rules>,
    /// What the tracker notices by itself.
    pub captures: Captures,
    /// Whether its offers may carry HTML, which the tracker puts into pages as it is. Only an owner allows it.
    pub offer_html: bool,
    /// How it recommends.
    pub recommending: Recommending,
    /// Whether it is the invented demo shop.
    pub demo: bool,
    /// When it was added, milliseconds.
    pub created_at: super::Timestamp,
}

impl Site {
    /// A time zone by its IANA name; UTC for one that is not known any more.
    #[must_use]
    pub fn zone(name: &str) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
    }
}

/// What happens to robots' events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RobotsPolicy {
    /// Counted by reason, not stored.
    #[default]
    Drop,
    /// Stored with the reason and left out of reports.
    Keep,
}

/// What a visitor who said nothing agreed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsentDefault {
    /// Analytics and personalization, until refused.
    #[default]
    Granted,
    /// Nothing, until granted.
    Denied,
}

/// How a site knows its visitors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VisitorRules {
    /// By what one visit is told to be the same browser's as another.
    pub known_by: KnownBy,
    /// What remains of events whose visitor did not consent.
    pub without_consent: WithoutConsent,
    /// Minutes of silence that end a session; `None` for `ingest.session_minutes`.
    pub session_minutes: Option<u32>,
}

impl VisitorRules {
    /// Longest silence within one session that may be set, minutes: a day.
    pub const SESSION_MINUTES_MAX: u32 = 24 * 60;

    /// The silence that ends a session, milliseconds, where `minutes` holds for all sites.
    #[must_use]
    pub fn session_ms(&self, minutes: u64) -> i64 {
        let minutes = self.session_minutes.map_or(minutes, u64::from);
        i64::try_from(minutes.saturating_mul(60_000)).unwrap_or(i64::MAX)
    }
}

/// By what a browser is known again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KnownBy {
    /// A random id in a signed cookie, or in the page's own storage where cookies cannot travel.
    #[default]
    Cookie,
    /// Nothing that is kept in the browser: a hash of address and user agent under a salt that is
    /// drawn anew each day and then destroyed. No id that anybody sends is taken.
    DailyHash,
}

impl KnownBy {
    /// The word in the API and in the control database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cookie => "cookie",
            Self::DailyHash => "daily_hash",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Cookie, Self::DailyHash].into_iter().find(|one| one.as_str() == word)
    }
}

/// What remains of events whose visitor did not consent to analytics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WithoutConsent {
    /// They are counted as nobody's: no id, no person, no place but the country.
    #[default]
    Anonymous,
    /// Nothing: they are dropped and counted by reason.
    Nothing,
}

impl WithoutConsent {
    /// The word in the API and in the control database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Nothing => "nothing",
        }
    }

    /// The one with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Anonymous, Self::Nothing].into_iter().find(|one| one.as_str() == word)
    }
}
