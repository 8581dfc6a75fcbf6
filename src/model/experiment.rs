//! Experiments: people are divided at random among variants, and metrics are compared.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::IntoStaticStr;
use utoipa::ToSchema;

use super::{PropertyTest, Rule, Timestamp};

/// An experiment, or a feature flag, whose variants may have all of the weight or none. Stored and edited as JSON in this
/// form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Chosen by the marketer; letters, digits, `-`, `_`. With PUT it may be left out.
    #[serde(default)]
    pub key: String,
    /// Name shown to marketers.
    #[serde(default)]
    pub name: String,
    /// The variants; the first one is the control.
    #[serde(default)]
    pub variants: Vec<Variant>,
    /// Share of the people who take part, 0 to 1.
    #[serde(default = "all")]
    pub traffic: f64,
    /// Who may take part; `{}` is everyone.
    #[serde(default)]
    pub when: Rule,
    /// People take part in at most one running experiment of a group; empty: in any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exclusion_group: Option<String>,
    /// What is to be improved, the most important first.
    #[serde(default)]
    pub metrics: Vec<Metric>,
    /// What must not get worse.
    #[serde(default)]
    pub guardrails: Vec<Metric>,
    /// Whether it runs.
    #[serde(default)]
    pub status: ExperimentStatus,
    /// When it began to run; set by the service, ignored in requests.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::time::optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it was stopped; set by the service, ignored in requests.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "super::time::optional_rfc3339")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub stopped_at: Option<Timestamp>,
}

/// The name of the event that reports an exposure.
pub const EXPERIMENT_VIEWED: &str = "Experiment Viewed";

/// One alternative.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Unique within the experiment; letters, digits, `-`, `_`.
    pub key: String,
    /// Its share of the people, relative to the sum of all weights.
    #[serde(default = "one")]
    pub weight: f64,
    /// What pages and programs get.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub value: Value,
}

/// A figure that is compared between variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Unique within the experiment.
    pub name: String,
    /// Exact event name; `page` is any page or screen view.
    pub event: String,
    /// Conditions on the event that must all be true.
    #[serde(default, rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<PropertyTest>,
    /// How the events of a person count.
    pub kind: MetricKind,
    /// The property that `sum` adds up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub property: Option<String>,
    /// Whether less is better, as for errors and refunds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lower_is_better: bool,
}

/// How the events of a person count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum MetricKind {
    /// 1 if there was any.
    Conversion,
    /// Their number.
    Count,
    /// The sum of a property.
    Sum,
}

/// State of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExperimentStatus {
    /// Being prepared; it answers with its control.
    #[default]
    Draft,
    /// People get variants.
    Running,
    /// Over; it answers with its control.
    Stopped,
}

/// An experiment with what the service keeps beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredExperiment {
    /// The experiment.
    pub experiment: Experiment,
    /// Random text of this run: assignments of one run are independent of those of another.
    pub salt: String,
    /// Earlier exposures belong to another run with other variants; `None`: all count.
    #[serde(default)]
    pub counted_from_ms: Option<i64>,
}

impl StoredExperiment {
    /// Whether two versions have the same variants in the same shares, so that people keep theirs.
    #[must_use]
    pub fn assigns_alike(&self, other: &Experiment) -> bool {
        let shares = |experiment: &Experiment| -> Vec<(String, u64)> {
            experiment.variants.iter().map(|variant| (variant.key.clone(), variant.weight.to_bits())).collect()
        };
        shares(&self.experiment) == shares(other)
    }
}

const fn all() -> f64 {
    1.0
}

const fn one() -> f64 {
    1.0
}
