//! The installation check.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A page to check.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewCheck {
    /// A page of one of the site's origins.
    pub url: String,
}

/// A check that was opened.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckBody {
    /// Names the check.
    pub token: String,
    /// To be opened in the owner's own browser; once.
    pub open_url: String,
    /// Findings in the page as it is served.
    pub page: Vec<&'static str>,
    /// Why it could not be read, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// How far the check in the browser is.
#[derive(Debug, Serialize, ToSchema)]
pub struct CheckState {
    /// `waiting`, `loaded` or `heard`.
    pub state: &'static str,
    /// Findings of the browser.
    pub findings: Vec<&'static str>,
}

/// What the tracker's second file reports.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of a browser; they do not exclude each other")]
pub struct Report {
    /// Of the check.
    pub token: String,
    /// The tag's key.
    pub key: String,
    /// The browser's clock, milliseconds since 1970.
    pub now: i64,
    /// Status and outcome of each answer to events.
    pub answers: Vec<(u16, String)>,
    /// Violated directives of the page's policy.
    pub violated: Vec<String>,
    /// The browser objects.
    pub objects: bool,
    /// The visitor refused.
    pub refused: bool,
    /// The visitor opted out.
    pub out: bool,
    /// The browser is driven by a program.
    pub driven: bool,
}
