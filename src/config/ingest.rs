//! `[ingest]`: limits of events.

use serde::Deserialize;

/// Limits of events. Every key is explained in `config.default.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// `ingest.event_bytes_max`.
    pub event_bytes_max: usize,
    /// `ingest.batch_events_max`.
    pub batch_events_max: usize,
    /// `ingest.past_days_max`.
    pub past_days_max: u64,
    /// `ingest.import_past_days_max`.
    pub import_past_days_max: u64,
    /// `ingest.future_minutes_max`.
    pub future_minutes_max: u64,
    /// `ingest.session_minutes`.
    pub session_minutes: u64,
    /// `ingest.query_keys_kept`.
    pub query_keys_kept: Vec<String>,
    /// Distinct event names per site and day.
    pub event_names_per_day_max: usize,
    /// Distinct values per site and day of each other limited column.
    pub column_values_per_day_max: usize,
    /// More page views of one visitor within ten seconds than this count as a bot; 0: no limit.
    pub pageviews_per_10s_max: u64,
}
