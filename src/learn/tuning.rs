//! Tuning of each site's recommendation model: results, schedule, and the owner's choice.
//!
//! Tuning takes seconds to a minute of one processor and runs in parallel with the builds; results are kept in the
//! control database, so that a restart begins with them. A site is tuned by one thread at a time, and a stopping
//! service does not wait for it.

use std::{collections::HashMap, sync::Arc};

use parking_lot::Mutex;
use serde_json::json;
use tokio::runtime::Handle;

use crate::{
    clock,
    control::{ChosenRow, Control, ControlError, TunedRow},
    decide::Index,
    model::{SiteId, Timestamp},
    recommend::{Bounds, Model, Tuned, measure::Quality, tune},
    tasks::run_low_priority,
    telemetry::Counter,
};

/// Clicks below which a site is not tuned; it is served by the simple blend of `decide`.
const CLICKS_MIN: usize = 1_000;
/// A site is tuned again when its clicks have grown by this factor, a fraction.
const GROWTH: (usize, usize) = (5, 4);
/// And when the last tuning is this old.
const AGE_MS: i64 = 86_400_000;

/// Which model serves a site, and why.
#[derive(Debug, Clone, Default)]
pub struct ModelStatus {
    /// Result of tuning on the site's own clicks, all models with their quality; `None` before there were enough
    /// clicks.
    pub tuned: Option<Arc<Tuned>>,
    /// Number of clicks it was tuned on.
    pub clicks: usize,
    /// When it was tuned.
    pub at: Timestamp,
    /// The owner's choice, instead of the winner.
    pub choice: Option<Choice>,
}

/// An owner's choice; it applies until withdrawn, whatever later tunings find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The model.
    pub model: Model,
    /// The owner's login name.
    pub who: String,
    /// When it was made.
    pub at: Timestamp,
}

impl ModelStatus {
    /// The model in use: the chosen one, else the winner; `None` before the first tuning.
    #[must_use]
    pub fn serving(&self) -> Option<Model> {
        let tuned = self.tuned.as_ref()?;
        Some(self.choice.as_ref().map_or(tuned.winner, |choice| choice.model))
    }

    /// The parameters to build an index with.
    fn effective(&self) -> Option<Arc<Tuned>> {
        let tuned = self.tuned.as_ref()?;
        match self.serving() {
            Some(model) if model != tuned.winner => Some(Arc::new(Tuned { winner: model, ..Tuned::clone(tuned) })),
            _ => Some(Arc::clone(tuned)),
        }
    }
}

/// Tuning state of all sites.
#[derive(Debug)]
pub(super) struct Tuning {
    control: Control,
    sites: Mutex<HashMap<SiteId, SiteTuning>>,
    /// One choice at a time: the stored and the serving choice must not diverge.
    choosing: tokio::sync::Mutex<()>,
    /// Counts failed tunings.
    failures: Counter,
}

/// A running tuning. However it ends, the next one may begin.
struct Running {
    tuning: Arc<Tuning>,
    site: SiteId,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tuning.failures.inc();
            tracing::error!(site = %self.site, "tuning panicked; the site keeps its previous tuning");
        }
        self.tuning.with(self.site, |site| site.running = false);
    }
}

#[derive(Debug, Default)]
struct SiteTuning {
    status: ModelStatus,
    running: bool,
    /// Whether a result or choice is in no index yet.
    unapplied: bool,
}

impl Tuning {
    /// Loads stored results; a result of another version that cannot be parsed is skipped and tuned again.
    pub(super) async fn open(control: Control, failures: Counter) -> Result<Self, ControlError> {
        let mut sites: HashMap<SiteId, SiteTuning> = HashMap::new();
        for row in control.tuned().await? {
            let Some(tuned) = Tuned::from_json(&row.found) else { continue };
            let status = &mut sites.entry(row.site).or_default().status;
            (status.tuned, status.at) = (Some(Arc::new(tuned)), row.at);
            status.clicks = usize::try_from(row.clicks).unwrap_or(usize::MAX);
        }
        for row in control.chosen_models().await? {
            let Some(model) = Model::parse(&row.model) else { continue };
            let choice = Choice { model, who: row.who, at: row.at };
            sites.entry(row.site).or_default().status.choice = Some(choice);
        }
        Ok(Self { control, sites: Mutex::new(sites), choosing: tokio::sync::Mutex::default(), failures })
    }

    fn with<T>(&self, site: SiteId, update: impl FnOnce(&mut SiteTuning) -> T) -> T {
        update(self.sites.lock().entry(site).or_default())
    }

    pub(super) fn status(&self, site: SiteId) -> ModelStatus {
        self.with(site, |site| site.status.clone())
    }

    /// Whether a result or choice of the site is in no index yet.
    pub(super) fn is_unapplied(&self, site: SiteId) -> bool {
        self.with(site, |site| site.unapplied)
    }

    /// Whether `is_unapplied` holds for any site.
    pub(super) fn any_unapplied(&self) -> bool {
        self.sites.lock().values().any(|site| site.unapplied)
    }

