//! The private side: logins, sites, funnels, keys.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::reports::VisitorHistory;
use crate::model::{Capture, ConsentDefault, Profile, RobotsPolicy, Site};

/// Every error answer.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorBody<'a> {
    /// HTTP status.
    pub status: u16,
    /// Stable word.
    pub code: &'a str,
    /// One clear line.
    pub message: &'a str,
}

/// Whether the first user has yet to be made.
#[derive(Debug, Serialize, ToSchema)]
pub struct SetupState {
    /// True until there is a user.
    pub needed: bool,
}

/// The first user and, if wished, the first site.
#[derive(Deserialize, ToSchema)]
pub struct SetupBody {
    /// From the one-time link.
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
    /// Its origin.
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
    /// A code of the authenticator or a recovery code, where the account asks for one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub code: Option<SecretString>,
}

/// Who is logged in, and what they may see.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionBody {
    /// The user.
    pub user: UserBody,
    /// The sites.
    pub sites: Vec<SiteBody>,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserBody {
    /// Number.
    pub id: i64,
    /// Login name.
    pub email: String,
    /// owner, marketer or viewer.
    pub role: &'static str,
    /// Numbers of the sites they see; null for all.
    pub sites: Option<Vec<u32>>,
    /// Whether personal data of visitors is masked for them.
    pub masked: bool,
    /// Whether a code is asked for besides the password.
    pub two_factor: bool,
    /// Recovery codes that were not used yet.
    pub recovery_codes_left: u32,
}

/// A site.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteBody {
    /// Number.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Origins of its pages.
    pub origins: Vec<String>,
    /// Public key.
    pub write_key: String,
    /// Currency of its reports.
    pub currency: String,
    /// Time zone of its reports.
    pub timezone: String,
    /// drop or keep.
    pub robots: &'static str,
    /// granted or denied.
    pub consent_default: &'static str,
    /// Whether Global Privacy Control and Do Not Track count as a refusal.
    pub honour_gpc: bool,
    /// Events a second that it may send on average; 0: what the service's configuration says.
    pub events_per_second_max: u32,
    /// By what visitors are known again: cookie or `daily_hash`.
    pub known_by: &'static str,
    /// What remains of events without consent: anonymous or nothing.
    pub without_consent: &'static str,
    /// Minutes of silence that end a session; null for the setting that holds for all sites.
    pub session_minutes: Option<u32>,
    /// What the tracker notices by itself: pages, engagement, clicks, rage, forms, searches, errors,
    /// vitals, media, copy, datalayer.
    pub captures: Vec<&'static str>,
    /// Whether offers may carry HTML.
    pub offer_html: bool,
    /// Whether it is the invented demo shop.
    pub demo: bool,
    /// RFC 3339.
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

/// Changes of a site; what is absent stays.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteChange {
    /// Name.
    pub name: Option<String>,
    /// Origins of its pages.
    pub origins: Option<Vec<String>>,
    /// ISO 4217 code.
    pub currency: Option<String>,
    /// IANA name.
    pub timezone: Option<String>,
    /// drop or keep.
    pub robots: Option<String>,
    /// granted or denied.
    pub consent_default: Option<String>,
    /// Whether Global Privacy Control and Do Not Track count as a refusal.
    pub honour_gpc: Option<bool>,
    /// Events a second that it may send on average; 0: what the service's configuration says.
    pub events_per_second_max: Option<u32>,
    /// By what visitors are known again: cookie or `daily_hash`.
    pub known_by: Option<String>,
    /// What remains of events without consent: anonymous or nothing.
    pub without_consent: Option<String>,
    /// Minutes of silence that end a session, 1 to 1440; null for the setting that holds for all sites.
    #[serde(default, deserialize_with = "said")]
    #[schema(value_type = Option<u32>)]
    pub session_minutes: Option<Option<u32>>,
    /// All that the tracker notices by itself.
    pub captures: Option<Vec<String>>,
    /// Whether offers may carry HTML (`content.html`), which runs in the site's pages; only an owner may change it.
    pub offer_html: Option<bool>,
}

