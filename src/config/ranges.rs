//! Allowed ranges of numeric settings. Every numeric key has a line here, which a unit test checks.
//!
//! The bounds prevent arithmetic overflow and obvious mistakes. They are wide on purpose: sensible values are up to the
//! operator.

use toml::{Table, Value};

const KIB: f64 = 1024.0;
const GIB: f64 = KIB * KIB * KIB;
const TIB: f64 = KIB * GIB;
const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: f64 = 24.0 * HOUR_MS;
const CENTURY_DAYS: f64 = 36_500.0;
const COUNT_MAX: f64 = 1_000_000_000.0;

/// Bounds of one key.
struct Range {
    key: &'static str,
    min: f64,
    max: f64,
    /// 0 is allowed too, with a special meaning.
    or_zero: bool,
}

const fn between(key: &'static str, min: f64, max: f64) -> Range {
    Range { key, min, max, or_zero: false }
}

const fn zero_or(key: &'static str, min: f64, max: f64) -> Range {
    Range { key, min, max, or_zero: true }
}

const RANGES: &[Range] = &[
    between("server.body_bytes_max", KIB, 64.0 * KIB * KIB),
    between("server.decompression_ratio_max", 1.0, 10_000.0),
    between("server.bodies_bytes_max", 1024.0 * KIB, TIB),
    between("server.drain_ms", 0.0, 600_000.0),
    between("server.shutdown_ms", 500.0, 600_000.0),
    between("rate.site_events_per_second", 0.0, COUNT_MAX),
    between("rate.address_events_per_second", 0.0, COUNT_MAX),
    between("rate.site_decisions_per_second", 0.0, COUNT_MAX),
    between("rate.address_decisions_per_second", 0.0, COUNT_MAX),
    between("rate.address_requests_per_second", 0.0, COUNT_MAX),
    between("rate.burst_seconds", 1.0, 86_400.0),
    between("rate.addresses_max", 1.0, COUNT_MAX),
    zero_or("engine.memory_bytes_max", 256.0 * KIB * KIB, 1024.0 * TIB),
    between("engine.niceness", 0.0, 19.0),
    between("engine.restart_backoff_ms", 1.0, HOUR_MS),
    between("engine.restart_backoff_max_ms", 1.0, HOUR_MS),
    between("clickhouse.insert_timeout_ms", 100.0, DAY_MS),
    between("clickhouse.query_timeout_ms", 100.0, DAY_MS),
    between("journal.segment_bytes", 4.0 * KIB, 4.0 * GIB),
    between("journal.disk_bytes_max", 64.0 * KIB, 1024.0 * TIB),
    between("journal.disk_free_bytes_min", 0.0, 1024.0 * TIB),
    between("journal.append_timeout_ms", 10.0, HOUR_MS),
    between("journal.gather_us", 0.0, 1_000_000.0),
    between("journal.pending_bytes_max", 4.0 * KIB, 64.0 * GIB),
    between("dedup.window_hours", 1.0, 8760.0),
    between("dedup.bucket_ids_max", 1000.0, COUNT_MAX),
    between("delivery.batch_events_max", 1.0, 10_000_000.0),
    between("delivery.batch_bytes_max", KIB, 16.0 * GIB),
    between("delivery.flush_interval_ms", 1.0, HOUR_MS),
    between("delivery.quarantine_bytes_max", KIB, 1024.0 * TIB),
    between("delivery.retry_backoff_ms", 1.0, HOUR_MS),
    between("delivery.retry_backoff_max_ms", 1.0, HOUR_MS),
    between("ingest.event_bytes_max", 256.0, 64.0 * KIB * KIB),
    between("ingest.batch_events_max", 1.0, 1_000_000.0),
    between("ingest.past_days_max", 1.0, CENTURY_DAYS),
    between("ingest.import_past_days_max", 1.0, CENTURY_DAYS),
    between("ingest.future_minutes_max", 0.0, 525_600.0),
    between("ingest.session_minutes", 1.0, 10_080.0),
    between("ingest.event_names_per_day_max", 1.0, COUNT_MAX),
    between("ingest.column_values_per_day_max", 1.0, COUNT_MAX),
    between("ingest.pageviews_per_10s_max", 0.0, COUNT_MAX),
    between("geo.refresh_seconds", 0.0, 31_536_000.0),
    between("profiles.cached_max", 1.0, COUNT_MAX),
    between("profiles.undelivered_events_max", 1.0, COUNT_MAX),
    between("profiles.history_days", 1.0, CENTURY_DAYS),
    between("profiles.history_events_max", 1.0, 1_000_000.0),
    between("profiles.read_budget_ms", 1.0, 60_000.0),
    between("profiles.affinity_half_life_days", 0.01, CENTURY_DAYS),
    between("learn.refresh_seconds", 1.0, 31_536_000.0),
    between("learn.rest_factor", 0.0, 10_000.0),
    between("learn.history_days", 1.0, CENTURY_DAYS),
    between("learn.events_max", 1.0, COUNT_MAX),
    between("learn.trending_half_life_hours", 0.01, CENTURY_DAYS * 24.0),
    between("decide.slots_max", 1.0, 10_000.0),
    between("decide.items_max", 1.0, 1000.0),
    between("decide.up_sell_factor", 1.0, 1000.0),
    between("decide.explore_items", 0.0, 0.5),
    between("decide.explore_models", 0.0, 0.5),
    between("decide.item_known_views", 0.0, COUNT_MAX),
    between("decide.remembered_max", 0.0, COUNT_MAX),
    between("offers.coupons_per_network_hour", 0.0, COUNT_MAX),
    between("offers.impressions_per_network_hour", 0.0, COUNT_MAX),
    between("offers.reservations_max", 1.0, COUNT_MAX),
    between("offers.slots_max", 1.0, 100_000.0),
    between("value.check_seconds", 1.0, 86_400.0),
    between("value.refresh_minutes", 1.0, 10_080.0),
    between("value.people_max", 1.0, COUNT_MAX),
    between("reports.running_max", 0.0, 1000.0),
    between("reports.waiting_max", 0.0, 100_000.0),
    between("reports.wait_ms", 0.0, HOUR_MS),
    zero_or("reports.memory_bytes_max", 1024.0 * KIB, 1024.0 * TIB),
    between("reports.threads_max", 0.0, 1000.0),
    between("reports.finished_days_check_seconds", 1.0, 86_400.0),
    between("smtp.timeout_ms", 100.0, HOUR_MS),
    between("access.session_hours", 1.0, 87_600.0),
    between("access.login_failures_max", 1.0, 1_000_000.0),
    between("access.login_pause_seconds", 1.0, 2_592_000.0),
    between("checks.timeout_ms", 100.0, HOUR_MS),
    between("checks.link_minutes", 1.0, 10_080.0),
    between("feeds.timeout_ms", 1000.0, DAY_MS),
    between("feeds.silence_ms", 100.0, DAY_MS),
    between("feeds.at_once", 1.0, 64.0),
    between("feeds.bytes_max", KIB, 1024.0 * TIB),
    between("webhooks.timeout_ms", 100.0, HOUR_MS),
    between("webhooks.retry_backoff_ms", 1.0, DAY_MS),
    between("webhooks.retry_backoff_max_ms", 1.0, DAY_MS),
    between("webhooks.give_up_ms", 1.0, 30.0 * DAY_MS),
    between("webhooks.waiting_max", 1.0, COUNT_MAX),
    between("membership.changes_days", 1.0, CENTURY_DAYS),
    between("membership.changes_max", 1.0, COUNT_MAX),
    between("membership.history_days", 1.0, CENTURY_DAYS),
    between("membership.people_max", 1.0, COUNT_MAX),
    between("membership.value_minutes", 0.0, 10_080.0),
];

