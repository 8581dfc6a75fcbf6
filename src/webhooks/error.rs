//! Why a webhook could not be read or changed.

use crate::control::ControlError;

/// Why a webhook could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// There is no such webhook or delivery.
    #[error("there is no such {0}")]
    Missing(&'static str),
    /// An invalid setting.
    #[error("{0}")]
    Invalid(String),
    /// It contradicts the present state.
    #[error("{0}")]
    Conflict(String),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}
