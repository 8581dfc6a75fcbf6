//! What was known when: the index as it would have served while the held out visits were made.
//!
//! A shop whose items live for days has nothing to say about next week; but in service its index is
//! seconds old. So the held out visits are cut into stretches, and each is predicted by what was learned
//! from everything that ended before it: the old visits as the large part, those held out so far beside
//! it, in the form that serves them (`Fresh`). The large part is there once; a stage costs what its
//! visits touch. Where most of what is held out is of items known before there is one stretch: a blend
//! taught by an index that is days old ranks well by a young one too, the other way round it does less well.

use std::sync::Arc;

use super::{Learned, Number, Sessions, Tuned};

/// Stretches of the held out visits. With more of them the index would be younger: a sixth of three months
/// is cut into pieces of less than a day.
const STAGES: usize = 20;
/// Share of the held out clicks on items that nobody had looked at before, from which on there are several.
const NEW_MIN: f32 = 0.5;
/// A stretch has at least so many visits.
const VISITS_MIN: usize = 20;

/// What was learned before each stretch.
pub(super) struct Stages {
    /// The first visit of each stretch, and what is known before it.
    known: Vec<(u32, Learned)>,
}

impl Stages {
    /// Learns from the visits before `from`, and step by step from those after it.
    pub(super) fn new(sessions: &Sessions, from: usize, tuned: &Arc<Tuned>, tell: &mut dyn FnMut(f32)) -> Self {
        let held_out = sessions.len() - from;
        let several = share_of_new(sessions, from) >= NEW_MIN;
        let stages = if several { (held_out / VISITS_MIN).clamp(1, STAGES) } else { 1 };
        let mut learned = Learned::new(sessions.between(0, from), tuned);
        let mut known = vec![(as_number(from), learned.clone())];
        let mut before = from;
        for stage in 1..stages {
            let start = from + held_out * stage / stages;
            let mut changed: Vec<Number> =
                (before..start).flat_map(|visit| sessions.items(as_number(visit)).iter().copied()).collect();
            changed.sort_unstable();
            changed.dedup();
            learned = learned.grown(sessions.between(from, start), &changed);
            known.push((as_number(start), learned.clone()));
            before = start;
            tell(stage as f32 / stages as f32);
        }
        Self { known }
    }

    /// What was known when a held out visit was made.
    pub(super) fn before(&self, visit: u32) -> &Learned {
        let place = self.known.partition_point(|(start, _)| *start <= visit);
        &self.known[place.saturating_sub(1)].1
    }

    /// Takes what was tuned; rules and popularity stay as they were learned.
    pub(super) fn set(&mut self, tuned: &Arc<Tuned>) {
        self.known.iter_mut().for_each(|(_, learned)| learned.set(tuned));
    }
}

/// Share of the clicks from a visit on that are on items of none before it.
fn share_of_new(sessions: &Sessions, from: usize) -> f32 {
    let mut known = vec![false; sessions.catalogue()];
    for item in (0..from).flat_map(|visit| sessions.items(as_number(visit))) {
        known[*item as usize] = true;
    }
    let held_out = || (from..sessions.len()).flat_map(|visit| sessions.items(as_number(visit)));
    let new = held_out().filter(|item| !known[**item as usize]).count();
    new as f32 / held_out().count().max(1) as f32
}

fn as_number(visit: usize) -> u32 {
    u32::try_from(visit).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stretch_knows_what_ended_before_it_and_nothing_later() {
        let mut sessions = Sessions::empty(0);
        for visit in 0..1000_u32 {
            // An item of its own for each visit, so that what is known tells of whom.
            sessions.push([visit, visit].into_iter(), i64::from(visit) * 60_000, visit);
        }
        let stages = Stages::new(&sessions, 850, &Arc::default(), &mut |_| ());
        assert_eq!(stages.known.len(), 7, "a stretch of twenty visits at least");
        for visit in 850..1000 {
            let learned = stages.before(visit);
            let knows = |item: u32| learned.popular.of(item).visits > 0.0;
            let newest = (0..1000).filter(|item| knows(*item)).max().unwrap();
            assert!(newest < visit && newest + 25 >= visit && knows(0), "visit {visit} knows up to {newest}");
        }
    }

    #[test]
    fn where_hardly_anything_is_new_there_is_one_stretch() {
        let mut sessions = Sessions::empty(0);
        (0..1000_u32).for_each(|n| sessions.push([n % 50, n % 7].into_iter(), i64::from(n) * 60_000, n));
        let stages = Stages::new(&sessions, 850, &Arc::default(), &mut |_| ());
        assert_eq!(stages.known.len(), 1);
        assert!((share_of_new(&sessions, 20) - 0.31).abs() < 0.02, "{}", share_of_new(&sessions, 20));
    }
}
