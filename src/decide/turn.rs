//! The order in which candidates have their turn.

use std::cmp::Ordering;

use super::candidates::Candidate;

/// A candidate in the order in which candidates have their turn.
pub(super) struct Turn(pub(super) Candidate);

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
