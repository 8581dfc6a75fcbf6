//! Offers: what a marketer shows to which visitors.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::{EventStep, Rule, Timestamp};

/// Content shown in one slot to the visitors that a rule selects. Stored and edited as JSON in this form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Chosen by the marketer; letters, digits, `-`, `_`.
    pub id: String,
    /// Name shown to marketers.
    #[serde(default)]
    pub name: String,
    /// The slot it is for.
    pub slot: String,
    /// The eligible offer with the highest priority is shown; ties go by id.
    #[serde(default)]
    pub priority: i32,
    /// Whether it is shown; absent: `live`, or `paused` if `enabled` is false.
    #[serde(default)]
    #[schema(value_type = OfferStatus)]
    pub status: Option<OfferStatus>,
    /// Whether it is live, as earlier versions wrote it; not read if there is a `status`.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Its share among the eligible offers of equal priority; a person always gets the same. Absent: ties go by id, or 1
    /// if another of them has a weight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Who sees it; `{}` is everyone.
    #[serde(default)]
    pub when: Rule,
    /// Content fields: `title`, `text`, `url`, `image`, `cta` and the like; values are plain text.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub content: Map<String, Value>,
    /// Start time, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::time::optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Timestamp>,
    /// End time, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::time::optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Timestamp>,
    /// Days and hours at which it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<OfferSchedule>,
    /// How often one person sees it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<FrequencyCap>,
    /// How often it is shown in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<OfferBudget>,
    /// Whether each person gets a coupon of its pool, as `content.coupon`; it is not shown when none is left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub coupons: bool,
    /// Of the offers of one group a page shows at most one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusion_group: Option<String>,
    /// Share of people, in per cent, who do not see it, to measure its effect; always the same people.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub control_percent: f64,
    /// The event that it is meant to bring about; absent: an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub goal: Option<EventStep>,
    /// Cost of one impression, in minor units of the site's currency.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_minor: Option<i64>,
    /// How it competes with other offers of its slot.
    #[serde(default)]
    pub ranking: Ranking,
}

/// State of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum OfferStatus {
    /// Not shown yet.
    Draft,
    /// Shown to whom it is for.
    Live,
    /// Not shown for now.
    Paused,
    /// No longer shown; kept for its results.
    Archived,
}

/// How an offer competes with others of its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ranking {
    /// By its `priority`.
    #[default]
    Priority,
    /// By what an impression is expected to bring, less its cost.
    ExpectedValue,
}

/// At most `count` impressions for one person in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FrequencyCap {
    /// Number of impressions.
    pub count: u32,
    /// The period.
    pub per: CapPeriod,
}

/// The period of a frequency cap, which ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CapPeriod {
    /// The last 60 minutes.
    Hour,
    /// The last 24 hours.
    Day,
    /// The last 7 days.
    Week,
    /// The last 30 days.
    Month,
    /// All time.
    Ever,
}

impl CapPeriod {
    /// Its length in milliseconds; `None` if it has none.
    #[must_use]
    pub const fn ms(self) -> Option<i64> {
        const HOUR_MS: i64 = 3_600_000;
        match self {
            Self::Hour => Some(HOUR_MS),
            Self::Day => Some(24 * HOUR_MS),
            Self::Week => Some(7 * 24 * HOUR_MS),
            Self::Month => Some(30 * 24 * HOUR_MS),
            Self::Ever => None,
        }
    }
}

/// A limit for all people together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferBudget {
    /// Number of impressions.
    pub impressions: u64,
}

/// Days and hours, by the clocks of a time zone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OfferSchedule {
    /// IANA time zone; absent: the site's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Days of the week; absent or empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub days: Vec<Weekday>,
    /// Start, `HH:MM`, inclusive; absent: 00:00.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// End, `HH:MM`, exclusive; absent: 24:00. Before `from`: on the following day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "days of the week")]
pub enum Weekday {
    #[serde(alias = "monday")]
    Mon,
    #[serde(alias = "tuesday")]
    Tue,
    #[serde(alias = "wednesday")]
    Wed,
    #[serde(alias = "thursday")]
    Thu,
    #[serde(alias = "friday")]
    Fri,
    #[serde(alias = "saturday")]
    Sat,
    #[serde(alias = "sunday")]
    Sun,
}

impl Offer {
    /// The content field that the tracker inserts into a page as HTML.
    pub const HTML: &str = "html";
    /// The content field with a person's coupon.
    pub const COUPON: &str = "coupon";

    /// Its state.
    #[must_use]
    pub fn status(&self) -> OfferStatus {
        self.status.unwrap_or(if self.enabled { OfferStatus::Live } else { OfferStatus::Paused })
    }

    /// The same with its state in both forms.
    #[must_use]
    pub fn with_status(self) -> Self {
        let status = self.status();
        Self { status: Some(status), enabled: status == OfferStatus::Live, ..self }
    }

    /// Whether it has HTML that the tracker would insert into a page.
    #[must_use]
    pub fn carries_html(&self) -> bool {
        self.content.get(Self::HTML).is_some_and(|html| !html.is_null())
    }
}

const fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_zero(percent: &f64) -> bool {
    *percent == 0.0
}
