//! The experiments of a site, compiled.

use std::sync::Arc;

use serde_json::Value;

use super::exposures::Exposures;
use crate::{
    catalog::condition::Condition,
    model::{EXPERIMENT_VIEWED, ExperimentStatus, Timestamp, WantedEvents},
};

/// The experiments of a site, by key. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ExperimentSet {
    experiments: Arc<[CompiledExperiment]>,
    version: u64,
}

/// A validated experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledExperiment {
    /// Its key.
    pub key: Box<str>,
    /// Whether it runs.
    pub status: ExperimentStatus,
    /// Salt of the variants: `experiment:KEY:ID`.
    pub salt: Box<str>,
    /// Salt of the traffic.
    pub traffic_salt: Box<str>,
    /// The variants; the first one is the control.
    pub variants: Box<[CompiledVariant]>,
    /// Share of the people who take part.
    pub traffic: f64,
    /// Who may take part.
    pub condition: Condition,
    /// Its share of the exclusion group; `None`: it is in none.
    pub group: Option<GroupShare>,
    /// Exposures before it belong to another run.
    pub counted_from: Option<Timestamp>,
    /// When it began to run.
    pub started_at: Option<Timestamp>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledVariant {
    /// Its key.
    pub key: Box<str>,
    /// Its weight, at least 0.
    pub weight: f64,
    /// What pages and programs get.
    pub value: Value,
}

/// The people of an exclusion group that belong to one of its running experiments: those whose bucket is in the range.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupShare {
    /// Salt of the group.
    pub salt: Box<str>,
    /// Beginning of the range.
    pub from: f64,
    /// End of the range, exclusive.
    pub to: f64,
}

impl CompiledExperiment {
    /// The control.
    #[must_use]
    pub fn control(&self) -> Option<&CompiledVariant> {
        self.variants.first()
    }

    /// The variant with this key.
    #[must_use]
    pub fn variant(&self, key: &str) -> Option<&CompiledVariant> {
        self.variants.iter().find(|variant| *variant.key == *key)
    }

    /// Whether people get its variants.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.status == ExperimentStatus::Running
    }
}

impl ExperimentSet {
    /// A set of experiments, in order of key; running ones share their exclusion groups evenly, in the order in which they
    /// began.
    #[must_use]
    pub fn new(mut experiments: Vec<(CompiledExperiment, Option<String>)>) -> Self {
        experiments.sort_by(|(a, _), (b, _)| (a.started_at, &a.key).cmp(&(b.started_at, &b.key)));
        let groups: Vec<Option<String>> =
            experiments.iter().map(|(known, group)| group.clone().filter(|_| known.is_running())).collect();
        for (index, (experiment, _)) in experiments.iter_mut().enumerate() {
            let Some(group) = &groups[index] else { continue };
            let is_member = |other: &&Option<String>| other.as_ref() == Some(group);
            let members = groups.iter().filter(is_member).count() as f64;
            let place = groups[..index].iter().filter(is_member).count() as f64;
            let salt = ["experiment-group:", group].concat().into();
            experiment.group = Some(GroupShare { salt, from: place / members, to: (place + 1.0) / members });
        }
        let mut compiled: Vec<CompiledExperiment> = experiments.into_iter().map(|(compiled, _)| compiled).collect();
        compiled.sort_by(|a, b| a.key.cmp(&b.key));
        let state = ahash::RandomState::with_seeds(1, 2, 3, 4);
        let version = state.hash_one(format!("{compiled:?}"));
        Self { experiments: compiled.into(), version }
    }

    /// Equal for equal experiments.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// All experiments, in order of key.
    pub fn iter(&self) -> impl Iterator<Item = &CompiledExperiment> {
        self.experiments.iter()
    }

    /// The experiment with this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&CompiledExperiment> {
        let index = self.experiments.binary_search_by(|known| (*known.key).cmp(key)).ok()?;
        self.experiments.get(index)
    }

    /// The running experiments of the same exclusion group, itself included.
    pub fn group_of<'a>(&'a self, experiment: &'a CompiledExperiment) -> impl Iterator<Item = &'a CompiledExperiment> {
        let salt = experiment.group.as_ref().map(|group| &group.salt);
        self.iter().filter(move |other| salt.is_some() && other.group.as_ref().map(|group| &group.salt) == salt)
    }

    /// Adds the past events that running experiments need: exposures, and those of their rules.
    pub fn add_wanted(&self, wanted: &mut WantedEvents) {
        for experiment in self.iter().filter(|experiment| experiment.is_running()) {
            wanted.add_value(EXPERIMENT_VIEWED, Exposures::EXPERIMENT);
            wanted.add_value(EXPERIMENT_VIEWED, Exposures::VARIANT);
            experiment.condition.add_wanted(wanted);
        }
    }
}