/// Tells a null that was said from nothing said.
fn said<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A funnel to save.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewFunnel {
    /// Name.
    pub name: String,
    /// The question without its period.
    #[schema(value_type = Object)]
    pub question: Value,
}

/// A saved funnel.
#[derive(Debug, Serialize, ToSchema)]
pub struct FunnelBody {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// The question without its period.
    #[schema(value_type = Object)]
    pub question: Value,
    /// RFC 3339.
    pub updated_at: String,
}

/// What a site's recommendations were tuned to, judged on the newest of its own clicks.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct TunedAnswer {
    /// The model that did best; `null` before there were enough clicks.
    pub winner: Option<&'static str>,
    /// The model that serves: the chosen one, else the winner.
    pub serving: Option<&'static str>,
    /// What somebody chose instead of the winner.
    pub chosen: Option<ModelChosen>,
    /// When it was found, RFC 3339.
    pub tuned_at: Option<String>,
    /// On how many clicks.
    pub clicks: u64,
    /// Predictions by which all were judged.
    pub predictions: u64,
    /// The winner's hit rate over that of the next best.
    pub hit_rate_lead: f64,
    /// The winner's mean reciprocal rank over that of the next best.
    pub mrr_lead: f64,
    /// Every model.
    pub models: Vec<ModelQuality>,
}

/// A model that serves because somebody said so.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelChosen {
    /// Its word.
    pub model: &'static str,
    /// Who said so.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

/// Which model is to serve.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelChoice {
    /// Its word; `null`: whichever does best.
    pub model: Option<String>,
}

/// How well a model told the next click among twenty items.
#[derive(Debug, Serialize, ToSchema)]
pub struct ModelQuality {
    /// Its word.
    pub model: &'static str,
    /// Share of predictions in which the next item was on the list.
    pub hit_rate: f64,
    /// Half the width of its 95% interval.
    pub hit_rate_margin: f64,
    /// Mean of one over the place of the next item.
    pub mrr: f64,
    /// Half the width of its 95% interval.
    pub mrr_margin: f64,
}

/// What became of every event of a site since the service started, and of everything ever kept.
#[derive(Debug, Serialize, ToSchema)]
pub struct Quality {
    /// When the service started; RFC 3339.
    pub since: String,
    /// Parsed events; `kept + dropped + rejected`.
    pub received: u64,
    /// Events made durable.
    pub kept: u64,
    /// Events left out on purpose, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Events that cannot be used, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// What was noticed about events besides: kinds of robots, values stored as `(other)`.
    pub noticed: BTreeMap<String, u64>,
    /// The whole service's journal, across restarts; null for whoever may not read all its sites.
    pub journal: Option<JournalCounts>,
}

/// Positions of the journal; `kept = inserted + quarantined + waiting`.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub struct JournalCounts {
    /// Ever written.
    pub kept: u64,
    /// In the warehouse.
    pub inserted: u64,
    /// Set aside with a reason.
    pub quarantined: u64,
    /// On their way.
    pub waiting: u64,
}

/// One visitor: what was stored, and what the live profile knows.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitorBody {
    /// What was stored.
    #[serde(flatten)]
    pub history: VisitorHistory,
    /// Interest in categories, strongest first.
    pub affinities: Vec<AffinityBody>,
    /// Items looked at, newest first.
    pub recent_items: Vec<String>,
    /// Items in the cart.
    pub cart: Vec<String>,
}

/// Interest in one category.
#[derive(Debug, Serialize, ToSchema)]
pub struct AffinityBody {
    /// The category.
    pub category: String,
    /// Strength now; a look is 1, and interest halves with time.
    pub score: f64,
}

impl VisitorBody {
    /// Puts both together.
    #[must_use]
    pub fn new(history: VisitorHistory, profile: &Profile, affinities: Vec<(String, f64)>) -> Self {
        Self {
            history,
            affinities: affinities.into_iter().map(|(category, score)| AffinityBody { category, score }).collect(),
            recent_items: profile.recent_items.iter().map(|(id, _)| id.to_string()).collect(),
            cart: profile.cart.iter().map(|(id, ..)| id.to_string()).collect(),
        }
    }
}
