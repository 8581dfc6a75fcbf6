//! The order of an answer, told by whole numbers: to compare two of those takes one instruction.

use super::Number;

/// A candidate's turn: the higher its score the earlier; of equal ones that with the lower number, so that the
/// same input gives the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RankKey(u128);

impl RankKey {
    /// Of the candidate at a place.
    pub(super) fn new(score: f32, item: Number, place: u32) -> Self {
        Self(u128::from(falling(score)) << 64 | u128::from(item) << 32 | u128::from(place))
    }

    pub(super) fn score(self) -> f32 {
        let falling = (self.0 >> 64) as u32;
        f32::from_bits(if falling >> 31 == 0 { !falling & SIGNLESS } else { falling })
    }

    pub(super) fn item(self) -> Number {
        (self.0 >> 32) as u32
    }

    pub(super) fn place(self) -> usize {
        self.0 as u32 as usize
    }
}

const SIGNLESS: u32 = 0x7fff_ffff;

/// A number that is the lower the higher the score is.
fn falling(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits >> 31 == 0 { !bits & SIGNLESS } else { bits }
}

/// Leaves the first `k` turns, in their order.
pub(super) fn first(turns: &mut Vec<RankKey>, k: usize) {
    if turns.len() > k {
        turns.select_nth_unstable(k);
        turns.truncate(k);
    }
    turns.sort_unstable();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn turns_are_those_of_scores_and_numbers(
            scores in prop::collection::vec((prop_oneof![-1e9_f32..1e9, -1.0_f32..1.0, Just(0.0), Just(-0.0)], 0_u32..9), 0..60),
            k in 0_usize..70,
        ) {
            let mut turns: Vec<RankKey> = (0..).zip(&scores).map(|(place, (score, item))| RankKey::new(*score, *item, place)).collect();
            first(&mut turns, k);
            let mut expected: Vec<(f32, u32, usize)> =
                scores.iter().enumerate().map(|(place, (score, item))| (*score, *item, place)).collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)).then_with(|| a.2.cmp(&b.2)));
            expected.truncate(k);
            let found: Vec<(f32, u32, usize)> = turns.iter().map(|t| (t.score(), t.item(), t.place())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
