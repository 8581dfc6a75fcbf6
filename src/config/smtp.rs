//! `[smtp]`: the mail server for invitations.

use secrecy::SecretString;
use serde::Deserialize;

/// The mail server for invitations. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// `smtp.url`; may contain a password.
    pub url: SecretString,
    /// `smtp.from`.
    pub from: String,
    /// `smtp.timeout_ms`.
    pub timeout_ms: u64,
}