/// Returns the first key whose number is out of range, and the reason.
pub(super) fn first_invalid(settings: &Table) -> Option<(&'static str, String)> {
    RANGES.iter().find_map(|range| {
        let (section, key) = range.key.split_once('.')?;
        let number = number(settings.get(section)?.get(key)?)?;
        let fits = (range.min..=range.max).contains(&number) || (range.or_zero && number == 0.0);
        let zero = if range.or_zero { "0 or " } else { "" };
        (!fits).then(|| (range.key, format!("must be {zero}between {} and {}, not {number}", range.min, range.max)))
    })
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(whole) => Some(*whole as f64),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::DEFAULT_TOML;

    #[test]
    fn every_numeric_key_has_a_range() {
        let defaults: Table = DEFAULT_TOML.parse().unwrap();
        let numeric: BTreeSet<String> = defaults
            .iter()
            .flat_map(|(section, keys)| keys.as_table().into_iter().flatten().map(move |(key, v)| (section, key, v)))
            .filter(|(_, _, value)| number(value).is_some())
            .map(|(section, key, _)| format!("{section}.{key}"))
            .collect();
        let ranged: BTreeSet<String> = RANGES.iter().map(|range| range.key.to_owned()).collect();
        let missing: Vec<&String> = numeric.difference(&ranged).collect();
        assert!(missing.is_empty(), "add them to RANGES: {missing:?}");
        assert_eq!(first_invalid(&defaults), None);
    }

    #[test]
    fn nan_and_out_of_range_numbers_are_refused() {
        let settings: Table = "[decide]\nup_sell_factor = nan\n".parse().unwrap();
        assert!(first_invalid(&settings).unwrap().1.contains("not NaN"));
        let settings: Table = "[engine]\nmemory_bytes_max = 1\n".parse().unwrap();
        assert!(first_invalid(&settings).unwrap().1.contains("0 or between 268435456"));
    }
}
