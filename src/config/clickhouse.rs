//! `[clickhouse]`: the ClickHouse server that holds the warehouse.

use serde::Deserialize;

/// The ClickHouse server that holds the warehouse. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clickhouse {
    /// `clickhouse.url`.
    pub url: String,
    /// `clickhouse.user`.
    pub user: String,
    /// `clickhouse.password`.
    pub password: String,
    /// `clickhouse.database`.
    pub database: String,
    /// `clickhouse.insert_timeout_ms`.
    pub insert_timeout_ms: u64,
    /// `clickhouse.query_timeout_ms`.
    pub query_timeout_ms: u64,
}
