//! Admin API: logins, sites, saved funnels, models, data quality, visitor profiles.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{interests::Interests, reports::VisitorHistory};
use crate::model::{Capture, ConsentDefault, PersonValue, Profile, RobotsPolicy, Site};

/// The body of every error response.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody<'a> {
    /// HTTP status.
    pub status: u16,
    /// Stable error code.
    pub code: &'a str,
    /// One-line explanation.
    pub message: &'a str,
}

/// Whether the first user still has to be created.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetupState {
    /// True while no user exists.
    pub needed: bool,
}

/// The first user and, optionally, the first site.
#[derive(Deserialize, ToSchema)]
pub struct SetupBody {
    /// Token from the one-time set-up link.
    #[schema(value_type = String)]
    pub token: SecretString,
    /// Login name.
    pub email: String,
    /// At least 8 characters.
    #[schema(value_type = String)]
    pub password: SecretString,
    /// Name of the first site.
    #[serde(default)]
    pub site_name: Option<String>,
    /// Origin of the first site.
    #[serde(default)]
    pub origin: Option<String>,
}

/// A login.
#[derive(Deserialize, ToSchema)]
pub struct LoginBody {
    /// Login name.
    pub email: String,
    /// Password.
    #[schema(value_type = String)]
    pub password: SecretString,
    /// Authenticator code or recovery code; required for accounts with two-factor login.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Option<SecretString>,
}

/// The logged-in user and the sites they can access.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// The user.
    pub user: UserBody,
    /// Sites the user can access.
    pub sites: Vec<SiteBody>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserBody {
    /// Numeric id.
    pub id: i64,
    /// Login name.
    pub email: String,
    /// `owner`, `marketer` or `viewer`.
    #[schema(value_type = crate::model::Role)]
    pub role: &'static str,
    /// Ids of the sites the user can access; null for all.
    pub sites: Option<Vec<u32>>,
    /// Whether visitors' personal data is masked for this user.
    pub masked: bool,
    /// Whether login requires a second factor.
    pub two_factor: bool,
    /// Number of unused recovery codes.
    pub recovery_codes_left: u32,
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings, each by its own name")]
pub struct SiteBody {
    /// Numeric id.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Origins of its pages.
    pub origins: Vec<String>,
    /// Public write key.
    pub write_key: String,
    /// Reporting currency, ISO 4217 code.
    pub currency: String,
    /// Reporting time zone, IANA name.
    pub timezone: String,
    /// What happens to bot traffic: `drop` or `keep`.
    #[schema(value_type = crate::model::RobotsPolicy)]
    pub robots: &'static str,
    /// Consent assumed until the visitor decides: `granted` or `denied`.
    #[schema(value_type = crate::model::ConsentDefault)]
    pub consent_default: &'static str,
    /// Whether Global Privacy Control and Do Not Track signals count as denied consent.
    pub honour_gpc: bool,
    /// Average events per second the site may send; 0 uses the service's configured limit.
    pub events_per_second_max: u32,
    /// How returning visitors are recognized: `cookie` or `daily_hash`.
    #[schema(value_type = crate::model::KnownBy)]
    pub known_by: &'static str,
    /// What is stored of events without consent: `anonymous` or `nothing`.
    #[schema(value_type = crate::model::WithoutConsent)]
    pub without_consent: &'static str,
    /// Session timeout in minutes; null uses the service-wide setting.
    pub session_minutes: Option<u32>,
    /// What the tracker captures automatically: `pages`, `engagement`, `clicks`, `rage`, `forms`, `searches`,
    /// `errors`, `vitals`, `media`, `copy`, `datalayer`.
    #[schema(value_type = Vec<Capture>)]
    pub captures: Vec<&'static str>,
    /// Whether offers may contain HTML.
    pub offer_html: bool,
    /// Share of people, in per cent, who see no offer at all.
    pub holdout_percent: f64,
    /// Networks whose events are dropped, such as the site's own offices.
    pub ignored_networks: Vec<String>,
    /// Hosts, with their subdomains, that are no source of a visit, such as a payment page.
    pub ignored_referrers: Vec<String>,
    /// Whether `/path/` is stored as `/path`.
    pub join_trailing_slashes: bool,
    /// What one contact costs by channel (`web`, `app`, `email`, `sms`, `push`, `call_centre`, `shop`), minor units of the
    /// site's currency; channels without a cost are absent.
    pub contact_costs_minor: BTreeMap<&'static str, i64>,
    /// Whether this is the demo shop.
    pub demo: bool,
    /// Creation time, RFC 3339.
    pub created_at: String,
}

impl From<&Site> for SiteBody {
    fn from(site: &Site) -> Self {
        Self {
            id: site.id.0,
            name: site.name.clone(),
            origins: site.origins.clone(),
            write_key: site.write_key.clone(),
            currency: site.currency.as_str().to_owned(),
            timezone: site.timezone.clone(),
            robots: match site.robots {
                RobotsPolicy::Drop => "drop",
                RobotsPolicy::Keep => "keep",
            },
            consent_default: match site.consent_default {
                ConsentDefault::Granted => "granted",
                ConsentDefault::Denied => "denied",
            },
            honour_gpc: site.honour_gpc,
            events_per_second_max: site.events_per_second_max,
            known_by: site.visitors.known_by.as_str(),
            without_consent: site.visitors.without_consent.as_str(),
            session_minutes: site.visitors.session_minutes,
            captures: site.captures.iter().map(Capture::as_str).collect(),
            offer_html: site.offer_html,
            holdout_percent: f64::from(site.holdout_bp) / 100.0,
            ignored_networks: site.traffic_filters.ignored_networks.iter().map(ToString::to_string).collect(),
            ignored_referrers: site.traffic_filters.ignored_referrers.clone(),
            join_trailing_slashes: site.traffic_filters.join_trailing_slashes,
            contact_costs_minor: site.contact_costs.iter().map(|(channel, cost)| (channel.as_str(), *cost)).collect(),
            demo: site.demo,
            created_at: site.created_at.to_string(),
        }
    }
}

/// A new site.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewSiteBody {
    /// Name.
    pub name: String,
    /// Origins of its pages.
    #[serde(default)]
    pub origins: Vec<String>,
}

