//! The order in which candidates have their turn.

use std::{cmp::Ordering, collections::BinaryHeap, slice};

use super::candidates::Candidate;

/// Candidates one after the other, the best first.
pub(super) enum Turns<'c> {
    /// As they are: what ranks whole visits has them in their order already.
    InOrder(slice::Iter<'c, Candidate>),
    /// The best of those left, each time anew: few of many have a turn.
    Heaped(BinaryHeap<Turn>),
}

impl<'c> Turns<'c> {
    pub(super) fn of(candidates: &'c [Candidate]) -> Self {
        if candidates.is_sorted_by(|a, b| Turn(*a) >= Turn(*b)) {
            return Self::InOrder(candidates.iter());
        }
        candidates.iter().copied().collect()
    }
}

impl FromIterator<Candidate> for Turns<'_> {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        Self::Heaped(candidates.into_iter().map(Turn).collect())
    }
}

impl Iterator for Turns<'_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        match self {
            Self::InOrder(candidates) => candidates.next().copied(),
            Self::Heaped(heap) => heap.pop().map(|Turn(candidate)| candidate),
        }
    }
}

/// A candidate in the order in which candidates have their turn.
pub(super) struct Turn(Candidate);

impl Ord for Turn {
    /// Higher score first; equal ones by key, so that the same input gives the same answer.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.key.cmp(&self.0.key))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}
