//! Response of `/readyz`.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether the service can accept events and answer reports.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadyBody {
    /// Whether events can be accepted; the status is 503 if not.
    pub ready: bool,
    /// Stable code of the reason why events cannot be accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// One-line reason why events cannot be accepted.
    pub because: Option<String>,
    /// Whether reports can be answered.
    pub reports: bool,
    /// Stable code of the reason why reports cannot be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports_code: Option<&'static str>,
    /// One-line reason why reports cannot be answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports_because: Option<String>,
    /// Unhealthy components.
    pub components: Vec<ComponentBody>,
}

/// One unhealthy component.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComponentBody {
    /// Name of the component.
    pub name: &'static str,
    /// `degraded` or `down`.
    pub state: &'static str,
    /// Stable code of the problem.
    pub code: &'static str,
    /// One-line explanation.
    pub message: String,
}
