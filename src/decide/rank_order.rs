//! The order in which candidates have their turn.

use std::{cmp::Ordering, collections::BinaryHeap, slice};

use super::candidates::Candidate;

/// Candidates one after the other, the best first.
pub(super) enum RankOrder<'c> {
    /// As they are: what ranks whole visits has them in their order already.
    InOrder(slice::Iter<'c, Candidate>),
    /// The best of those left, each time anew: few of many have a turn.
    Heaped(BinaryHeap<RankKey>),
}

impl<'c> RankOrder<'c> {
    pub(super) fn of(candidates: &'c [Candidate]) -> Self {
        if candidates.is_sorted_by(|a, b| RankKey(*a) >= RankKey(*b)) {
            return Self::InOrder(candidates.iter());
        }
        candidates.iter().copied().collect()
    }
}

impl FromIterator<Candidate> for RankOrder<'_> {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        Self::Heaped(candidates.into_iter().map(RankKey).collect())
    }
}

impl Iterator for RankOrder<'_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        match self {
            Self::InOrder(candidates) => candidates.next().copied(),
            Self::Heaped(heap) => heap.pop().map(|RankKey(candidate)| candidate),
        }
    }
}

/// A candidate in the order in which candidates have their turn.
pub(super) struct RankKey(Candidate);

impl Ord for RankKey {
    /// Higher score first; equal ones by key, so that the same input gives the same answer.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.key.cmp(&self.0.key))
    }
}

impl PartialOrd for RankKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RankKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for RankKey {}
