//! Bounded queues for password hashing, which takes 19 MB and a core each: a separate one for trusted requests, so that a
//! flood of guesses does not delay them.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Semaphore;

use super::AccessError;

/// Concurrent hashes of untrusted requests.
const UNTRUSTED_CONCURRENT: usize = 2;
/// Untrusted requests that wait; some seconds' worth.
const UNTRUSTED_WAITING_MAX: usize = 32;
/// Concurrent hashes of trusted requests.
const TRUSTED_CONCURRENT: usize = 1;
const TRUSTED_WAITING_MAX: usize = 16;
/// Retry delay if the queue is full, seconds.
const BUSY_SECONDS: u64 = 2;

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// Any request.
    Untrusted,
    /// A known device, a logged-in user, a valid one-time link, the command line.
    Trusted,
}

/// Both queues.
#[derive(Debug)]
pub struct HashQueues {
    untrusted: BoundedQueue,
    trusted: BoundedQueue,
}

#[derive(Debug)]
struct BoundedQueue {
    permits: Semaphore,
    /// Requests that wait or run.
    length: AtomicUsize,
    length_max: usize,
}

impl Default for HashQueues {
    fn default() -> Self {
        let queue = |concurrent, waiting| BoundedQueue {
            permits: Semaphore::new(concurrent),
            length: AtomicUsize::new(0),
            length_max: concurrent + waiting,
        };
        Self {
            untrusted: queue(UNTRUSTED_CONCURRENT, UNTRUSTED_WAITING_MAX),
            trusted: queue(TRUSTED_CONCURRENT, TRUSTED_WAITING_MAX),
        }
    }
}

impl HashQueues {
    /// Runs a hash on a blocking thread when a permit is free.
    ///
    /// # Errors
    /// When the queue is full, or the hash panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        queue: Queue,
        hash: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, AccessError> {
        let queue = match queue {
            Queue::Untrusted => &self.untrusted,
            Queue::Trusted => &self.trusted,
        };
        let _slot = QueueSlot::enter(queue)?;
        let _permit = queue.permits.acquire().await;
        tokio::task::spawn_blocking(hash).await.map_err(|error| AccessError::Hashing(error.to_string()))
    }
}

/// A slot in a queue, freed when dropped.
struct QueueSlot<'q>(&'q BoundedQueue);

impl<'q> QueueSlot<'q> {
    fn enter(queue: &'q BoundedQueue) -> Result<Self, AccessError> {
        let length = queue.length.fetch_add(1, Relaxed);
        let slot = Self(queue);
        if length >= queue.length_max { Err(AccessError::Busy(BUSY_SECONDS)) } else { Ok(slot) }
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.length.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, mpsc};

    use super::*;

    #[tokio::test]
    async fn a_full_queue_refuses_and_the_trusted_queue_still_runs() {
        let queues = Arc::new(HashQueues::default());
        let (release, gate) = mpsc::sync_channel::<()>(0);
        let gate = Arc::new(parking_lot::Mutex::new(gate));
        let mut requests = tokio::task::JoinSet::new();
        for _ in 0..UNTRUSTED_CONCURRENT + UNTRUSTED_WAITING_MAX {
            let (queues, gate) = (Arc::clone(&queues), Arc::clone(&gate));
            requests
                .spawn(async move { queues.run(Queue::Untrusted, move || gate.lock().recv().is_err()).await.is_ok() });
        }
        while queues.untrusted.length.load(Relaxed) < queues.untrusted.length_max {
            tokio::task::yield_now().await;
        }
        assert!(matches!(queues.run(Queue::Untrusted, || ()).await, Err(AccessError::Busy(_))));
        assert_eq!(queues.run(Queue::Trusted, || 7).await.unwrap(), 7);
        drop(release);
        assert!(requests.join_all().await.into_iter().all(|done| done), "queued requests are served");
        assert_eq!(queues.untrusted.length.load(Relaxed), 0);
    }
}
