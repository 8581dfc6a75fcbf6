//! What followed from visits lately, so that the same question is worked out once.
//!
//! A page asks for several slots, is loaded again, is come back to; and many visitors have looked at one and the
//! same item and nothing else yet. What is remembered is what was learned of such clicks and nothing more: stock,
//! rules, cart, what was bought or ignored, and what is left to chance are looked at anew for every answer. A
//! question is told by all that its answer depends on: the version of what was learned, the model, the clicks in
//! their order, and the minute. So nothing needs to be cleared: a new click, or a new version every second of a busy
//! site, is another question, and what nobody asks again is written over.
//!
//! Memory is bounded for all sites together: a fixed number of sets of a few answers, some three kilobytes each. A
//! question belongs to one set; of a full set the answer goes that was asked for longest ago (a set-associative cache:
//! Hennessy and Patterson, "Computer Architecture", appendix B). Nobody waits for a set that another thread has in hand.

use std::sync::{Arc, Mutex};

use super::{candidates::Candidate, index::Number};
use crate::{recommend::Model, telemetry::Counter};

/// Answers of one set.
const WAYS: usize = 4;

/// Those that share a set, the one asked for last first.
type Ways = [Option<Arc<Answer>>; WAYS];

/// Answers that are remembered, by question.
#[derive(Debug)]
pub struct Remembered {
    sets: Box<[Mutex<Ways>]>,
    hasher: ahash::RandomState,
    /// Questions so far, and those of them that were remembered.
    asked: Counter,
    found: Counter,
}

/// All that the answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Question<'a> {
    /// Version of what was learned; no two are alike in one process.
    pub(super) version: u64,
    pub(super) model: Model,
    /// The moment, as far as it counts.
    pub(super) moment: u32,
    pub(super) clicks: &'a [Number],
}

#[derive(Debug)]
struct Answer {
    version: u64,
    model: Model,
    moment: u32,
    clicks: Box<[Number]>,
    candidates: Arc<[Candidate]>,
}

impl Answer {
    fn question(&self) -> Question<'_> {
        Question { version: self.version, model: self.model, moment: self.moment, clicks: &self.clicks }
    }
}

impl Remembered {
    /// For so many answers, rounded up to whole sets; none: everything is worked out anew. Counts the questions
    /// asked, and those found.
    #[must_use]
    pub fn new(answers_max: usize, asked: Counter, found: Counter) -> Self {
        let sets = (0..answers_max.div_ceil(WAYS)).map(|_| Mutex::default()).collect();
        Self { sets, hasher: ahash::RandomState::new(), asked, found }
    }

    /// The answer to a question: a remembered one, or what `work` finds, which is remembered.
    pub(super) fn answer(&self, question: Question<'_>, work: impl FnOnce() -> Vec<Candidate>) -> Arc<[Candidate]> {
        let Some(set) = self.set_of(&question) else { return work().into() };
        self.asked.inc();
        if let Ok(mut ways) = set.try_lock()
            && let Some(known) = find(&mut ways, &question)
        {
            self.found.inc();
            return known;
        }
        let candidates: Arc<[Candidate]> = work().into();
        let Question { version, model, moment, clicks } = question;
        let answer = Answer { version, model, moment, clicks: clicks.into(), candidates: Arc::clone(&candidates) };
        if let Ok(mut ways) = set.try_lock() {
            ways.rotate_right(1);
            ways[0] = Some(Arc::new(answer));
        }
        candidates
    }

    fn set_of(&self, question: &Question<'_>) -> Option<&Mutex<Ways>> {
        let count = u64::try_from(self.sets.len()).ok().filter(|count| *count > 0)?;
        #[expect(clippy::cast_possible_truncation, reason = "the rest of a division by a length")]
        let at = (self.hasher.hash_one(question) % count) as usize;
        self.sets.get(at)
    }
}

