//! Validates and compiles the experiments of a site.

use std::collections::HashSet;

use super::{Budget, NAME_BYTES_MAX, compile_segment_rule, events, is_id, shown};
use crate::{
    experiments::{CompiledExperiment, CompiledVariant, ExperimentSet},
    model::{EventRule, Experiment, ExperimentStatus, Metric, MetricKind, StoredExperiment, Timestamp, Variant},
    segments::SegmentSet,
};

/// Maximum number of experiments of a site.
pub const EXPERIMENTS_MAX: usize = 500;
/// Maximum number of variants of an experiment.
pub const VARIANTS_MAX: usize = 20;
/// Maximum size of a variant's value, bytes of JSON.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;
/// Maximum number of metrics, and of guardrails, of an experiment.
pub const METRICS_MAX: usize = 10;
/// Maximum weight of a variant.
const WEIGHT_MAX: f64 = 1e6;

/// An experiment that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("experiment `{which}`: {message}")]
pub struct ExperimentError {
    /// The experiment's key.
    pub which: String,
    /// What is wrong, in one line.
    pub message: String,
}

/// Compiles a site's experiments.
///
/// # Errors
/// The first unusable experiment, and why.
pub fn compile_experiments(
    experiments: &[StoredExperiment],
    segments: &SegmentSet,
) -> Result<ExperimentSet, ExperimentError> {
    let refuse = |stored: &StoredExperiment, message| ExperimentError { which: shown(&stored.experiment.key), message };
    if let Some(stored) = experiments.get(EXPERIMENTS_MAX) {
        return Err(refuse(stored, format!("a site has at most {EXPERIMENTS_MAX} experiments")));
    }
    let compile = |stored: &StoredExperiment| {
        let compiled = compile_experiment(stored, segments).map_err(|message| refuse(stored, message))?;
        Ok((compiled, stored.experiment.exclusion_group.clone()))
    };
    experiments.iter().map(compile).collect::<Result<_, _>>().map(ExperimentSet::new)
}

fn compile_experiment(stored: &StoredExperiment, segments: &SegmentSet) -> Result<CompiledExperiment, String> {
    let experiment = &stored.experiment;
    check_texts(experiment)?;
    check_variants(&experiment.variants, experiment.status)?;
    if !(0.0..=1.0).contains(&experiment.traffic) {
        return Err(format!("`traffic` is a share from 0 to 1, not {}", experiment.traffic));
    }
    for (what, metrics) in [("metrics", &experiment.metrics), ("guardrails", &experiment.guardrails)] {
        if metrics.len() > METRICS_MAX {
            return Err(format!("an experiment has at most {METRICS_MAX} {what}"));
        }
    }
    let mut names = HashSet::new();
    for metric in experiment.metrics.iter().chain(&experiment.guardrails) {
        check_metric(metric)?;
        if !names.insert(metric.name.as_str()) {
            return Err(format!("two metrics are named `{}`", shown(&metric.name)));
        }
    }
    let condition = compile_segment_rule(&experiment.when, segments)?;
    let salt = ["experiment:", &experiment.key, ":", &stored.salt].concat();
    let variant = |variant: &Variant| CompiledVariant {
        key: variant.key.as_str().into(),
        weight: variant.weight,
        value: variant.value.clone(),
    };
    Ok(CompiledExperiment {
        key: experiment.key.as_str().into(),
        status: experiment.status,
        traffic_salt: [&salt, ":traffic"].concat().into(),
        salt: salt.into(),
        variants: experiment.variants.iter().map(variant).collect(),
        traffic: experiment.traffic,
        condition,
        group: None,
        counted_from: stored.counted_from_ms.map(Timestamp),
        started_at: experiment.started_at,
    })
}

fn check_texts(experiment: &Experiment) -> Result<(), String> {
    if !is_id(&experiment.key) {
        return Err(format!("a key has 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`"));
    }
    if experiment.name.len() > 2 * NAME_BYTES_MAX || experiment.name.chars().any(char::is_control) {
        return Err(format!("`name` has at most {} bytes, on one line", 2 * NAME_BYTES_MAX));
    }
    match &experiment.exclusion_group {
        Some(group) if !is_id(group) => {
            Err(format!("`exclusion_group` has 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`"))
        }
        _ => Ok(()),
    }
}

fn check_variants(variants: &[Variant], status: ExperimentStatus) -> Result<(), String> {
    if variants.len() > VARIANTS_MAX {
        return Err(format!("an experiment has at most {VARIANTS_MAX} variants"));
    }
    let mut keys = HashSet::new();
    for variant in variants {
        let key = shown(&variant.key);
        if !is_id(&variant.key) {
            return Err(format!("the key of a variant has 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`"));
        }
        if !keys.insert(variant.key.as_str()) {
            return Err(format!("two variants have the key `{key}`"));
        }
        if !(0.0..=WEIGHT_MAX).contains(&variant.weight) {
            return Err(format!("the weight of variant `{key}` is a number from 0 to {WEIGHT_MAX}"));
        }
        if variant.value.to_string().len() > VALUE_BYTES_MAX {
            return Err(format!("the value of variant `{key}` has more than {VALUE_BYTES_MAX} bytes"));
        }
    }
    if status != ExperimentStatus::Running {
        return Ok(());
    }
    if variants.len() < 2 {
        return Err("it needs at least two variants to run: the first one is the control".into());
    }
    if variants.iter().map(|variant| variant.weight).sum::<f64>() <= 0.0 {
        return Err("the weights of its variants add up to 0, so that no person could get one".into());
    }
    Ok(())
}

