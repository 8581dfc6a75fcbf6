//! Changes to experiments.

use super::{Catalog, CatalogError, SiteSnapshot, compile, edit::as_json};
use crate::{
    access::new_secret,
    clock,
    control::Control,
    experiments::ExperimentSet,
    model::{Experiment, ExperimentStatus, SiteId, StoredExperiment, Timestamp},
    segments::SegmentSet,
};

/// Characters of a run's salt.
const SALT_CHARS: usize = 16;

impl Catalog {
    /// The experiments of a site as marketers wrote them, in order of key.
    pub async fn experiments(&self, id: SiteId) -> Result<Vec<StoredExperiment>, CatalogError> {
        self.site(id)?;
        stored_experiments(&self.control, id).await
    }

    /// One experiment.
    pub async fn experiment(&self, id: SiteId, key: &str) -> Result<Option<StoredExperiment>, CatalogError> {
        Ok(self.experiments(id).await?.into_iter().find(|stored| stored.experiment.key == key))
    }

    /// Adds an experiment under a new key.
    pub async fn add_experiment(
        &self,
        by: &str,
        id: SiteId,
        experiment: Experiment,
    ) -> Result<Experiment, CatalogError> {
        self.store_experiment(by, "add experiment", id, experiment).await
    }

    /// Stores an experiment, replacing the one with the same key.
    pub async fn put_experiment(
        &self,
        by: &str,
        id: SiteId,
        experiment: Experiment,
    ) -> Result<Experiment, CatalogError> {
        self.store_experiment(by, "change experiment", id, experiment).await
    }

    async fn store_experiment(
        &self,
        by: &str,
        action: &'static str,
        id: SiteId,
        experiment: Experiment,
    ) -> Result<Experiment, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut all = stored_experiments(&self.control, id).await?;
        let place = all.iter().position(|stored| stored.experiment.key == experiment.key);
        let known = place.map(|place| all.swap_remove(place));
        let removed_at = match &known {
            Some(_) if action == "add experiment" => {
                return Err(CatalogError::AlreadyExists(format!("an experiment `{}` exists already", experiment.key)));
            }
            Some(known) => {
                check_running_change(&known.experiment, &experiment).map_err(CatalogError::InUse)?;
                None
            }
            None => self.control.experiment_removed_at(id, &experiment.key).await?,
        };
        let stored = next_version(known, experiment, removed_at, clock::now());
        all.push(stored.clone());
        let compiled = compiled_experiments(&all, &site.segments)?;
        self.control.put_experiment(id, &stored.experiment.key, &as_json(&stored)?).await?;
        self.publish(SiteSnapshot::clone(&site).with_experiments(compiled));
        self.audit(by, id, action, &stored.experiment.key).await?;
        Ok(stored.experiment)
    }

    /// Removes an experiment. Returns false if there was none.
    pub async fn delete_experiment(&self, by: &str, id: SiteId, key: &str) -> Result<bool, CatalogError> {
        let _permit = self.editing.lock().await;
        let site = self.site(id)?;
        let mut all = stored_experiments(&self.control, id).await?;
        all.retain(|stored| stored.experiment.key != key);
        let compiled = compiled_experiments(&all, &site.segments)?;
        if !self.control.delete_experiment(id, key).await? {
            return Ok(false);
        }
        self.publish(SiteSnapshot::clone(&site).with_experiments(compiled));
        self.audit(by, id, "delete experiment", key).await?;
        Ok(true)
    }
}

/// The stored form of a new version. A run keeps its salt; one with other variants begins a new run, whose exposures count
/// from then on.
fn next_version(
    known: Option<StoredExperiment>,
    mut experiment: Experiment,
    removed_at: Option<Timestamp>,
    now: Timestamp,
) -> StoredExperiment {
    let ran_with_others =
        known.as_ref().is_some_and(|known| known.experiment.started_at.is_some() && !known.assigns_alike(&experiment));
    let before = known.as_ref().map(|known| &known.experiment);
    let (started_at, stopped_at) = before.map_or((None, None), |before| (before.started_at, before.stopped_at));
    let started_at = started_at.filter(|_| !ran_with_others);
    (experiment.started_at, experiment.stopped_at) = match experiment.status {
        ExperimentStatus::Draft => (started_at, None),
        ExperimentStatus::Running => (Some(started_at.unwrap_or(now)), None),
        ExperimentStatus::Stopped => (started_at, Some(stopped_at.unwrap_or(now))),
    };
    match known {
        Some(known) if !ran_with_others => StoredExperiment { experiment, ..known },
        known => StoredExperiment {
            experiment,
            salt: new_secret("")[..SALT_CHARS].to_owned(),
            counted_from_ms: if known.is_some() { Some(now.0) } else { removed_at.map(|at| at.0) },
        },
    }
}

