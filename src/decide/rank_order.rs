//! Candidates in rank order.

use std::{cmp::Ordering, collections::BinaryHeap, slice};

use super::types::Candidate;

/// Iterates over candidates, the best first.
pub(super) enum RankOrder<'c> {
    /// Already sorted, as by the models of whole visits.
    Sorted(slice::Iter<'c, Candidate>),
    /// A heap, since only few of many are taken.
    Heap(BinaryHeap<HeapEntry>),
}

impl<'c> RankOrder<'c> {
    pub(super) fn new(candidates: &'c [Candidate]) -> Self {
        if candidates.is_sorted_by(|a, b| HeapEntry(*a) >= HeapEntry(*b)) {
            return Self::Sorted(candidates.iter());
        }
        candidates.iter().copied().collect()
    }
}

impl FromIterator<Candidate> for RankOrder<'_> {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        Self::Heap(candidates.into_iter().map(HeapEntry).collect())
    }
}

impl Iterator for RankOrder<'_> {
    type Item = Candidate;

    fn next(&mut self) -> Option<Candidate> {
        match self {
            Self::Sorted(candidates) => candidates.next().copied(),
            Self::Heap(heap) => heap.pop().map(|HeapEntry(candidate)| candidate),
        }
    }
}

/// A candidate, ordered by rank.
pub(super) struct HeapEntry(Candidate);

impl Ord for HeapEntry {
    /// By score, then by key, so that the same input gives the same order.
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.score.total_cmp(&other.0.score).then_with(|| other.0.key.cmp(&self.0.key))
    }
}

impl PartialOrd for HeapEntry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for HeapEntry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for HeapEntry {}
