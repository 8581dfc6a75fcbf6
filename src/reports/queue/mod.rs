//! Whose question the warehouse works on next.
//!
//! So many questions run at a time and so many wait; beyond that a question is refused at once, and one that waited
//! too long is refused then. Askers take turns: however many questions one has waiting, the next place is another
//! asker's, and one asker alone never has every place. Places and turns are given back when they are dropped.

mod state;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use state::State;

use crate::telemetry::ReportMetrics;

/// Who asks: each has turns of its own.
pub type Asker = Arc<str>;

/// What a queue holds.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Questions that run at a time.
    pub running_max: usize,
    /// Questions that wait.
    pub waiting_max: usize,
    /// How long each may wait.
    pub wait_max: Duration,
}

/// Why a question was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("busy: {ahead} questions are ahead of this one; ask again in {} s", .retry_after.as_secs())]
pub struct Busy {
    /// Questions that run or wait before it.
    pub ahead: usize,
    /// When it is worth asking again.
    pub retry_after: Duration,
}

/// A queue in front of the warehouse. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    metrics: ReportMetrics,
    state: Mutex<State<Place>>,
}

/// A question that runs; its place is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    queue: Arc<Shared>,
    asker: Asker,
    begun: Instant,
    /// Places given up to this one, and whether others were in use then.
    given: u64,
    had_company: bool,
}

/// A question that waits; it leaves the queue when this is dropped.
struct Waits<'a> {
    queue: &'a Shared,
    asker: &'a Asker,
    number: u64,
}

const RETRY_SECONDS_MAX: f64 = 60.0;

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(limits: Limits, metrics: ReportMetrics) -> Self {
        let limits = Limits { running_max: limits.running_max.max(1), ..limits };
        Self(Arc::new(Shared { limits, metrics, state: Mutex::default() }))
    }

    /// Waits for a place. A wait that is given up leaves the queue.
    ///
    /// # Errors
    /// When too many wait already, or no place is free in time.
    pub async fn enter(&self, asker: &Asker) -> Result<Place, Busy> {
        let queue = &self.0;
        let (number, place) = {
            let mut state = queue.state();
            if state.has_place_for(asker, &queue.limits) {
                return Ok(queue.give(&mut state, asker));
            }
            match state.wait(asker, &queue.limits) {
                Some(waiting) => waiting,
                None => return Err(queue.refuse(&state, u64::MAX, "queue_full")),
            }
        };
        queue.metrics.waiting.inc();
        let waits = Waits { queue, asker, number };
        if let Ok(Ok(place)) = tokio::time::timeout(queue.limits.wait_max, place).await {
            return Ok(place);
        }
        let busy = queue.refuse(&queue.state(), waits.number, "waited_too_long");
        Err(busy)
    }
}

impl Shared {
    /// A count is whole between any two steps.
    fn state(&self) -> MutexGuard<'_, State<Place>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give(self: &Arc<Self>, state: &mut State<Place>, asker: &Asker) -> Place {
        let had_company = state.running() > 0;
        let given = state.give(asker);
        self.metrics.running.inc();
        Place { queue: Arc::clone(self), asker: Arc::clone(asker), begun: Instant::now(), given, had_company }
    }

    fn refuse(&self, state: &State<Place>, number: u64, reason: &'static str) -> Busy {
        self.metrics.refuse(reason);
        let ahead = state.ahead_of(number);
        let rounds = (ahead as f64 / self.limits.running_max as f64).max(1.0);
        let seconds = (state.usual_seconds() * rounds).ceil().clamp(1.0, RETRY_SECONDS_MAX);
        Busy { ahead, retry_after: Duration::from_secs_f64(seconds) }
    }
}

impl Place {
    /// Whether other questions ran at any time while this one did.
    #[must_use]
    pub fn had_company(&self) -> bool {
        self.had_company || self.queue.state().given() > self.given
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let queue = &self.queue;
        queue.metrics.running.dec();
        // A place that is no longer waited for comes back at once: it must not find the state locked.
        let mut given = Vec::new();
        {
            let mut state = queue.state();
            state.take_back(&self.asker, self.begun.elapsed());
            while let Some((asker, waiting)) = state.next(&queue.limits) {
                given.push((waiting, queue.give(&mut state, &asker)));
            }
        }
        for (waiting, place) in given {
            let _ = waiting.send(place);
        }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.queue.metrics.waiting.dec();
        self.queue.state().leave(self.asker, self.number);
    }
}
