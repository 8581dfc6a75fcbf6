//! Results of an experiment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CountUnit, Moment};
use crate::model::ExperimentStatus;

/// Request of the `experiments` report.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExperimentQuestion {
    /// Key of the experiment.
    pub experiment: String,
    /// Exposures count from here; absent: from the beginning of the run.
    #[serde(default)]
    pub from: Option<Moment>,
    /// Exposures and events count until here, exclusive; absent: now.
    #[serde(default)]
    pub to: Option<Moment>,
    /// Accepted as in other reports; nothing is counted by day here.
    #[serde(default)]
    pub timezone: Option<String>,
    /// What counts as one.
    #[serde(default)]
    pub unit: CountUnit,
    /// The relative effect that `power` is about; 0.05 by default.
    #[serde(default)]
    pub effect: Option<f64>,
}

/// Results of an experiment. Intervals are 95% and may be looked at every day.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExperimentReport {
    /// Key of the experiment.
    pub experiment: String,
    /// Its state.
    pub status: ExperimentStatus,
    /// The variants in order; the first one is the control.
    pub variants: Vec<VariantReport>,
    /// Whether people are divided as the weights say.
    pub sample_ratio: SampleRatioReport,
    /// People who were shown several variants; they count for the first one.
    pub several_variants: SeveralVariants,
    /// How long it takes to see an effect.
    pub power: PowerReport,
    /// What to do now.
    pub advice: Advice,
    /// Currency of sums of money, ISO 4217 code.
    pub currency: String,
}

/// A variant's people and figures.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct VariantReport {
    /// Its key.
    pub key: String,
    /// People who were shown it first.
    pub people: u64,
    /// The metrics by name.
    pub metrics: BTreeMap<String, MetricReport>,
    /// The guardrails by name.
    pub guardrails: BTreeMap<String, MetricReport>,
}

/// A metric of a variant. What compares with the control is null for the control, and while there is too little to
/// estimate it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct MetricReport {
    /// People who converted, number of events, or sum (money in minor units).
    pub total: f64,
    /// Per person; null without people.
    pub mean: Option<f64>,
    /// Relative difference to the control's mean: 0.1 is ten per cent.
    pub lift: Option<f64>,
    /// 95% interval of `lift`, low and high.
    pub interval: Option<[f64; 2]>,
    /// Probability that it is better than the control.
    pub chance_to_win: Option<f64>,
    /// Mean relative loss if it is chosen and is worse.
    pub expected_loss: Option<f64>,
    /// A p-value that may be looked at every day, corrected for all metrics and variants.
    pub adjusted_p: Option<f64>,
    /// The same estimate, narrowed by what people did before the experiment; null if that explains nothing.
    pub adjusted: Option<AdjustedLift>,
}

/// A lift adjusted by the time before the experiment (CUPED).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct AdjustedLift {
    /// Relative difference to the control's mean.
    pub lift: f64,
    /// Its 95% interval, low and high.
    pub interval: [f64; 2],
    /// Share of the variance that was removed.
    pub variance_reduction: f64,
}

/// The test of the division of people.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct SampleRatioReport {
    /// A p-value that may be looked at every day.
    pub p: f64,
    /// Whether it is below 0.001: then results cannot be trusted.
    pub alarm: bool,
}

/// People who were shown several variants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct SeveralVariants {
    /// Their number.
    pub people: u64,
    /// Their share of all; null without people.
    pub share: Option<f64>,
}

/// How long it takes to see an effect.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PowerReport {
    /// Days since the first exposure.
    pub days: f64,
    /// New people a day, all variants together; null without people.
    pub people_per_day: Option<f64>,
    /// The relative effect that `days_needed` is about.
    pub effect: f64,
    /// By metric.
    pub metrics: BTreeMap<String, MetricPower>,
}

/// How long it takes to see an effect on a metric, with a probability of 80%.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct MetricPower {
    /// The smallest relative effect that shows with the people so far; null while nothing is known.
    pub detectable_effect: Option<f64>,
    /// People of all variants together that the effect takes; null if it takes more than anyone has.
    pub people_needed: Option<f64>,
    /// Days that it takes from the first exposure.
    pub days_needed: Option<f64>,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Advice {
    /// What.
    pub action: AdviceAction,
    /// The variant it is about.
    pub variant: Option<String>,
    /// The metric it is about.
    pub metric: Option<String>,
    /// For `no_difference`: the lift is within this, to either side.
    pub within: Option<f64>,
}

/// What to do with an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AdviceAction {
    /// Nothing is known yet.
    Wait,
    /// There is no clear difference yet.
    KeepRunning,
    /// A variant is better: use it for everyone.
    Ship,
    /// All variants are worse: keep the control.
    KeepControl,
    /// A guardrail got worse: stop.
    GuardrailWorse,
    /// People are not divided as the weights say: stop and find out why.
    SampleRatio,
    /// A difference of any importance is ruled out.
    NoDifference,
}