/// The answer to a question among those of its set; it comes first then.
fn find(ways: &mut Ways, question: &Question<'_>) -> Option<Arc<[Candidate]>> {
    let at = ways.iter().position(|way| way.as_ref().is_some_and(|known| known.question() == *question))?;
    ways[..=at].rotate_right(1);
    ways[0].as_ref().map(|known| Arc::clone(&known.candidates))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        catalog::snapshot::{self, Recommend, SiteSnapshot},
        decide::{
            Context, Index,
            candidates::{Evidence, Key},
            fixture,
            index::Parts,
            recommend,
        },
        model::{Item, Profile, SiteId, VisitorId},
        recommend::{Learned, Sessions},
    };

    fn remembered(places: usize) -> Remembered {
        Remembered::new(places, Counter::default(), Counter::default())
    }

    /// The fixture's items, numbered as in its catalogue, and these visits to them.
    fn index(visits: &[&[Number]]) -> Index {
        let items = fixture::items();
        let row = |item: &Item| (item.id.clone(), item.main_category().into(), 1.0);
        let index = Index::new(Parts { items: items.iter().map(row).collect(), ..Parts::default() });
        index.with(Learned::new(sessions(visits), &Arc::default()))
    }

    fn sessions(visits: &[&[Number]]) -> Sessions {
        let mut sessions = Sessions::empty(fixture::NOW.0 / 1000);
        for (visitor, visit) in (0..).zip(visits) {
            sessions.push(visit.iter().copied(), fixture::NOW.0, visitor);
        }
        sessions
    }

    fn looked_at(ids: &[&str]) -> Profile {
        let recent = ids.iter().rev().map(|id| ((*id).into(), fixture::NOW)).collect();
        Profile { recent_items: recent, ..Profile::empty(SiteId(1), VisitorId(1)) }
    }

    fn shown(profile: &Profile, snapshot: &SiteSnapshot, index: &Index, remembered: &Remembered) -> Vec<String> {
        let context = Context { remembered: Some(remembered), ..fixture::context() };
        let how = Recommend { model: snapshot::Model::SessionNeighbours, k: 3 };
        let decision = recommend(profile, snapshot, index, &context, how, "");
        decision.map_or_else(Vec::new, |d| fixture::ids(&d).into_iter().map(str::to_owned).collect())
    }

    fn counts(remembered: &Remembered) -> (u64, u64) {
        (remembered.asked.get(), remembered.found.get())
    }

    // By number: 1 is coffee-1, 2 is coffee-2, 3 is coffee-3, 7 is tea-1, 8 is tea-2.
    const VISITS: [&[Number]; 4] = [&[1, 2], &[1, 2], &[7, 8], &[7, 8]];

    #[test]
    fn the_same_question_is_found_and_a_new_click_is_another_one() {
        let (snapshot, index, memory) = (fixture::snapshot(&[]), index(&VISITS), remembered(64));
        let coffee = looked_at(&["coffee-1"]);
        let first = shown(&coffee, &snapshot, &index, &memory);
        assert_eq!((first[0].as_str(), counts(&memory)), ("coffee-2", (1, 0)));
        assert_eq!((shown(&coffee, &snapshot, &index, &memory), counts(&memory)), (first, (2, 1)));
        let then_tea = shown(&looked_at(&["coffee-1", "tea-1"]), &snapshot, &index, &memory);
        assert_eq!((then_tea[0].as_str(), counts(&memory)), ("tea-2", (3, 1)));
    }

    #[test]
    fn what_was_withdrawn_a_moment_ago_is_not_shown_and_comes_back() {
        let (before, index, memory) = (fixture::snapshot(&[]), index(&VISITS), remembered(64));
        let coffee = looked_at(&["coffee-1"]);
        assert!(shown(&coffee, &before, &index, &memory).contains(&"coffee-2".to_owned()));
        let mut items = before.items.as_ref().clone();
        let changed = items.put([fixture::item("coffee-2", "Coffee", false)]);
        let sold_out = before.with_items(Arc::new(items.clone()), &changed);
        assert!(!shown(&coffee, &sold_out, &index, &memory).contains(&"coffee-2".to_owned()));
        let removed = items.remove("coffee-2").map(|number| vec![number]).unwrap();
        let gone = before.with_items(Arc::new(items), &removed);
        assert!(!shown(&coffee, &gone, &index, &memory).contains(&"coffee-2".to_owned()));
        assert!(shown(&coffee, &before, &index, &memory).contains(&"coffee-2".to_owned()));
        assert_eq!(counts(&memory), (4, 3), "what follows was worked out once");
    }

    #[test]
    fn what_was_learned_since_counts_at_once() {
        let (snapshot, old, memory) = (fixture::snapshot(&[]), index(&VISITS), remembered(64));
        let coffee = looked_at(&["coffee-1"]);
        assert!(!shown(&coffee, &snapshot, &old, &memory).contains(&"coffee-3".to_owned()));
        let learned = old.learned().unwrap().grown(sessions(&[&[1, 3], &[1, 3], &[1, 3]]), &[1, 3]);
        let new = old.clone().grown(&[], learned);
        assert!(shown(&coffee, &snapshot, &new, &memory).contains(&"coffee-3".to_owned()));
        assert!(!shown(&coffee, &snapshot, &old, &memory).contains(&"coffee-3".to_owned()));
    }

    #[test]
    fn of_a_full_set_the_answer_goes_that_was_asked_for_longest_ago() {
        let memory = remembered(WAYS);
        let ask = |clicks: &[Number]| {
            let found = memory.found.get();
            memory.answer(Question { version: 1, model: Model::Blend, moment: 0, clicks }, Vec::new);
            memory.found.get() > found
        };
        let all: Vec<[Number; 1]> = (0..=4).map(|n| [n]).collect();
        assert!(all[..WAYS].iter().all(|clicks| !ask(clicks)));
        assert!(ask(&all[0]), "it is asked for again, so that the second is the oldest now");
        assert!(!ask(&all[4]));
        assert!(ask(&all[0]) && !ask(&all[1]));
    }

    #[test]
    fn memory_is_bounded_and_every_answer_is_to_its_own_question() {
        let (memory, none) = (remembered(64), remembered(0));
        for n in 0..10_000_u32 {
            let (clicks, version) = ([n % 50, n % 7], u64::from(n % 3));
            let question = Question { version, model: Model::Blend, moment: 0, clicks: &clicks };
            let score = (n % (50 * 7 * 3)) as f32;
            let own = Candidate { key: Key::Learned(n % 50), score, evidence: Evidence::Seen };
            assert_eq!(memory.answer(question, || vec![own])[0], own);
            assert_eq!(none.answer(question, || vec![own])[0], own);
        }
        let filled = memory.sets.iter().map(|set| set.lock().unwrap().iter().flatten().count()).sum();
        assert!((1..=64_usize).contains(&filled), "{filled}");
        assert_eq!(counts(&none), (0, 0));
    }
}
