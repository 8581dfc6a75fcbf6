//! How long the oldest event that the warehouse lacks has been waiting, from a look at the journal each second.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::model::Position;

/// Looks that are kept: over an hour exactly, over days by the minute.
const LOOKS_MAX: usize = 4096;

/// Where the journal ended at which moment.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    looks: VecDeque<(Position, Instant)>,
}

impl Waiting {
    /// Notes where the journal ends now, and forgets what is delivered.
    pub(super) fn note(&mut self, next: Position, delivered: Position, now: Instant) {
        while self.looks.front().is_some_and(|(end, _)| *end <= delivered) {
            self.looks.pop_front();
        }
        if next > delivered && self.looks.back().is_none_or(|(end, _)| *end < next) {
            self.looks.push_back((next, now));
        }
        if self.looks.len() > LOOKS_MAX {
            // The first one tells the age; of the others every second is enough.
            let mut at = 0;
            self.looks.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
    }

    /// How long the record at `delivered` has been waiting; within a second, and since the start at most.
    pub(super) fn age(&self, delivered: Position, now: Instant) -> Duration {
        let oldest = self.looks.iter().find(|(end, _)| *end > delivered);
        oldest.map_or(Duration::ZERO, |(_, seen)| now.saturating_duration_since(*seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_first_undelivered_record() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let mut waiting = Waiting::default();
        assert_eq!(waiting.age(Position(0), begun), Duration::ZERO);
        waiting.note(Position(10), Position(0), begun);
        waiting.note(Position(10), Position(0), after(1));
        waiting.note(Position(25), Position(0), after(2));
        assert_eq!(waiting.age(Position(0), after(5)), Duration::from_secs(5));
        assert_eq!(waiting.age(Position(10), after(5)), Duration::from_secs(3));
        waiting.note(Position(25), Position(25), after(6));
        assert_eq!(waiting.age(Position(25), after(9)), Duration::ZERO);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_kept() {
        let begun = Instant::now();
        let mut waiting = Waiting::default();
        for second in 0..100_000 {
            waiting.note(Position(second + 1), Position(0), begun + Duration::from_secs(second));
        }
        assert!(waiting.looks.len() <= LOOKS_MAX);
        assert_eq!(waiting.age(Position(0), begun + Duration::from_secs(100_000)), Duration::from_secs(100_000));
    }
}