/// Changes to a site; absent fields stay unchanged.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteChange {
    /// Name.
    pub name: Option<String>,
    /// Origins of its pages.
    pub origins: Option<Vec<String>>,
    /// Reporting currency, ISO 4217 code.
    pub currency: Option<String>,
    /// Reporting time zone, IANA name.
    pub timezone: Option<String>,
    /// What happens to bot traffic: `drop` or `keep`.
    #[schema(value_type = Option<crate::model::RobotsPolicy>)]
    pub robots: Option<String>,
    /// Consent assumed until the visitor decides: `granted` or `denied`.
    #[schema(value_type = Option<crate::model::ConsentDefault>)]
    pub consent_default: Option<String>,
    /// Whether Global Privacy Control and Do Not Track signals count as denied consent.
    pub honour_gpc: Option<bool>,
    /// Average events per second the site may send; 0 uses the service's configured limit.
    pub events_per_second_max: Option<u32>,
    /// How returning visitors are recognized: `cookie` or `daily_hash`.
    #[schema(value_type = Option<crate::model::KnownBy>)]
    pub known_by: Option<String>,
    /// What is stored of events without consent: `anonymous` or `nothing`.
    #[schema(value_type = Option<crate::model::WithoutConsent>)]
    pub without_consent: Option<String>,
    /// Session timeout in minutes, 1 to 1440; null uses the service-wide setting.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<u32>)]
    pub session_minutes: Option<Option<u32>>,
    /// Everything the tracker captures automatically; replaces the whole list.
    #[schema(value_type = Option<Vec<Capture>>)]
    pub captures: Option<Vec<String>>,
    /// Whether offers may contain HTML (`content.html`), which runs in the site's pages; only owners may change this.
    pub offer_html: Option<bool>,
    /// Share of people, in per cent, who see no offer at all, to measure the effect of all offers; always the same people.
    pub holdout_percent: Option<f64>,
    /// Networks (`192.0.2.0/24`) or addresses whose events are dropped, at most 100; replaces the whole list.
    pub ignored_networks: Option<Vec<String>>,
    /// Hosts that are no source of a visit, at most 100; replaces the whole list.
    pub ignored_referrers: Option<Vec<String>>,
    /// Whether `/path/` is stored as `/path`, from now on.
    pub join_trailing_slashes: Option<bool>,
    /// What one contact costs by channel, minor units of the site's currency; replaces all.
    pub contact_costs_minor: Option<BTreeMap<String, i64>>,
}

