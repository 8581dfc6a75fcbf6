//! Admin API: installation check of the tracker.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page to check.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewCheck {
    /// Address of a page on one of the site's origins.
    pub url: String,
}

/// A check that was started.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckBody {
    /// Identifies the check.
    pub token: String,
    /// Address to open once in the user's own browser.
    pub open_url: String,
    /// Codes of findings in the HTML of the page.
    #[schema(value_type = Vec<crate::model::Finding>)]
    pub page: Vec<&'static str>,
    /// Why the page could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Progress of the check in the browser.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckState {
    /// How far it is.
    #[schema(value_type = CheckProgress)]
    pub state: &'static str,
    /// Codes of findings in the browser.
    #[schema(value_type = Vec<crate::model::Finding>)]
    pub findings: Vec<&'static str>,
}

/// How far a check in the browser is.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
pub enum CheckProgress {
    /// The page was not opened yet.
    Waiting,
    /// The page was opened; the browser has not reported.
    Loaded,
    /// The browser has reported.
    Reported,
}

/// Report of the tracker's debug script.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent observations of a browser")]
pub struct BrowserReport {
    /// Token of the check.
    pub token: String,
    /// Write key of the tracker tag.
    pub key: String,
    /// The browser's clock, milliseconds since 1970.
    pub now: i64,
    /// Status and outcome of each response to events.
    pub answers: Vec<(u16, String)>,
    /// Violated directives of the page's content security policy.
    pub violated: Vec<String>,
    /// The browser sends a privacy signal (GPC or DNT).
    #[serde(rename = "objects")]
    pub privacy_signal: bool,
    /// The visitor denied consent.
    #[serde(rename = "refused")]
    pub consent_denied: bool,
    /// The visitor opted out.
    #[serde(rename = "out")]
    pub opted_out: bool,
    /// The browser is automated (`navigator.webdriver`).
    #[serde(rename = "driven")]
    pub automated: bool,
}
