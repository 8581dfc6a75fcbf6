//! What to do with an experiment now. No I/O.

use std::cmp::Ordering;

use crate::{
    model::Metric,
    wire::reports::{Advice, AdviceAction, MetricReport, VariantReport},
};

/// Level of a difference.
const ALPHA: f64 = 0.05;
/// A lift within this, to either side, is no difference of importance.
const NO_DIFFERENCE: f64 = 0.02;

/// By the first metric, unless people are divided wrongly or a guardrail got worse.
pub(super) fn advice(metrics: &[Metric], variants: &[VariantReport], sample_ratio_alarm: bool) -> Advice {
    let only = |action| Advice { action, variant: None, metric: None, within: None };
    if sample_ratio_alarm {
        return only(AdviceAction::SampleRatio);
    }
    let Some((_, others)) = variants.split_first() else { return only(AdviceAction::Wait) };
    for variant in others {
        if let Some((name, _)) = variant.guardrails.iter().find(|(_, report)| is_worse(report)) {
            let (variant, metric) = (Some(variant.key.clone()), Some(name.clone()));
            return Advice { action: AdviceAction::GuardrailWorse, variant, metric, within: None };
        }
    }
    let Some(primary) = metrics.first() else { return only(AdviceAction::Wait) };
    let about = |action, variant: Option<&VariantReport>, within| Advice {
        action,
        variant: variant.map(|variant| variant.key.clone()),
        metric: Some(primary.name.clone()),
        within,
    };
    let of = |variant: &VariantReport| Seen::of(variant.metrics.get(&primary.name)?, primary.lower_is_better);
    let seen: Vec<(&VariantReport, Seen)> = others.iter().filter_map(|variant| Some((variant, of(variant)?))).collect();
    if seen.len() < others.len() || seen.is_empty() {
        return about(AdviceAction::Wait, None, None);
    }
    let better = seen.iter().filter(|(_, seen)| seen.is_sure && seen.gain > 0.0);
    let best = better.max_by(|(_, a), (_, b)| a.gain.partial_cmp(&b.gain).unwrap_or(Ordering::Equal));
    if let Some((variant, _)) = best {
        return about(AdviceAction::Ship, Some(variant), None);
    }
    if seen.iter().all(|(_, seen)| seen.is_sure) {
        return about(AdviceAction::KeepControl, None, None);
    }
    let widest = seen.iter().map(|(_, seen)| seen.reach).fold(0.0, f64::max);
    if widest <= NO_DIFFERENCE {
        return about(AdviceAction::NoDifference, None, Some(widest));
    }
    about(AdviceAction::KeepRunning, None, None)
}

/// What a metric shows.
#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Lift in the wanted direction.
    gain: f64,
    /// Whether the difference is sure.
    is_sure: bool,
    /// How far from 0 the interval reaches.
    reach: f64,
}

impl Seen {
    fn of(report: &MetricReport, lower_is_better: bool) -> Option<Self> {
        let (lift, p) = (report.lift?, report.adjusted_p?);
        let [low, high] = report.adjusted.map_or(report.interval?, |adjusted| adjusted.interval);
        let gain = if lower_is_better { -lift } else { lift };
        Some(Self { gain, is_sure: p < ALPHA, reach: low.abs().max(high.abs()) })
    }
}

/// A guardrail whose chance to be better is small and whose difference is sure.
fn is_worse(report: &MetricReport) -> bool {
    let loses = report.chance_to_win.is_some_and(|chance| chance < 0.5);
    loses && report.adjusted_p.is_some_and(|p| p < ALPHA)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn metric() -> Metric {
        serde_json::from_value(json!({"name": "m", "event": "x", "kind": "conversion"})).unwrap()
    }

    fn variant(key: &str, lift: f64, half: f64, p: f64) -> VariantReport {
        let report = MetricReport {
            lift: Some(lift),
            interval: Some([lift - half, lift + half]),
            adjusted_p: Some(p),
            chance_to_win: Some(if lift > 0.0 { 0.99 } else { 0.01 }),
            ..MetricReport::default()
        };
        VariantReport { key: key.into(), people: 1000, metrics: [("m".into(), report)].into(), guardrails: [].into() }
    }

    #[test]
    fn one_thing_to_do_follows_from_the_results() {
        let control = || VariantReport { key: "a".into(), people: 1000, metrics: [].into(), guardrails: [].into() };
        let act = |others: Vec<VariantReport>, alarm: bool| {
            let advice = advice(&[metric()], &[vec![control()], others].concat(), alarm);
            (advice.action, advice.variant)
        };
        assert_eq!(act(vec![variant("b", 0.1, 0.05, 0.01)], false), (AdviceAction::Ship, Some("b".into())));
        let two = vec![variant("b", 0.1, 0.05, 0.01), variant("c", 0.2, 0.05, 0.01)];
        assert_eq!(act(two, false), (AdviceAction::Ship, Some("c".into())));
        assert_eq!(act(vec![variant("b", 0.1, 0.05, 0.01)], true).0, AdviceAction::SampleRatio);
        assert_eq!(act(vec![variant("b", 0.1, 0.2, 0.4)], false).0, AdviceAction::KeepRunning);
        assert_eq!(act(vec![variant("b", 0.001, 0.01, 0.4)], false).0, AdviceAction::NoDifference);
        assert_eq!(act(vec![variant("b", -0.2, 0.1, 0.001)], false).0, AdviceAction::KeepControl);
        assert_eq!(act(vec![VariantReport { metrics: [].into(), ..control() }], false).0, AdviceAction::Wait);
        let mut harmful = variant("b", 0.1, 0.05, 0.01);
        harmful.guardrails = variant("x", -0.3, 0.1, 0.001).metrics;
        assert_eq!(act(vec![harmful], false), (AdviceAction::GuardrailWorse, Some("b".into())));
    }
}