/// What may not change while people have variants.
fn check_running_change(known: &Experiment, new: &Experiment) -> Result<(), String> {
    let running = ExperimentStatus::Running;
    if known.status != running || new.status != running {
        return Ok(());
    }
    let shares = |experiment: &Experiment| -> Vec<(String, u64)> {
        experiment.variants.iter().map(|variant| (variant.key.clone(), variant.weight.to_bits())).collect()
    };
    let refuse = |what: &str| Err(format!("experiment `{}` is running: {what}; stop it first", known.key));
    if shares(known) != shares(new) {
        return refuse("other variants, weights or another order would give people another variant");
    }
    if new.traffic < known.traffic {
        return refuse("its traffic can only be raised, because people who take part would lose their variant");
    }
    if new.exclusion_group != known.exclusion_group {
        return refuse("another exclusion group would take people out of it");
    }
    Ok(())
}

pub(super) fn compiled_experiments(
    all: &[StoredExperiment],
    segments: &SegmentSet,
) -> Result<ExperimentSet, CatalogError> {
    compile::compile_experiments(all, segments).map_err(|error| CatalogError::Invalid(error.to_string()))
}

pub(super) async fn stored_experiments(control: &Control, site: SiteId) -> Result<Vec<StoredExperiment>, CatalogError> {
    let read = |body: &String| {
        serde_json::from_str::<StoredExperiment>(body)
            .inspect_err(|error| tracing::warn!(%site, %error, "a stored experiment is skipped"))
            .ok()
    };
    Ok(control.experiments(site).await?.iter().filter_map(read).collect())
}

/// The stored experiments, compiled; what no longer compiles is left out with a warning.
pub(super) async fn usable_experiments(
    control: &Control,
    site: SiteId,
    segments: &SegmentSet,
) -> Result<ExperimentSet, CatalogError> {
    let mut all = stored_experiments(control, site).await?;
    all.retain(|stored| {
        compile::compile_experiments(std::slice::from_ref(stored), segments)
            .inspect_err(|error| tracing::warn!(%site, %error, "a stored experiment is skipped"))
            .is_ok()
    });
    compiled_experiments(&all, segments)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn experiment(status: &str, weight: f64, traffic: f64) -> Experiment {
        let body: Value = json!({"key": "e", "variants": [{"key": "a"}, {"key": "b", "weight": weight}],
            "status": status, "traffic": traffic});
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_running_experiment_keeps_its_variants_and_may_get_more_traffic() {
        let running = experiment("running", 1.0, 0.5);
        assert_eq!(check_running_change(&running, &experiment("running", 1.0, 0.9)), Ok(()));
        assert_eq!(check_running_change(&running, &experiment("stopped", 3.0, 0.1)), Ok(()));
        let refused = |new: &Experiment| check_running_change(&running, new).unwrap_err();
        assert!(refused(&experiment("running", 2.0, 0.5)).contains("another variant; stop it first"));
        assert!(refused(&experiment("running", 1.0, 0.4)).contains("can only be raised"));
        let grouped = Experiment { exclusion_group: Some("g".into()), ..running.clone() };
        assert!(refused(&grouped).contains("exclusion group"));
    }

    #[test]
    fn a_run_keeps_its_salt_until_its_variants_change() {
        let at = Timestamp;
        let draft = next_version(None, experiment("draft", 1.0, 1.0), None, at(1));
        assert_eq!((draft.experiment.started_at, draft.counted_from_ms), (None, None));
        let running = next_version(Some(draft.clone()), experiment("running", 3.0, 1.0), None, at(2));
        assert_eq!((&running.salt, running.experiment.started_at), (&draft.salt, Some(at(2))));
        let stopped = next_version(Some(running.clone()), experiment("stopped", 3.0, 1.0), None, at(3));
        assert_eq!((stopped.experiment.started_at, stopped.experiment.stopped_at), (Some(at(2)), Some(at(3))));
        let again = next_version(Some(stopped.clone()), experiment("running", 3.0, 1.0), None, at(4));
        assert_eq!((&again.salt, again.experiment.started_at), (&draft.salt, Some(at(2))));
        let other = next_version(Some(stopped), experiment("running", 5.0, 1.0), None, at(5));
        assert_eq!((other.counted_from_ms, other.experiment.started_at), (Some(5), Some(at(5))));
        assert_ne!(other.salt, draft.salt);
        let recreated = next_version(None, experiment("running", 1.0, 1.0), Some(at(9)), at(10));
        assert_eq!(recreated.counted_from_ms, Some(9));
    }
}
