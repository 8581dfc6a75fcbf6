//! How the service is, as `/readyz` says it.

use serde::Serialize;
use utoipa::ToSchema;

/// Whether events can be taken and reports answered, and why not.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReadyBody {
    /// Events can be taken; the status is 503 when not.
    pub ready: bool,
    /// Why not: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why not: one clear line.
    pub because: Option<String>,
    /// Reports can be answered.
    pub reports: bool,
    /// Why not: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports_code: Option<&'static str>,
    /// Why not: one clear line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reports_because: Option<String>,
    /// The parts of the service that are not as they should be.
    pub components: Vec<ComponentBody>,
}

/// One part of the service that is not as it should be.
#[derive(Debug, Serialize, ToSchema)]
pub struct ComponentBody {
    /// Its name.
    pub name: &'static str,
    /// `degraded` or `down`.
    pub state: &'static str,
    /// A stable code.
    pub code: &'static str,
    /// One clear line.
    pub message: String,
}
