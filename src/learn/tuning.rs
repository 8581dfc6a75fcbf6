//! What each site's recommendations are tuned to, when they are tuned again, and what an owner chose
//! instead.
//!
//! Tuning takes seconds to a minute of one processor and goes on beside the rebuilds; what it found is
//! kept in the control database, so that a restart begins with it. A site is tuned by one at a time, and
//! a service that stops does not wait for it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

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

/// Clicks below which a site is not tuned: the simple blend of `decide` serves it.
const CLICKS_MIN: usize = 1_000;
/// A site is tuned again when it has this many times the clicks of the last time, as a fraction.
const GROWTH: (usize, usize) = (5, 4);
/// And when the last time is this long ago.
const AGE_MS: i64 = 86_400_000;

/// What serves a site, and how it came to that.
#[derive(Debug, Clone, Default)]
pub struct ModelStatus {
    /// What was found on the site's own clicks, all models with their quality; `None` before there
    /// were enough clicks.
    pub tuned: Option<Arc<Tuned>>,
    /// On how many clicks.
    pub clicks: usize,
    /// When.
    pub at: Timestamp,
    /// What an owner wants instead of the winner.
    pub choice: Option<Choice>,
}

/// An owner's choice, which stands until it is taken back, whatever is tuned meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The model.
    pub model: Model,
    /// Who chose.
    pub who: String,
    /// When.
    pub at: Timestamp,
}

impl ModelStatus {
    /// The model that serves: the chosen one, else the winner; `None` before anything was tuned.
    #[must_use]
    pub fn serving(&self) -> Option<Model> {
        let tuned = self.tuned.as_ref()?;
        Some(self.choice.as_ref().map_or(tuned.winner, |choice| choice.model))
    }

    /// What an index is to be built with.
    fn effective(&self) -> Option<Arc<Tuned>> {
        let tuned = self.tuned.as_ref()?;
        match self.serving() {
            Some(model) if model != tuned.winner => Some(Arc::new(Tuned { winner: model, ..Tuned::clone(tuned) })),
            _ => Some(Arc::clone(tuned)),
        }
    }
}

/// Sites by what they were tuned to.
#[derive(Debug)]
pub(super) struct Tuning {
    control: Control,
    sites: Mutex<HashMap<SiteId, State>>,
    /// One choice at a time: what is stored and what serves must not cross.
    choosing: tokio::sync::Mutex<()>,
    /// Counts tunings that failed.
    failures: Counter,
}

/// A tuning under way. However it ends, the next one may begin.
struct Running {
    tuning: Arc<Tuning>,
    site: SiteId,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tuning.failures.inc();
            tracing::error!(site = %self.site, "tuning panicked; the site keeps what it was tuned to before");
        }
        self.tuning.with(self.site, |state| state.running = false);
    }
}

#[derive(Debug, Default)]
struct State {
    standing: ModelStatus,
    running: bool,
    /// Whether something was found or chosen that no index was built with yet.
    news: bool,
}

impl Tuning {
    /// What was kept; a text of another time that cannot be read any more is found again.
    pub(super) async fn open(control: Control, failures: Counter) -> Result<Self, ControlError> {
        let mut sites: HashMap<SiteId, State> = HashMap::new();
        for row in control.tuned().await? {
            let Some(tuned) = Tuned::from_text(&row.found) else { continue };
            let standing = &mut sites.entry(row.site).or_default().standing;
            (standing.tuned, standing.at) = (Some(Arc::new(tuned)), row.at);
            standing.clicks = usize::try_from(row.clicks).unwrap_or(usize::MAX);
        }
        for row in control.chosen_models().await? {
            let Some(model) = Model::parse(&row.model) else { continue };
            let choice = Choice { model, who: row.who, at: row.at };
            sites.entry(row.site).or_default().standing.choice = Some(choice);
        }
        Ok(Self { control, sites: Mutex::new(sites), choosing: tokio::sync::Mutex::default(), failures })
    }

    fn with<T>(&self, site: SiteId, what: impl FnOnce(&mut State) -> T) -> T {
        // A state is written in one step, so that a panic elsewhere leaves none half-written.
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        what(sites.entry(site).or_default())
    }

    pub(super) fn of(&self, site: SiteId) -> ModelStatus {
        self.with(site, |state| state.standing.clone())
    }

    pub(super) fn has_news(&self, site: SiteId) -> bool {
        self.with(site, |state| state.news)
    }

