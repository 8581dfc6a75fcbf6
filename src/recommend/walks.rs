//! Where two steps lead: items that nobody has looked at in one visit yet.
//!
//! A short random walk over the rules, in the spirit of personalized `PageRank` (Haveliwala, 2002).

use super::{Number, rules::Rules};

/// For every item where walks from it end, likeliest first.
#[derive(Debug, Default)]
pub(super) struct Walks {
    offsets: Vec<u32>,
    ends: Vec<(Number, f32)>,
}

/// Ends kept of one item.
const ENDS_MAX: usize = 80;
/// Followers that a first and a second step take.
const STEPS: [usize; 2] = [30, 20];

impl Walks {
    pub(super) fn new(rules: &Rules, catalogue: usize) -> Self {
        let mut walks = Self { offsets: vec![0], ends: Vec::new() };
        let mut weight = vec![0.0_f32; catalogue];
        let mut touched: Vec<Number> = Vec::new();
        for item in 0..u32::try_from(catalogue).unwrap_or(u32::MAX) {
            let mut add = |weight: &mut Vec<f32>, to: Number, share: f32| {
                if weight[to as usize] == 0.0 {
                    touched.push(to);
                }
                weight[to as usize] += share;
            };
            for first in rules.of(item).iter().take(STEPS[0]) {
                let share = rules.share(item, first);
                for next in rules.of(first.target).iter().take(STEPS[1]) {
                    add(&mut weight, next.target, share * rules.share(first.target, next));
                }
            }
            let from = walks.ends.len();
            walks.ends.extend(touched.drain(..).filter(|to| *to != item).map(|to| (to, weight[to as usize])));
            for (to, _) in &walks.ends[from..] {
                weight[*to as usize] = 0.0;
            }
            weight[item as usize] = 0.0;
            walks.ends[from..].sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
            walks.ends.truncate(from + ENDS_MAX);
            walks.offsets.push(u32::try_from(walks.ends.len()).unwrap_or(u32::MAX));
        }
        walks
    }

    /// Where walks from an item end.
    pub(super) fn of(&self, item: Number) -> &[(Number, f32)] {
        let at = item as usize;
        if at + 1 >= self.offsets.len() {
            return &[];
        }
        &self.ends[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }
}
