//! A site and what its owner chose for it.

use super::{Currency, SiteId};

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
    pub secret: String,
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
    /// Whether it is the invented demo shop.
    pub demo: bool,
    /// When it was added, milliseconds.
    pub created_at: super::Timestamp,
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
