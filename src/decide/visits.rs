//! Candidates that follow the clicks of this visit, from the models of whole visits.

use std::{cell::RefCell, sync::Arc};

use super::{
    candidates::Candidates,
    index::{Index, Number},
    session_cache::CacheKey,
    types::{Candidate, Evidence, Key},
};
use crate::recommend::{self, Learned, Model, RankRequest, Scratch};

/// Items requested from the models: some of them may not be shown.
const BY_VISITS_MAX: usize = 100;
/// Recent items used as this visit's clicks.
const CLICKS_MAX: usize = 40;
/// Times are rounded down to a minute, so that equal requests within it have equal results.
const TIME_STEP_S: u32 = 60;

thread_local! {
    /// Buffers reused from one request to the next; no data is carried over.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Converts the evidence of the models.
const fn evidence(learned: recommend::Evidence, current: Number) -> Evidence {
    match learned {
        recommend::Evidence::Seen { .. } => Evidence::Seen,
        recommend::Evidence::Together { visits } => Evidence::Together { seed: current, support: visits },
        recommend::Evidence::Neighbours { visits } => Evidence::Visits { visits },
        recommend::Evidence::TwoHop => Evidence::TwoHop,
        recommend::Evidence::Popular => Evidence::Popular,
    }
}

impl Candidates<'_> {
    /// Candidates that follow the clicks of this visit, best first. `None` if the blend was not tuned, or if the visitor
    /// has not viewed anything yet.
    pub(super) fn by_visits(&self, model: Model) -> Option<Arc<[Candidate]>> {
        let learned = self.index.learned().filter(|l| model != Model::Blend || l.is_tuned())?;
        if self.page_item_is_unseen() {
            return None;
        }
        let clicks = self.clicks(learned);
        let current = *clicks.last()?;
        let now = Index::learned_time(learned, self.facts.context.now);
        let now = now - now % TIME_STEP_S;
        let compute = || {
            let request = RankRequest { clicks: &clicks, now, k: BY_VISITS_MAX, model };
            SCRATCH.with_borrow_mut(|scratch| {
                learned.rank(&request, scratch);
                let candidates = Learned::evidence(scratch).zip(0_u8..).map(|((item, found), position)| Candidate {
                    key: Key::Learned(item),
                    score: 1.0 / (1.0 + f32::from(position)),
                    evidence: evidence(found, current),
                });
                candidates.collect()
            })
        };
        let key = CacheKey { version: self.index.version(), model, now, clicks: &clicks };
        Some(match self.facts.context.session_cache {
            Some(cache) => cache.get_or_compute(key, compute),
            None => compute().into(),
        })
    }

    /// Whether the page's item has no views yet: then its content predicts more than the visitor's earlier views.
    pub(super) fn page_item_is_unseen(&self) -> bool {
        !self.facts.context.item.is_empty() && self.index.number(self.facts.context.item).is_none()
    }

    /// The items of the visit, oldest first, that of the page last; those of earlier visits if this one has none yet.
    /// Items without learned data are left out.
    fn clicks(&self, learned: &Learned) -> Vec<Number> {
        let profile = self.facts.profile;
        let start = profile.session_start;
        let known = |id: &str| self.index.number(id).filter(|n| (*n as usize) < learned.catalogue());
        let recent = profile.recent_items.iter().take(CLICKS_MAX);
        let mut clicks: Vec<Number> =
            recent.clone().filter(|(_, at)| *at >= start).filter_map(|(id, _)| known(id)).collect();
        if clicks.is_empty() {
            clicks.extend(recent.filter_map(|(id, _)| known(id)));
        }
        clicks.reverse();
        if let Some(page) = known(self.facts.context.item).filter(|page| clicks.last() != Some(page)) {
            clicks.push(page);
        }
        clicks
    }
}
