//! No I/O. Steps in any order, as a bipartite matching of events to steps.
//!
//! Each event fills one step and each step is filled by one event, so the number of steps filled from an entry is the
//! size of a maximum matching between the steps and the events of its window. Events that match the same `n` steps are
//! interchangeable, and only the first `n` of them can matter; so each entry has few candidates, however many events
//! there are.

use super::types::{FunnelEvent, FunnelPath, Plan, STEPS_MAX};

/// Working memory, kept between visitors.
#[derive(Debug, Default)]
pub(super) struct AnyOrder {
    /// (steps matched, index in the history), sorted: events with the same steps are adjacent, in order of time.
    by_steps: Vec<(u32, usize)>,
    /// Groups of events with the same steps: ranges of `by_steps` that shrink from the left as entries advance.
    groups: Vec<(usize, usize)>,
    candidates: Vec<usize>,
}

impl AnyOrder {
    pub(super) fn run(&mut self, plan: &Plan, history: &[FunnelEvent]) -> Option<FunnelPath> {
        self.group(history);
        let mut best: (usize, usize) = (0, 0);
        let mut excluded_next = 0;
        for (index, &event) in history.iter().enumerate() {
            if event.steps() == 0 || !plan.in_period(event) {
                continue;
            }
            if excluded_next <= index {
                excluded_next = (index + 1..history.len()).find(|i| history[*i].excludes()).unwrap_or(usize::MAX);
            }
            self.collect(plan, history, index, excluded_next);
            let possible = self.candidates.iter().fold(0, |steps, i| steps | history[*i].steps()).count_ones() as usize;
            if possible.min(self.candidates.len()) <= best.0 {
                continue;
            }
            let mut matching = Matching::default();
            let filled = self.candidates.iter().filter(|i| matching.add(history[**i].steps())).count();
            if filled > best.0 {
                best = (filled, index);
            }
            if filled == plan.steps {
                break;
            }
        }
        let (depth, entry) = best;
        (depth > 0).then(|| self.path(plan, history, depth, entry))
    }

    fn group(&mut self, history: &[FunnelEvent]) {
        self.by_steps.clear();
        let indexed = history.iter().enumerate().map(|(index, event)| (event.steps(), index));
        self.by_steps.extend(indexed.filter(|(steps, _)| *steps != 0));
        self.by_steps.sort_unstable();
        self.groups.clear();
        let mut start = 0;
        for group in self.by_steps.chunk_by(|a, b| a.0 == b.0) {
            self.groups.push((start, start + group.len()));
            start += group.len();
        }
    }

    /// Collects the events that may fill steps from the entry at index `entry`, including the entry itself.
    fn collect(&mut self, plan: &Plan, history: &[FunnelEvent], entry: usize, excluded_next: usize) {
        self.candidates.clear();
        for (start, end) in &mut self.groups {
            while *start < *end && self.by_steps[*start].1 < entry {
                *start += 1;
            }
            let group = &self.by_steps[*start..*end];
            let useful = group.first().map_or(0, |(steps, _)| steps.count_ones() as usize);
            let reachable = |i: &usize| *i <= excluded_next && plan.in_window(history[entry], history[*i]);
            self.candidates.extend(group.iter().take(useful).map(|(_, index)| *index).take_while(reachable));
        }
    }

    /// The path from the chosen entry, with the times at which one more step was filled.
    fn path(&mut self, plan: &Plan, history: &[FunnelEvent], depth: usize, entry: usize) -> FunnelPath {
        // The groups may have advanced past this entry, if a later one was tried: rebuild them.
        self.group(history);
        let excluded_next = (entry + 1..history.len()).find(|i| history[*i].excludes()).unwrap_or(usize::MAX);
        self.collect(plan, history, entry, excluded_next);
        self.candidates.sort_unstable();
        let mut matching = Matching::default();
        let filling = self.candidates.iter().copied().filter(|i| matching.add(history[*i].steps()));
        FunnelPath::new(history, filling.take(depth).enumerate())
    }
}

/// A maximum matching of events to steps, extended one event at a time (Kuhn's augmenting paths).
#[derive(Default)]
struct Matching {
    /// For each step, all steps that the event filling it matches; 0 if the step is free.
    filled_by: [u32; STEPS_MAX],
}

impl Matching {
    /// Adds an event that matches `steps`; returns whether one more step is filled.
    fn add(&mut self, steps: u32) -> bool {
        self.augment(steps, &mut 0)
    }

    fn augment(&mut self, steps: u32, seen: &mut u32) -> bool {
        while steps & !*seen != 0 {
            let step = (steps & !*seen).trailing_zeros();
            *seen |= 1 << step;
            let owner = self.filled_by[step as usize];
            if owner == 0 || self.augment(owner, seen) {
                self.filled_by[step as usize] = steps;
                return true;
            }
        }
        false
    }
}