    /// Whether any site has.
    pub(super) fn any_news(&self) -> bool {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).values().any(|state| state.news)
    }

    /// Those that have.
    pub(super) fn sites_with_news(&self) -> Vec<SiteId> {
        let sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        sites.iter().filter(|(_, state)| state.news).map(|(site, _)| *site).collect()
    }

    /// What an index is to serve by.
    pub(super) fn peek(&self, site: SiteId) -> Option<Arc<Tuned>> {
        self.with(site, |state| state.standing.effective())
    }

    /// What to build the next index with; no news from now on.
    pub(super) fn take(&self, site: SiteId) -> Option<Arc<Tuned>> {
        self.with(site, |state| {
            state.news = false;
            state.standing.effective()
        })
    }

    /// Keeps an owner's choice, or takes it back with `None`; it serves at once, and is noted.
    pub(super) async fn choose(&self, site: SiteId, model: Option<Model>, who: &str) -> Result<(), ControlError> {
        let _permit = self.choosing.lock().await;
        let choice = model.map(|model| Choice { model, who: who.to_owned(), at: clock::now() });
        match &choice {
            Some(Choice { model, who, at }) => {
                let (who, model) = (who.clone(), model.as_str().to_owned());
                self.control.choose_model(&ChosenRow { site, at: *at, who, model }).await?;
            }
            None => self.control.unchoose_model(site).await?,
        }
        self.with(site, |state| (state.standing.choice, state.news) = (choice, true));
        let text = json!({ "model": model.map(Model::as_str) }).to_string();
        self.control.add_choice(site, who, &text).await?;
        self.control.audit_site(site, who, "choose model", model.map_or("the winner", Model::as_str)).await
    }

    /// Starts tuning where it is due; returns at once.
    pub(super) fn begin_if_due(self: &Arc<Self>, site: SiteId, index: &Arc<Index>, now: Timestamp) {
        let clicks = index.learned().map_or(0, |learned| learned.sessions().clicks());
        let due = self.with(site, |state| {
            let ModelStatus { clicks: before, at, .. } = state.standing;
            let grown = clicks >= before.saturating_mul(GROWTH.0) / GROWTH.1;
            let due = clicks >= CLICKS_MIN && !state.running && (grown || now.since(at) >= AGE_MS);
            state.running |= due;
            due
        });
        if !due {
            return;
        }
        let (index, handle) = (Arc::clone(index), Handle::current());
        let running = Running { tuning: Arc::clone(self), site };
        // Nobody waits for it: the next build, or the next second, takes up what it finds.
        drop(run_low_priority("tune", move || {
            let tuning = &running.tuning;
            let bounds = Bounds { predictions_max: SERVED_PREDICTIONS_MAX, ..Bounds::default() };
            let Some(learned) = index.learned() else { return };
            let tuned = tune(learned.sessions(), &bounds, &mut |_| ());
            drop(index);
            let (best, second) = tuned.margin();
            tracing::info!(%site, clicks, winner = tuned.winner.as_str(), hit_rate = best.hit_rate, mrr = best.mrr,
                next_hit_rate = second.hit_rate, next_mrr = second.mrr, "tuned");
            let row = TunedRow { site, at: now, clicks: clicks as u64, found: tuned.to_text() };
            let keep = async {
                tuning.control.put_tuned(&row).await?;
                tuning.control.add_tuning(site, now, &summary(&tuned, clicks)).await
            };
            // Without it the site is tuned again after a restart, which costs only time.
            if let Err(error) = handle.block_on(keep) {
                tracing::warn!(%error, %site, "what was tuned could not be kept");
            }
            tuning.with(site, |state| {
                let standing = &mut state.standing;
                (standing.tuned, standing.clicks, standing.at) = (Some(Arc::new(tuned)), clicks, now);
                state.news = true;
            });
        }));
    }
}

/// What the history of a site's tunings tells of one.
fn summary(tuned: &Tuned, clicks: usize) -> String {
    let of_model = |((word, _), quality): (&(&str, Model), &Quality)| {
        json!({ "model": word, "hit_rate": quality.hit_rate, "hit_rate_margin": quality.hit_rate_margin,
            "mrr": quality.mrr, "mrr_margin": quality.mrr_margin })
    };
    let models: Vec<serde_json::Value> = Model::WORDS.iter().zip(&tuned.trial).map(of_model).collect();
    json!({ "winner": tuned.winner.as_str(), "clicks": clicks, "predictions": tuned.margin().0.predictions,
        "models": models })
    .to_string()
}

/// Beside a service memory is dearer than the last thousandth of quality: at most some 200 MiB.
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
        tuning.with(site, |state| state.running = true);
        let running = Running { tuning: Arc::clone(&tuning), site };
        let lost = run_low_priority::<()>("tune", move || {
            let _running = running;
            panic!("as the test wants it")
        });
        assert!(lost.await.is_err());
        assert!(!tuning.with(site, |state| state.running));
        assert_eq!(tuning.failures.get(), 1);
    }
}
