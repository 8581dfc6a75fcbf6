//! Sort keys of candidates as plain integers, which compare in one instruction.

use super::types::Number;

/// Orders candidates by falling score, then by item number, so that the same input gives the same list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RankKey(u128);

impl RankKey {
    /// `position`: index of the candidate in its list.
    pub(super) fn new(score: f32, item: Number, position: u32) -> Self {
        Self(u128::from(descending_bits(score)) << 64 | u128::from(item) << 32 | u128::from(position))
    }

    pub(super) fn score(self) -> f32 {
        let bits = (self.0 >> 64) as u32;
        f32::from_bits(if bits >> 31 == 0 { !bits & WITHOUT_SIGN } else { bits })
    }

    pub(super) fn item(self) -> Number {
        (self.0 >> 32) as u32
    }

    pub(super) fn position(self) -> usize {
        self.0 as u32 as usize
    }
}

const WITHOUT_SIGN: u32 = 0x7fff_ffff;

/// The higher the score, the lower the result.
fn descending_bits(score: f32) -> u32 {
    let bits = score.to_bits();
    if bits >> 31 == 0 { !bits & WITHOUT_SIGN } else { bits }
}

/// Keeps the first `k` keys, sorted.
pub(super) fn top_k(keys: &mut Vec<RankKey>, k: usize) {
    if keys.len() > k {
        keys.select_nth_unstable(k);
        keys.truncate(k);
    }
    keys.sort_unstable();
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keys_sort_by_score_then_item_then_position(
            scores in prop::collection::vec((prop_oneof![-1e9_f32..1e9, -1.0_f32..1.0, Just(0.0), Just(-0.0)], 0_u32..9), 0..60),
            k in 0_usize..70,
        ) {
            let mut keys: Vec<RankKey> = (0..).zip(&scores).map(|(position, (score, item))| RankKey::new(*score, *item, position)).collect();
            top_k(&mut keys, k);
            let mut expected: Vec<(f32, u32, usize)> =
                scores.iter().enumerate().map(|(position, (score, item))| (*score, *item, position)).collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)).then_with(|| a.2.cmp(&b.2)));
            expected.truncate(k);
            let found: Vec<(f32, u32, usize)> = keys.iter().map(|t| (t.score(), t.item(), t.position())).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
