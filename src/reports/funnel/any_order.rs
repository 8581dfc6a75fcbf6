//! PURE: steps in any order, as a matching of events to steps.
//!
//! Each event fills one step and each step takes one event, so the number of steps filled from an entry
//! is the size of a maximum matching between the steps and the events of its window. Events that match the
//! same steps are alike, and of those that match `n` steps no more than the first `n` can matter; so for
//! each entry a handful of candidates is looked at, however many events there are.

use super::matcher::{Found, Mark, Plan, STEPS_MAX};

/// Working memory, kept between visitors.
#[derive(Debug, Default)]
pub(super) struct AnyOrder {
    /// (steps matched, place), sorted: alike events are neighbours, in order of time.
    alike: Vec<(u32, usize)>,
    /// Groups of alike events, as ranges of `alike` that shrink from the left as entries pass.
    groups: Vec<(usize, usize)>,
    candidates: Vec<usize>,
}

impl AnyOrder {
    pub(super) fn run(&mut self, plan: &Plan, history: &[Mark]) -> Option<Found> {
        self.group(history);
        let mut best: (usize, usize) = (0, 0);
        let mut excluded_next = 0;
        for (place, &mark) in history.iter().enumerate() {
            if mark.steps() == 0 || !plan.in_period(mark) {
                continue;
            }
            if excluded_next <= place {
                excluded_next = (place + 1..history.len()).find(|p| history[*p].excludes()).unwrap_or(usize::MAX);
            }
            self.collect(plan, history, place, excluded_next);
            let possible = self.candidates.iter().fold(0, |steps, p| steps | history[*p].steps()).count_ones() as usize;
            if possible.min(self.candidates.len()) <= best.0 {
                continue;
            }
            let mut matching = Matching::default();
            let filled = self.candidates.iter().filter(|p| matching.add(history[**p].steps())).count();
            if filled > best.0 {
                best = (filled, place);
            }
            if filled == plan.steps {
                break;
            }
        }
        let (depth, entry) = best;
        (depth > 0).then(|| self.path(plan, history, depth, entry))
    }

    fn group(&mut self, history: &[Mark]) {
        self.alike.clear();
        self.alike.extend(history.iter().enumerate().map(|(place, m)| (m.steps(), place)).filter(|(s, _)| *s != 0));
        self.alike.sort_unstable();
        self.groups.clear();
        let mut start = 0;
        for alike in self.alike.chunk_by(|a, b| a.0 == b.0) {
            self.groups.push((start, start + alike.len()));
            start += alike.len();
        }
    }

    /// The events that may fill steps from the entry at `entry`, which is one of them.
    fn collect(&mut self, plan: &Plan, history: &[Mark], entry: usize, excluded_next: usize) {
        self.candidates.clear();
        for (start, end) in &mut self.groups {
            while *start < *end && self.alike[*start].1 < entry {
                *start += 1;
            }
            let alike = &self.alike[*start..*end];
            let useful = alike.first().map_or(0, |(steps, _)| steps.count_ones() as usize);
            let reachable = |p: &usize| *p <= excluded_next && plan.in_window(history[entry], history[*p]);
            self.candidates.extend(alike.iter().take(useful).map(|(_, place)| *place).take_while(reachable));
        }
    }

    /// The times at which one step more was filled, counted from the chosen entry.
    fn path(&mut self, plan: &Plan, history: &[Mark], depth: usize, entry: usize) -> Found {
        // The groups have moved on past this entry only if a later one was tried; begin anew.
        self.group(history);
        let excluded_next = (entry + 1..history.len()).find(|p| history[*p].excludes()).unwrap_or(usize::MAX);
        self.collect(plan, history, entry, excluded_next);
        self.candidates.sort_unstable();
        let mut at = [0; STEPS_MAX];
        let mut matching = Matching::default();
        let filling = self.candidates.iter().filter(|p| matching.add(history[**p].steps()));
        for (at, place) in at.iter_mut().zip(filling) {
            *at = history[*place].at;
        }
        Found { depth, entry, at }
    }
}

/// A maximum matching of events to steps, grown one event at a time (Kuhn's augmenting paths).
#[derive(Default)]
struct Matching {
    /// For each step, the steps that the event filling it could fill; 0 when the step is free.
    filled_by: [u32; STEPS_MAX],
}

impl Matching {
    /// Adds an event that matches `steps`; whether one step more is filled now.
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