fn check_metric(metric: &Metric) -> Result<(), String> {
    let name = shown(&metric.name);
    let fits = !metric.name.is_empty() && metric.name.len() <= NAME_BYTES_MAX;
    if !fits || metric.name.chars().any(char::is_control) {
        return Err(format!("the name of a metric has 1 to {NAME_BYTES_MAX} bytes, on one line"));
    }
    let property = metric.property.as_deref().unwrap_or_default();
    match metric.kind {
        MetricKind::Sum if property.is_empty() || property.len() > NAME_BYTES_MAX || property.starts_with('$') => {
            return Err(format!("metric `{name}` adds up a property: `property` says which"));
        }
        MetricKind::Conversion | MetricKind::Count if !property.is_empty() => {
            return Err(format!("metric `{name}`: only a metric of kind `sum` has a `property`"));
        }
        _ => {}
    }
    let rule = EventRule {
        event: metric.event.clone(),
        conditions: metric.conditions.clone(),
        within_days: None,
        count: None,
        sum: None,
        not_followed_by: None,
    };
    let no_segments = |id: &str| Err(format!("there is no segment `{id}`"));
    let checked = events::event(&rule, &mut Budget::new(&no_segments));
    checked.map(drop).map_err(|message| format!("metric `{name}`: {message}"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn stored(body: Value) -> StoredExperiment {
        StoredExperiment { experiment: serde_json::from_value(body).unwrap(), salt: "s".into(), counted_from_ms: None }
    }

    #[expect(clippy::needless_pass_by_value, reason = "json!() makes values")]
    fn message(changes: Value) -> String {
        let mut body = json!({"key": "e", "variants": [{"key": "a"}, {"key": "b", "weight": 2}], "status": "running"});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        match compile_experiments(&[stored(body)], &SegmentSet::default()) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn unusable_experiments_are_refused_with_the_reason() {
        assert_eq!(message(json!({})), "");
        let check = |changes: Value, expected: &str| {
            let message = message(changes.clone());
            assert!(message.contains(expected), "{changes}: {message}");
        };
        check(json!({"key": "a b"}), "a key has 1 to 100 letters");
        check(json!({"variants": [{"key": "a"}]}), "experiment `e`: it needs at least two variants to run");
        check(json!({"variants": [{"key": "a"}, {"key": "a"}]}), "two variants have the key `a`");
        check(json!({"variants": [{"key": "a", "weight": 0}, {"key": "b", "weight": 0}]}), "add up to 0");
        check(json!({"variants": [{"key": "a", "weight": -1}, {"key": "b"}]}), "weight of variant `a`");
        check(json!({"variants": [{"key": "a", "value": "x".repeat(20_000)}, {"key": "b"}]}), "more than 16384 bytes");
        check(json!({"traffic": 1.5}), "a share from 0 to 1, not 1.5");
        check(json!({"exclusion_group": "a b"}), "`exclusion_group`");
        check(json!({"when": {"field": "visit", "op": "eq", "value": 1}}), "unknown field `visit`");
        check(json!({"when": {"segment": "gone"}}), "there is no segment `gone`");
        let metric = |changes: Value| {
            let mut metric = json!({"name": "m", "event": "Order Completed", "kind": "conversion"});
            for (name, value) in changes.as_object().unwrap() {
                metric[name] = value.clone();
            }
            json!({"metrics": [metric]})
        };
        assert_eq!(message(metric(json!({"kind": "sum", "property": "revenue"}))), "");
        check(metric(json!({"kind": "sum"})), "metric `m` adds up a property");
        check(metric(json!({"property": "revenue"})), "only a metric of kind `sum`");
        check(metric(json!({"event": ""})), "`event` must have 1 to 200 bytes");
        check(metric(json!({"where": [{"property": "$pth", "op": "eq", "value": 1}]})), "unknown column `$pth`");
        check(metric(json!({"name": ""})), "the name of a metric");
        let twice = json!({"name": "m", "event": "x", "kind": "count"});
        check(json!({"metrics": [twice.clone()], "guardrails": [twice]}), "two metrics are named `m`");
        // A draft may be incomplete.
        assert_eq!(message(json!({"variants": [], "status": "draft"})), "");
    }

    #[test]
    fn running_experiments_share_their_exclusion_group() {
        let in_group = |key: &str, status: &str| {
            stored(
                json!({"key": key, "variants": [{"key": "a"}, {"key": "b"}], "exclusion_group": "g", "status": status}),
            )
        };
        let all = [in_group("x", "running"), in_group("y", "running"), in_group("z", "stopped")];
        let set = compile_experiments(&all, &SegmentSet::default()).unwrap();
        let range = |key: &str| set.get(key).unwrap().group.as_ref().map(|group| (group.from, group.to));
        assert_eq!((range("x"), range("y"), range("z")), (Some((0.0, 0.5)), Some((0.5, 1.0)), None));
    }
}
