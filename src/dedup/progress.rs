//! Tracks up to which journal position all keys are known, when positions complete in any order.

use std::{collections::BTreeMap, ops::Range};

use crate::model::Position;

/// All positions below `complete` are done; some beyond it are too.
#[derive(Debug, Default)]
pub(super) struct Progress {
    complete: Position,
    /// Completed ranges beyond `complete`, merged: start to end.
    ahead: BTreeMap<Position, Position>,
}

impl Progress {
    pub(super) fn from(complete: Position) -> Self {
        Self { complete, ahead: BTreeMap::new() }
    }

    pub(super) fn complete(&self) -> Position {
        self.complete
    }

    pub(super) fn mark(&mut self, mut range: Range<Position>) {
        if range.end <= self.complete {
            return;
        }
        if range.start > self.complete {
            if let Some((&start, &end)) = self.ahead.range(..=range.start).next_back()
                && end >= range.start
            {
                range = start..end.max(range.end);
            }
            while let Some((&start, &end)) = self.ahead.range(range.start..=range.end).next() {
                range.end = range.end.max(end);
                self.ahead.remove(&start);
            }
            self.ahead.insert(range.start, range.end);
            return;
        }
        self.complete = range.end;
        while let Some(entry) = self.ahead.first_entry().filter(|entry| *entry.key() <= self.complete) {
            self.complete = self.complete.max(entry.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn complete_is_the_first_position_that_is_not_done(
            ranges in prop::collection::vec((0..60_u64, 0..9_u64), 0..40),
        ) {
            let mut progress = Progress::default();
            let mut done = [false; 80];
            for (start, length) in ranges {
                progress.mark(Position(start)..Position(start + length));
                (start..start + length).for_each(|p| done[usize::try_from(p).unwrap()] = true);
                let first = done.iter().position(|s| !s).unwrap() as u64;
                prop_assert_eq!(progress.complete().0, first);
            }
        }
    }
}
