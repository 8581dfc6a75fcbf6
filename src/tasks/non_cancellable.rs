//! Work that is finished once started, even if its caller is cancelled.
//!
//! A request is cancelled when its client disconnects. A change of stored data must not stop halfway then: it runs in
//! its own task, and the request only waits for the result.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use super::{
    catch_panic::panic_message,
    supervision::{Supervision, TaskExit},
};

/// Runs such work and counts how much of it is running. Cheap to clone.
#[derive(Debug, Clone)]
pub struct NonCancellable {
    runtime: Handle,
    running: watch::Sender<usize>,
    supervision: Supervision,
}

/// Counts one running piece of work until it is dropped.
struct RunningGuard(watch::Sender<usize>);

impl RunningGuard {
    fn new(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for RunningGuard {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl NonCancellable {
    /// Runs its work on the caller's runtime.
    #[must_use]
    pub fn new(supervision: &Supervision) -> Self {
        Self { runtime: Handle::current(), running: watch::Sender::new(0), supervision: supervision.clone() }
    }

    /// Runs `work` to its end and waits for it; dropping the returned future does not cancel the work. A panic in it is
    /// counted as a failure of `name` and continues in the caller.
    pub async fn run<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (sender, receiver) = oneshot::channel();
        let (guard, supervision) = (RunningGuard::new(&self.running), self.supervision.clone());
        drop(self.runtime.spawn(async move {
            let result = AssertUnwindSafe(work).catch_unwind().await;
            if let Err(panic) = &result {
                supervision.failed(name, &TaskExit::Panicked(panic_message(&**panic)));
            }
            drop(guard);
            // Fails if the caller was cancelled.
            let _ = sender.send(result);
        }));
        match receiver.await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // The runtime is shutting down: there will be no result.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until no work is running.
    pub async fn idle(&self) {
        // The sender is in `self`.
        let _ = self.running.subscribe().wait_for(|count| *count == 0).await;
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering::Relaxed},
        },
        time::Duration,
    };

    use super::*;

    #[tokio::test]
    async fn work_continues_when_its_caller_is_cancelled() {
        let runner = NonCancellable::new(&Supervision::default());
        let done = Arc::new(AtomicBool::new(false));
        let (go, wait) = oneshot::channel::<()>();
        let finished = Arc::clone(&done);
        let mut caller = Box::pin(runner.run("sample", async move {
            let _ = wait.await;
            finished.store(true, Relaxed);
        }));
        assert!((&mut caller).now_or_never().is_none(), "it waits");
        drop(caller);
        go.send(()).expect("the work still runs");
        tokio::time::timeout(Duration::from_secs(5), runner.idle()).await.unwrap();
        assert!(done.load(Relaxed));
        assert_eq!(runner.run("sample", async { 7 }).await, 7);
    }
}
