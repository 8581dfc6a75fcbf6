//! Prequential evaluation: the learned data as it would have been served at the time of each held-out visit.
//!
//! If items live for days only, data of last week cannot predict this week; but in production it is seconds old. So
//! the held-out visits are split into stages, and each is predicted from everything that ended before it: the
//! older visits as the large part, earlier held-out ones as the delta (`Fresh`). The large part is shared; a stage
//! costs what its visits touch. If most held-out clicks are on known items, there is one stage: a blend trained with
//! data that is days old also ranks well with recent data, while the reverse works less well.

use std::sync::Arc;

use super::{learned::Learned, sessions::Sessions, tuned::Tuned, types::Number};

/// Stages of the held-out visits, less than a day each for a sixth of three months.
const STAGES_MAX: usize = 20;
/// Share of held-out clicks on new items from which there are several stages.
const NEW_MIN: f32 = 0.5;
/// Minimum visits of a stage.
const VISITS_MIN: usize = 20;

/// The data learned before each stage.
pub(super) struct Stages {
    /// The first visit of each stage, and the data before it.
    stages: Vec<(u32, Learned)>,
}

impl Stages {
    /// Learns from the visits before `from`, then stage by stage from the later ones. `progress` receives 0 to 1.
    pub(super) fn new(sessions: &Sessions, from: usize, tuned: &Arc<Tuned>, progress: &mut dyn FnMut(f32)) -> Self {
        let held_out = sessions.len() - from;
        let several = share_of_new(sessions, from) >= NEW_MIN;
        let count = if several { (held_out / VISITS_MIN).clamp(1, STAGES_MAX) } else { 1 };
        let mut learned = Learned::new(sessions.between(0, from), tuned);
        let mut learned_before = vec![(as_number(from), learned.clone())];
        let mut before = from;
        for stage in 1..count {
            let start = from + held_out * stage / count;
            let mut changed: Vec<Number> =
                (before..start).flat_map(|visit| sessions.items(as_number(visit)).iter().copied()).collect();
            changed.sort_unstable();
            changed.dedup();
            learned = learned.grown(sessions.between(from, start), &changed);
            learned_before.push((as_number(start), learned.clone()));
            before = start;
            progress(stage as f32 / count as f32);
        }
        Self { stages: learned_before }
    }

    /// The data before the stage of a held-out visit.
    pub(super) fn before(&self, visit: u32) -> &Learned {
        let next = self.stages.partition_point(|(start, _)| *start <= visit);
        &self.stages[next.saturating_sub(1)].1
    }

    /// Applies tuning; rules and popularity stay as they were learned.
    pub(super) fn set(&mut self, tuned: &Arc<Tuned>) {
        self.stages.iter_mut().for_each(|(_, learned)| learned.set(tuned));
    }
}

/// Share of the clicks from visit `from` on whose items are in no earlier visit.
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
    fn each_stage_knows_earlier_visits_and_no_later_ones() {
        let mut sessions = Sessions::empty(0);
        for visit in 0..1000_u32 {
            // Each visit has its own item, which shows whether the visit is known.
            sessions.push([visit, visit].into_iter(), i64::from(visit) * 60_000, visit);
        }
        let stages = Stages::new(&sessions, 850, &Arc::default(), &mut |_| ());
        assert_eq!(stages.stages.len(), 7, "at least twenty visits each");
        for visit in 850..1000 {
            let learned = stages.before(visit);
            let knows = |item: u32| learned.popularity.get(item).visits > 0.0;
            let newest = (0..1000).filter(|item| knows(*item)).max().unwrap();
            assert!(newest < visit && newest + 25 >= visit && knows(0), "visit {visit} knows up to {newest}");
        }
    }

    #[test]
    fn there_is_one_stage_if_hardly_anything_is_new() {
        let mut sessions = Sessions::empty(0);
        (0..1000_u32).for_each(|n| sessions.push([n % 50, n % 7].into_iter(), i64::from(n) * 60_000, n));
        let stages = Stages::new(&sessions, 850, &Arc::default(), &mut |_| ());
        assert_eq!(stages.stages.len(), 1);
        assert!((share_of_new(&sessions, 20) - 0.31).abs() < 0.02, "{}", share_of_new(&sessions, 20));
    }
}
