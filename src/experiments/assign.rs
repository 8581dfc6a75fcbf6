//! Assigns a person to a variant.

use super::{
    exposures::{Exposed, Exposures},
    set::{CompiledExperiment, CompiledVariant, ExperimentSet},
};
use crate::model::{Profile, Timestamp, VisitorId, bucket};

/// A person as experiments see them.
#[derive(Debug, Clone)]
pub struct Person<'a> {
    /// What is hashed: `user:ID` of a verified user, else `visitor:ID`.
    unit: String,
    exposures: Exposures<'a>,
}

impl<'a> Person<'a> {
    /// The person of a profile; `None` for an anonymous visitor.
    #[must_use]
    pub fn of(profile: &'a Profile) -> Option<Self> {
        let is_known = profile.user_verified && !profile.user_id.is_empty();
        let unit = if is_known {
            Self::user_unit(&profile.user_id)
        } else if profile.visitor.is_identified() {
            Self::visitor_unit(profile.visitor)
        } else {
            return None;
        };
        Some(Self { unit, exposures: Exposures(&profile.history) })
    }

    /// A user by the id alone: nothing of their past is used.
    #[must_use]
    pub fn by_user_id(id: &str, nothing: &'a Profile) -> Self {
        Self { unit: Self::user_unit(id), exposures: Exposures(&nothing.history) }
    }

    fn user_unit(id: &str) -> String {
        ["user:", id].concat()
    }

    fn visitor_unit(visitor: VisitorId) -> String {
        ["visitor:", &visitor.to_string()].concat()
    }

    /// What is hashed.
    #[must_use]
    pub fn unit(&self) -> &str {
        &self.unit
    }

    /// The first exposure to a variant that the experiment still has.
    #[must_use]
    pub fn first_exposure(&self, experiment: &CompiledExperiment) -> Option<Exposed<'a>> {
        let mut of = self.exposures.of(&experiment.key, experiment.counted_from);
        of.find(|exposed| experiment.variant(exposed.variant).is_some())
    }

    /// Whether the last exposure was to this variant and since that time.
    #[must_use]
    pub fn was_shown(&self, experiment: &CompiledExperiment, variant: &str, since: Timestamp) -> bool {
        let mut of = self.exposures.of(&experiment.key, experiment.counted_from).rev();
        of.next().is_some_and(|last| last.variant == variant && last.at >= since)
    }
}

/// The variant of a person, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Assignment<'a> {
    /// The person takes part.
    In(&'a CompiledVariant),
    /// The person does not.
    Out(Outside),
}

/// Why someone gets no variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outside {
    /// The experiment does not run.
    NotRunning,
    /// The rule does not hold.
    NotTargeted,
    /// Not in the share of people who take part.
    Traffic,
    /// The person belongs to another experiment of the exclusion group.
    OtherExperiment,
}

impl ExperimentSet {
    /// The variant of a person. `is_targeted` says whether the experiment's rule holds; it is asked at most once.
    pub fn assign<'a>(
        &'a self,
        experiment: &'a CompiledExperiment,
        person: &Person<'_>,
        is_targeted: impl FnOnce() -> bool,
    ) -> Assignment<'a> {
        if !experiment.is_running() {
            return Assignment::Out(Outside::NotRunning);
        }
        // Whoever was shown a variant keeps it, unless an experiment of the group was shown before.
        let shown = person.first_exposure(experiment);
        if experiment.group.is_some() {
            let first = |other: &'a CompiledExperiment| Some((person.first_exposure(other)?.at, other));
            let earliest = self.group_of(experiment).filter_map(first).min_by_key(|(at, _)| *at);
            if earliest.is_some_and(|(_, other)| other.key != experiment.key) {
                return Assignment::Out(Outside::OtherExperiment);
            }
        }
        if let Some(variant) = shown.and_then(|exposed| experiment.variant(exposed.variant)) {
            return Assignment::In(variant);
        }
        if let Some(group) = &experiment.group
            && !(group.from..group.to).contains(&bucket(&group.salt, &person.unit))
        {
            return Assignment::Out(Outside::OtherExperiment);
        }
        if bucket(&experiment.traffic_salt, &person.unit) >= experiment.traffic {
            return Assignment::Out(Outside::Traffic);
        }
        if !is_targeted() {
            return Assignment::Out(Outside::NotTargeted);
        }
        experiment.draw(&person.unit).map_or(Assignment::Out(Outside::NotRunning), Assignment::In)
    }
}

impl CompiledExperiment {
    /// The variant in whose share of the weights the unit's bucket lies.
    fn draw(&self, unit: &str) -> Option<&CompiledVariant> {
        let total: f64 = self.variants.iter().map(|variant| variant.weight).sum();
        let mut left = bucket(&self.salt, unit) * total;
        let with_weight = || self.variants.iter().filter(|variant| variant.weight > 0.0);
        for variant in with_weight() {
            if left < variant.weight {
                return Some(variant);
            }
            left -= variant.weight;
        }
        // Rounding.
        with_weight().next_back()
    }
}