/// Distinguishes an explicit `null` (`Some(None)`) from an absent field (`None`).
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A funnel to save.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewFunnel {
    /// Name.
    pub name: String,
    /// The funnel question without its period.
    #[schema(value_type = super::reports::SavedFunnelQuestion)]
    pub question: Value,
}

/// A saved funnel.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelBody {
    /// Numeric id.
    pub id: i64,
    /// Name.
    pub name: String,
    /// The funnel question without its period.
    #[schema(value_type = super::reports::SavedFunnelQuestion)]
    pub question: Value,
    /// Time of the last change, RFC 3339.
    pub updated_at: String,
}

/// Offline evaluation of a site's recommendation models on its most recent clicks.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TunedAnswer {
    /// The model that performed best; null until there are enough clicks.
    pub winner: Option<&'static str>,
    /// The model in use: the chosen one, otherwise the winner.
    pub serving: Option<&'static str>,
    /// A model that a user chose instead of the winner.
    pub chosen: Option<ModelChosen>,
    /// Time of the evaluation, RFC 3339.
    pub tuned_at: Option<String>,
    /// Number of clicks in the evaluation.
    pub clicks: u64,
    /// Number of predictions on which every model was scored.
    pub predictions: u64,
    /// Hit rate of the winner minus that of the runner-up.
    pub hit_rate_lead: f64,
    /// Mean reciprocal rank of the winner minus that of the runner-up.
    pub mrr_lead: f64,
    /// Scores of all models.
    pub models: Vec<ModelQuality>,
}

/// A model that is in use because a user chose it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelChosen {
    /// Name of the model.
    pub model: &'static str,
    /// Who chose it.
    pub by: String,
    /// When it was chosen, RFC 3339.
    pub at: String,
}

/// The model to use.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// Name of the model; null uses the winner of the evaluation.
    pub model: Option<String>,
}

/// How well a model predicted the next click within 20 recommended items.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelQuality {
    /// Name of the model.
    pub model: &'static str,
    /// Hit rate at 20: share of predictions in which the next item was in the list.
    pub hit_rate: f64,
    /// Half the width of its 95% confidence interval.
    pub hit_rate_margin: f64,
    /// Mean reciprocal rank of the next item.
    pub mrr: f64,
    /// Half the width of its 95% confidence interval.
    pub mrr_margin: f64,
}

/// Outcomes of a site's events since the service started, and the state of the journal.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quality {
    /// When the service started; RFC 3339.
    pub since: String,
    /// Parsed events; `kept + dropped + rejected`.
    pub received: u64,
    /// Events stored durably.
    pub kept: u64,
    /// Events dropped on purpose, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Invalid events, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Further observations about events: kinds of bots, values stored as `(other)`.
    pub noticed: BTreeMap<String, u64>,
    /// Counts of the service's journal, across restarts; null for callers without access to all sites.
    pub journal: Option<JournalCounts>,
}

/// Event counts of the journal; `kept = inserted + quarantined + waiting`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct JournalCounts {
    /// Events ever written.
    pub kept: u64,
    /// Events inserted into the warehouse.
    pub inserted: u64,
    /// Events the warehouse refused, set aside with a reason.
    pub quarantined: u64,
    /// Events not yet delivered.
    pub waiting: u64,
}

/// One visitor: stored history and live profile.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorBody {
    /// Stored history.
    #[serde(flatten)]
    pub history: VisitorHistory,
    /// What the visitor is interested in.
    #[serde(flatten)]
    pub interests: Interests,
    /// Items viewed, newest first.
    pub recent_items: Vec<String>,
    /// Items in the cart.
    pub cart: Vec<String>,
    /// Ids of the site's segments that the visitor belongs to now, as decisions see it.
    pub segments: Vec<String>,
    /// Ids of the built-in segments that the visitor belongs to now.
    pub builtin_segments: Vec<String>,
    /// What the person is worth, as of the last computation; null for one who never ordered.
    pub value: Option<PersonValue>,
}

impl VisitorBody {
    /// Combines stored history and live profile.
    #[must_use]
    pub fn new(history: VisitorHistory, profile: &Profile, interests: Interests, value: Option<PersonValue>) -> Self {
        Self {
            history,
            interests,
            recent_items: profile.recent_items.iter().map(|(id, _)| id.to_string()).collect(),
            cart: profile.cart.iter().map(|(id, ..)| id.to_string()).collect(),
            segments: Vec::new(),
            builtin_segments: Vec::new(),
            value,
        }
    }
}
