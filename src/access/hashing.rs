//! The queue in front of password hashing, which takes 19 MB and a core for each: bounded, with a lane of its
//! own for people who are known, so that a crowd of guesses keeps none of them waiting.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Semaphore;

use super::AccessError;

/// Hashes of strangers' attempts at one time.
const STRANGERS_AT_ONCE: usize = 2;
/// Those that wait behind them; some seconds' worth.
const STRANGERS_WAITING_MAX: usize = 32;
/// Hashes for people who are known, at one time.
const KNOWN_AT_ONCE: usize = 1;
const KNOWN_WAITING_MAX: usize = 16;
/// When to try again if too many wait, seconds.
const BUSY_SECONDS: u64 = 2;

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Anybody.
    Strangers,
    /// A browser that is known, a user who is logged in, a valid one-time link, the command line.
    Known,
}

/// Both queues.
#[derive(Debug)]
pub struct Hashing {
    strangers: Queue,
    known: Queue,
}

#[derive(Debug)]
struct Queue {
    at_once: Semaphore,
    /// Waiting or under way.
    inside: AtomicUsize,
    inside_max: usize,
}

impl Default for Hashing {
    fn default() -> Self {
        let queue = |at_once, waiting| Queue {
            at_once: Semaphore::new(at_once),
            inside: AtomicUsize::new(0),
            inside_max: at_once + waiting,
        };
        Self {
            strangers: queue(STRANGERS_AT_ONCE, STRANGERS_WAITING_MAX),
            known: queue(KNOWN_AT_ONCE, KNOWN_WAITING_MAX),
        }
    }
}

impl Hashing {
    /// Runs a hash when its turn comes.
    ///
    /// # Errors
    /// When too many wait already, or the hash failed.
    pub async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let queue = match lane {
            Lane::Strangers => &self.strangers,
            Lane::Known => &self.known,
        };
        let _place = Place::take(queue)?;
        let _permit = queue.at_once.acquire().await;
        tokio::task::spawn_blocking(hash).await.map_err(|error| AccessError::Hashing(error.to_string()))
    }
}

/// A place in a queue, given up however the wait ends.
struct Place<'q>(&'q Queue);

impl<'q> Place<'q> {
    fn take(queue: &'q Queue) -> Result<Self, AccessError> {
        let inside = queue.inside.fetch_add(1, Relaxed);
        let place = Self(queue);
        if inside >= queue.inside_max { Err(AccessError::Busy(BUSY_SECONDS)) } else { Ok(place) }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_and_the_lane_of_those_who_are_known_goes_on() {
        let hashing = Arc::new(Hashing::default());
        let (release, gate) = mpsc::sync_channel::<()>(0);
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let mut crowd = tokio::task::JoinSet::new();
        for _ in 0..STRANGERS_AT_ONCE + STRANGERS_WAITING_MAX {
            let (hashing, gate) = (Arc::clone(&hashing), Arc::clone(&gate));
            crowd.spawn(async move {
                hashing.run(Lane::Strangers, move || gate.lock().unwrap().recv().is_err()).await.is_ok()
            });
        }
        while hashing.strangers.inside.load(Relaxed) < hashing.strangers.inside_max {
            tokio::task::yield_now().await;
        }
        assert!(matches!(hashing.run(Lane::Strangers, || ()).await, Err(AccessError::Busy(_))));
        assert_eq!(hashing.run(Lane::Known, || 7).await.unwrap(), 7);
        drop(release);
        assert!(crowd.join_all().await.into_iter().all(|done| done), "those who waited are served");
        assert_eq!(hashing.strangers.inside.load(Relaxed), 0);
    }
}
