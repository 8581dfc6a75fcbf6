//! Background tasks: each has a name, ends when the service stops, and does not fail unnoticed (`supervision`).

mod catch_panic;
mod low_priority;
mod non_cancellable;
mod supervision;
mod wake_batch;

use std::{future::Future, time::Duration};

pub use catch_panic::{catch_panic, panic_message};
pub use low_priority::{WorkLost, run_low_priority, run_request_low_priority};
pub use non_cancellable::NonCancellable;
pub use supervision::{Supervision, TaskExit, Tasks};
use tokio::{runtime::Handle, sync::watch, task::JoinSet};
pub use wake_batch::{WakerSet, run_wake_batcher};

/// Signals a task to stop.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Whether stopping has begun.
    #[must_use]
    pub fn begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until stopping begins.
    pub async fn wait(&mut self) {
        // The sender lives as long as `Tasks`; without it the service has stopped.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// Sleeps, but returns at once when stopping begins; true in that case.
    pub async fn sleep(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            () = self.wait() => true,
        }
    }
}

/// A spawned task that is aborted when this is dropped.
#[derive(Debug)]
pub struct AbortOnDrop<T>(JoinSet<T>);

impl<T: Send + 'static> AbortOnDrop<T> {
    /// Spawns a task on the caller's runtime.
    pub fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self::spawn_on(&Handle::current(), work)
    }

    fn spawn_on(runtime: &Handle, work: impl Future<Output = T> + Send + 'static) -> Self {
        let mut running = JoinSet::new();
        running.spawn_on(work, runtime);
        Self(running)
    }

    /// Waits for the result, which is returned once. Cancel safe. A panic of the task continues here.
    pub async fn join(&mut self) -> T {
        match self.0.join_next().await {
            Some(Ok(result)) => result,
            Some(Err(failed)) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            // The runtime is shutting down: there will be no result.
            _ => std::future::pending().await,
        }
    }
}

/// Runs part of a request on another runtime; it is aborted if the returned future is dropped.
pub async fn run_on<T: Send + 'static>(runtime: Handle, work: impl Future<Output = T> + Send + 'static) -> T {
    AbortOnDrop::spawn_on(&runtime, work).join().await
}
