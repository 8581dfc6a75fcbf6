//! Goals, saved reports, annotations and shared reports.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::reports::{FunnelStep, Moment};

/// A goal: an event that a site wants of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// 1 to 64 letters, digits, `-` and `_`; in a PUT that of the address.
    #[serde(default)]
    pub id: String,
    /// Name, 1 to 200 bytes.
    pub name: String,
    /// The event that reaches it.
    pub step: FunnelStep,
    /// What each conversion is worth, minor units of the site's currency; absent: the revenue of orders.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_minor: Option<i64>,
}

/// A report that is kept under a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SavedReport {
    /// 1 to 64 letters, digits, `-` and `_`; in a PUT that of the address.
    #[serde(default)]
    pub id: String,
    /// Name, 1 to 200 bytes.
    pub name: String,
    /// Name of the report.
    pub report: String,
    /// The question, at most 64 KB.
    #[schema(value_type = Object)]
    pub question: Map<String, Value>,
    /// The days that are asked for; absent: the times of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<LastDays>,
}

/// A period that moves with the day on which a report is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LastDays {
    /// How many days, 1 to 1,827, today included.
    pub days: u32,
}

/// A remark on a moment, shown in charts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    /// 1 to 64 letters, digits, `-` and `_`; in a PUT that of the address.
    #[serde(default)]
    pub id: String,
    /// The moment.
    pub at: Moment,
    /// The remark, 1 to 500 bytes.
    pub text: String,
}

/// Request of a link that reads one report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShare {
    /// Name of the report.
    pub report: String,
    /// The question, at most 64 KB.
    #[schema(value_type = Object)]
    pub question: Map<String, Value>,
    /// When the link ends; absent: when it is revoked.
    #[serde(default)]
    pub expires_at: Option<Moment>,
}

/// A link that was made. Its address is in this answer only.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ShareLink {
    /// Id.
    pub id: String,
    /// Path of the dashboard's page that shows the report; the part after the last `/` is the token of
    /// `GET /api/v1/shared/{token}`.
    pub url: String,
    /// When the link ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
}

/// A link that exists.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Share {
    /// Id.
    pub id: String,
    /// Name of the report.
    pub report: String,
    /// The question.
    #[schema(value_type = Object)]
    pub question: Value,
    /// When it was made.
    pub created_at: Moment,
    /// When the link ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Moment>,
}

/// The site of a shared report.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SharedSite {
    /// Name.
    pub name: String,
    /// Currency, ISO 4217 code.
    pub currency: String,
    /// IANA time zone.
    pub timezone: String,
}

/// A report that was shared by a link.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SharedReport {
    /// The site.
    pub site: SharedSite,
    /// Name of the report.
    pub report: String,
    /// The question.
    #[schema(value_type = Object)]
    pub question: Value,
    /// The answer to it as of now, without lists of people; personal data in texts is masked.
    #[schema(value_type = Object)]
    pub answer: Value,
}
