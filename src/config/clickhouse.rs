//! `[clickhouse]`: the ClickHouse server that holds the warehouse.

use serde::Deserialize;

use super::Secret;

/// The ClickHouse server that holds the warehouse. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clickhouse {
    /// `clickhouse.url`.
    pub url: String,
    /// `clickhouse.user`.
    pub user: String,
    /// `clickhouse.password`.
    pub password: Secret,
    /// `clickhouse.database`.
    pub database: String,
    /// `clickhouse.ca_file`.
    pub ca_file: String,
    /// `clickhouse.insert_timeout_ms`.
    pub insert_timeout_ms: u64,
    /// `clickhouse.query_timeout_ms`.
    pub query_timeout_ms: u64,
}

/// Address and credentials of the warehouse. Those of the embedded engine change when it restarts.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Address of the HTTP interface.
    pub url: String,
    /// User.
    pub user: String,
    /// Password of the user.
    pub password: Secret,
    /// Database that holds the tables.
    pub database: String,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Endpoint({} as {}, database {})", self.url, self.user, self.database)
    }
}

impl Clickhouse {
    /// Returns the server to use instead of the embedded engine, if configured.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        (!self.url.is_empty()).then(|| Endpoint {
            url: self.url.clone(),
            user: self.user.clone(),
            password: self.password.clone(),
            database: self.database.clone(),
        })
    }
}
