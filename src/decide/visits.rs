//! What follows the clicks of this visit, by all that was learned of whole visits.

use std::{cell::RefCell, sync::Arc};

use super::{
    candidates::{Candidate, Candidates, Evidence, Key},
    index::{Index, Number},
    session_cache::Question,
};
use crate::recommend::{self, Learned, Model, Scratch};

/// Items asked of what was learned of whole visits: some of them may not be shown.
const BY_VISITS_MAX: usize = 100;
/// Items of the visitor that are looked at as this visit's clicks.
const CLICKS_MAX: usize = 40;
/// Ages count from the last full minute on, so that the same question within it has the same answer.
const MOMENT_S: u32 = 60;

thread_local! {
    /// Memory used again from one answer to the next; it carries nothing over.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The evidence of what was learned of whole visits, in this room's words.
const fn told_of(told: recommend::Evidence, current: Number) -> Evidence {
    match told {
        recommend::Evidence::Seen { .. } => Evidence::Seen,
        recommend::Evidence::Together { visits } => Evidence::Together { seed: current, support: visits },
        recommend::Evidence::Neighbours { visits } => Evidence::Visits { visits },
        recommend::Evidence::Walk => Evidence::Walk,
        recommend::Evidence::Popular => Evidence::Popular,
    }
}

impl Candidates<'_> {
    /// What follows the clicks of this visit, best first. `None` where not enough was learned to be tuned, or where
    /// the visitor has not looked at anything yet.
    pub(super) fn by_visits(&self, model: Model) -> Option<Arc<[Candidate]>> {
        let learned = self.index.learned().filter(|l| model != Model::Blend || l.is_tuned())?;
        if self.page_is_unseen() {
            return None;
        }
        let clicks = self.clicks(learned);
        let current = *clicks.last()?;
        let now = Index::moment(learned, self.facts.context.now);
        let moment = now - now % MOMENT_S;
        let work = || {
            let ask = recommend::Ask { clicks: &clicks, now: moment, k: BY_VISITS_MAX, model };
            SCRATCH.with_borrow_mut(|scratch| {
                learned.rank(&ask, scratch);
                let candidates = Learned::evidence(scratch).zip(0_u8..).map(|((item, told), place)| Candidate {
                    key: Key::Learned(item),
                    score: 1.0 / (1.0 + f32::from(place)),
                    evidence: told_of(told, current),
                });
                candidates.collect()
            })
        };
        let question = Question { version: self.index.version(), model, moment, clicks: &clicks };
        Some(match self.facts.context.remembered {
            Some(remembered) => remembered.answer(question, work),
            None => work().into(),
        })
    }

    /// Whether the page is about an item that nobody has looked at yet: then what it says of itself tells
    /// more than what the visitor looked at before.
    pub(super) fn page_is_unseen(&self) -> bool {
        !self.facts.context.item.is_empty() && self.index.number(self.facts.context.item).is_none()
    }

    /// The items of the visit, oldest first, the one on the page last; those of the visit before where
    /// this one has none yet. Items that nothing was learned of are left out.
    fn clicks(&self, learned: &Learned) -> Vec<Number> {
        let profile = self.facts.profile;
        let begun = profile.session_start;
        let known = |id: &str| self.index.number(id).filter(|n| (*n as usize) < learned.catalogue());
        let recent = profile.recent_items.iter().take(CLICKS_MAX);
        let mut clicks: Vec<Number> =
            recent.clone().filter(|(_, at)| *at >= begun).filter_map(|(id, _)| known(id)).collect();
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
