//! Age of the oldest undelivered event, from observations of the journal's end once per second.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::model::Position;

/// Maximum number of observations; when exceeded, every other one is dropped.
const OBSERVATIONS_MAX: usize = 4096;

/// Positions of the journal's end by time.
#[derive(Debug, Default)]
pub(super) struct UndeliveredAge {
    observations: VecDeque<(Position, Instant)>,
}

impl UndeliveredAge {
    /// Records the journal's current end, and drops observations of delivered records.
    pub(super) fn observe(&mut self, next: Position, delivered: Position, now: Instant) {
        while self.observations.front().is_some_and(|(end, _)| *end <= delivered) {
            self.observations.pop_front();
        }
        if next > delivered && self.observations.back().is_none_or(|(end, _)| *end < next) {
            self.observations.push_back((next, now));
        }
        if self.observations.len() > OBSERVATIONS_MAX {
            // The first observation determines the age and must be kept.
            let mut at = 0;
            self.observations.retain(|_| {
                at += 1;
                at % 2 == 1
            });
        }
    }

    /// Returns how long the record at `delivered` has been waiting, accurate to a second, at most since the start.
    pub(super) fn get(&self, delivered: Position, now: Instant) -> Duration {
        let oldest = self.observations.iter().find(|(end, _)| *end > delivered);
        oldest.map_or(Duration::ZERO, |(_, observed_at)| now.saturating_duration_since(*observed_at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_that_of_the_first_undelivered_record() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut age = UndeliveredAge::default();
        assert_eq!(age.get(Position(0), start), Duration::ZERO);
        age.observe(Position(10), Position(0), start);
        age.observe(Position(10), Position(0), after(1));
        age.observe(Position(25), Position(0), after(2));
        assert_eq!(age.get(Position(0), after(5)), Duration::from_secs(5));
        assert_eq!(age.get(Position(10), after(5)), Duration::from_secs(3));
        age.observe(Position(25), Position(25), after(6));
        assert_eq!(age.get(Position(25), after(9)), Duration::ZERO);
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_is_kept() {
        let start = Instant::now();
        let mut age = UndeliveredAge::default();
        for second in 0..100_000 {
            age.observe(Position(second + 1), Position(0), start + Duration::from_secs(second));
        }
        assert!(age.observations.len() <= OBSERVATIONS_MAX);
        assert_eq!(age.get(Position(0), start + Duration::from_secs(100_000)), Duration::from_secs(100_000));
    }
}
