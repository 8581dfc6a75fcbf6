//! Background tasks: each has a name, none outlives a stop, and none fails unseen (`supervisor`).

mod apart;
mod contained;
mod detached;
mod low_priority;
mod supervisor;
mod wake_batch;

use std::{future::Future, time::Duration};

pub use apart::apart;
pub use contained::contained;
pub use detached::Detached;
pub use low_priority::{Lost, run_low_priority};
pub use supervisor::{Ended, Supervision, Tasks, panic_message};
use tokio::{runtime::Handle, sync::watch, task::JoinSet};
pub use wake_batch::{WakerSet, relay};

/// Tells a task when to stop.
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
        // The sender lives as long as `Tasks`; its loss means the service is gone, which is a stop.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }

    /// Sleeps, but wakes at once when stopping begins. True when the sleep was cut short.
    pub async fn sleep(&mut self, time: Duration) -> bool {
        tokio::select! {
            () = tokio::time::sleep(time) => false,
            () = self.wait() => true,
        }
    }
}

/// A piece of work that goes on beside its owner, and is given up with it.
#[derive(Debug)]
pub struct Aside<T>(JoinSet<T>);

impl<T: Send + 'static> Aside<T> {
    /// Starts it on the runtime of whoever calls.
    pub fn begin(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self::begin_on(&Handle::current(), work)
    }

    fn begin_on(runtime: &Handle, work: impl Future<Output = T> + Send + 'static) -> Self {
        let mut running = JoinSet::new();
        running.spawn_on(work, runtime);
        Self(running)
    }

    /// Waits for its end, which is told once. The wait may be given up and begun again.
    pub async fn done(&mut self) -> T {
        match self.0.join_next().await {
            Some(Ok(done)) => done,
            Some(Err(failed)) if failed.is_panic() => std::panic::resume_unwind(failed.into_panic()),
            // The runtime is being shut down; nobody will hear an answer.
            _ => std::future::pending().await,
        }
    }
}

/// Runs a piece of one request's work on another runtime; gone with the request if that is given up.
pub async fn on<T: Send + 'static>(runtime: Handle, work: impl Future<Output = T> + Send + 'static) -> T {
    Aside::begin_on(&runtime, work).done().await
}
