//! Two-step random walks over the rules, which also reach items never viewed in the same visit.
//!
//! Inspired by personalized `PageRank` (Haveliwala, 2002).

use super::{
    rules::{Followers, Rules},
    types::Number,
};

/// For every item the ends of walks from it, most probable first.
#[derive(Debug, Default)]
pub(super) struct TwoHop {
    offsets: Vec<u32>,
    ends: Vec<(Number, f32)>,
}

/// Ends kept for one item.
const ENDS_MAX: usize = 80;
/// Followers that the first and the second step visit.
const STEPS: [usize; 2] = [30, 20];

impl TwoHop {
    pub(super) fn new(rules: &Rules, catalogue: usize) -> Self {
        let mut walks = Self { offsets: vec![0], ends: Vec::new() };
        let mut walker = Walker::new(catalogue);
        for item in 0..u32::try_from(catalogue).unwrap_or(u32::MAX) {
            walker.walk(item, |from| rules.followers(from), &mut walks.ends);
            walks.offsets.push(u32::try_from(walks.ends.len()).unwrap_or(u32::MAX));
        }
        walks
    }

    /// The ends of walks from an item, with their probabilities.
    pub(super) fn ends(&self, item: Number) -> &[(Number, f32)] {
        let at = item as usize;
        if at + 1 >= self.offsets.len() {
            return &[];
        }
        &self.ends[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }
}

/// Computes walks from one item; the buffers are reused for the next.
pub(super) struct Walker {
    weight: Vec<f32>,
    touched: Vec<Number>,
}

impl Walker {
    pub(super) fn new(catalogue: usize) -> Self {
        Self { weight: vec![0.0; catalogue], touched: Vec::new() }
    }

    /// Appends the ends of walks from an item to `ends`, most probable first.
    pub(super) fn walk<'r>(
        &mut self,
        item: Number,
        followers: impl Fn(Number) -> Followers<'r>,
        ends: &mut Vec<(Number, f32)>,
    ) {
        let start = followers(item);
        for first in start.list.iter().take(STEPS[0]) {
            let share = start.share(first);
            let onward = followers(first.target);
            for next in onward.list.iter().take(STEPS[1]) {
                self.add(next.target, share * onward.share(next));
            }
        }
        let from = ends.len();
        let Self { weight, touched } = self;
        ends.extend(touched.drain(..).filter(|to| *to != item).map(|to| (to, weight[to as usize])));
        for (to, _) in &ends[from..] {
            weight[*to as usize] = 0.0;
        }
        weight[item as usize] = 0.0;
        ends[from..].sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        ends.truncate(from + ENDS_MAX);
    }

    fn add(&mut self, to: Number, share: f32) {
        let weight = &mut self.weight[to as usize];
        if *weight == 0.0 {
            self.touched.push(to);
        }
        *weight += share;
    }
}