    /// The sites for which `is_unapplied` holds.
    pub(super) fn unapplied_sites(&self) -> Vec<SiteId> {
        self.sites.lock().iter().filter(|(_, tuning)| tuning.unapplied).map(|(site, _)| *site).collect()
    }

    /// The parameters an index should have.
    pub(super) fn current(&self, site: SiteId) -> Option<Arc<Tuned>> {
        self.with(site, |site| site.status.effective())
    }

    /// The parameters for the next index, which count as applied from now on.
    pub(super) fn apply(&self, site: SiteId) -> Option<Arc<Tuned>> {
        self.with(site, |site| {
            site.unapplied = false;
            site.status.effective()
        })
    }

    /// Stores an owner's choice, or withdraws it with `None`; applied immediately and recorded in the audit log.
    pub(super) async fn choose(&self, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        let _permit = self.choosing.lock().await;
        let choice = model.map(|model| Choice { model, who: who.to_owned(), at: clock::now() });
        match &choice {
            Some(Choice { model, who, at }) => {
                let (who, model) = (who.clone(), model.as_str().to_owned());
                self.control.choose_model(&ChosenRow { site, at: *at, who, model }).await?;
            }
            None => self.control.clear_chosen_model(site).await?,
        }
        self.with(site, |site| (site.status.choice, site.unapplied) = (choice, true));
        let text = json!({ "model": model.map(Model::as_str) }).to_string();
        self.control.add_choice(site, who, &text).await?;
        self.control.audit_site(site, who, "choose model", model.map_or("the winner", Model::as_str)).await
    }

    /// Starts a tuning if one is due; does not wait for it.
    pub(super) fn begin_if_due(self: &Arc<Self>, site: SiteId, index: &Arc<Index>, now: Timestamp) {
        let clicks = index.learned().map_or(0, |learned| learned.sessions().clicks());
        let due = self.with(site, |site| {
            let ModelStatus { clicks: before, at, .. } = site.status;
            let grown = clicks >= before.saturating_mul(GROWTH.0) / GROWTH.1;
            let due = clicks >= CLICKS_MIN && !site.running && (grown || now.since(at) >= AGE_MS);
            site.running |= due;
            due
        });
        if !due {
            return;
        }
        let (index, handle) = (Arc::clone(index), Handle::current());
        let running = Running { tuning: Arc::clone(self), site };
        // Not awaited: the next build or index update applies the result.
        drop(run_low_priority("tune", move || {
            let tuning = &running.tuning;
            let bounds = Bounds { predictions_max: SERVED_PREDICTIONS_MAX, ..Bounds::default() };
            let Some(learned) = index.learned() else { return };
            let tuned = tune(learned.sessions(), &bounds, &mut |_| ());
            drop(index);
            let (best, second) = tuned.margin();
            tracing::info!(%site, clicks, winner = tuned.winner.as_str(), hit_rate = best.hit_rate, mrr = best.mrr,
                next_hit_rate = second.hit_rate, next_mrr = second.mrr, "tuned");
            let row = TunedRow { site, at: now, clicks: clicks as u64, found: tuned.to_json() };
            let keep = async {
                tuning.control.put_tuned(&row).await?;
                tuning.control.add_tuning(site, now, &summary(&tuned, clicks)).await
            };
            // Without it the site is tuned again after a restart, which only costs time.
            if let Err(error) = handle.block_on(keep) {
                tracing::warn!(%error, %site, "storing a tuning result failed");
            }
            tuning.with(site, |site| {
                let status = &mut site.status;
                (status.tuned, status.clicks, status.at) = (Some(Arc::new(tuned)), clicks, now);
                site.unapplied = true;
            });
        }));
    }
}

/// A tuning as JSON for the site's tuning history.
fn summary(tuned: &Tuned, clicks: usize) -> String {
    let of_model = |(model, quality): (&Model, &Quality)| {
        json!({ "model": model.as_str(), "hit_rate": quality.hit_rate, "hit_rate_margin": quality.hit_rate_margin,
            "mrr": quality.mrr, "mrr_margin": quality.mrr_margin })
    };
    let models: Vec<serde_json::Value> = Model::ALL.iter().zip(&tuned.trial).map(of_model).collect();
    json!({ "winner": tuned.winner.as_str(), "clicks": clicks, "predictions": tuned.margin().0.predictions,
        "models": models })
    .to_string()
}

/// In a service, memory is worth more than the last thousandth of quality: at most some 200 MiB.
const SERVED_PREDICTIONS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_tuning_that_panics_is_counted_and_the_next_one_may_begin() {
        let dir = tempfile::tempdir().unwrap();
        let control = Control::open(dir.path()).await.unwrap();
        let tuning = Arc::new(Tuning::open(control, Counter::default()).await.unwrap());
        let site = SiteId(1);
        tuning.with(site, |site| site.running = true);
        let running = Running { tuning: Arc::clone(&tuning), site };
        let panicked = run_low_priority::<()>("tune", move || {
            let _running = running;
            panic!("expected by the test")
        });
        assert!(panicked.await.is_err());
        assert!(!tuning.with(site, |site| site.running));
        assert_eq!(tuning.failures.get(), 1);
    }
}
