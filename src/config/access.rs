//! `[access]`: dashboard logins.

use serde::Deserialize;

/// Dashboard logins. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// `access.session_hours`.
    pub session_hours: u64,
    /// `access.login_failures_max`.
    pub login_failures_max: usize,
    /// `access.login_pause_seconds`.
    pub login_pause_seconds: u64,
}
