//! Work that is finished once it was begun, whether or not anyone still waits for its answer.
//!
//! A request is given up when its client hangs up. A change of stored data must not stop halfway then: it runs here,
//! the request only waits for its answer.

use std::{future::Future, panic::AssertUnwindSafe};

use futures_util::FutureExt;
use tokio::{
    runtime::Handle,
    sync::{oneshot, watch},
};

use super::supervisor::{Ended, Supervision, panic_message};

/// Runs such work and knows how much of it is under way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Detached {
    runtime: Handle,
    under_way: watch::Sender<usize>,
    supervision: Supervision,
}

/// One piece of work under way.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn begin(count: &watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Detached {
    /// Runs its work on the runtime of the caller.
    #[must_use]
    pub fn here(supervision: &Supervision) -> Self {
        Self { runtime: Handle::current(), under_way: watch::Sender::new(0), supervision: supervision.clone() }
    }

    /// Runs `work` to its end and waits for it. Giving up the wait does not end the work. A panic in it is counted
    /// as the failure of `name` and goes on in whoever waits.
    pub async fn finish<T: Send + 'static>(
        &self,
        name: &'static str,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let (sender, answer) = oneshot::channel();
        let (under_way, supervision) = (UnderWay::begin(&self.under_way), self.supervision.clone());
        drop(self.runtime.spawn(async move {
            let ended = AssertUnwindSafe(work).catch_unwind().await;
            if let Err(panic) = &ended {
                supervision.failed(name, &Ended::Panicked(panic_message(&**panic)));
            }
            drop(under_way);
            // Whoever asked may be gone; the work is done all the same.
            let _ = sender.send(ended);
        }));
        match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            // The runtime is being shut down; no answer is waited for.
            Err(_) => std::future::pending().await,
        }
    }

    /// Waits until nothing is under way.
    pub async fn idle(&self) {
        // The sender is in `self`.
        let _ = self.under_way.subscribe().wait_for(|count| *count == 0).await;
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
    async fn work_goes_on_when_nobody_waits_any_more() {
        let detached = Detached::here(&Supervision::default());
        let done = Arc::new(AtomicBool::new(false));
        let (go, wait) = oneshot::channel::<()>();
        let finished = Arc::clone(&done);
        let mut asking = Box::pin(detached.finish("sample", async move {
            let _ = wait.await;
            finished.store(true, Relaxed);
        }));
        assert!((&mut asking).now_or_never().is_none(), "it waits");
        drop(asking);
        go.send(()).expect("the work is still there");
        tokio::time::timeout(Duration::from_secs(5), detached.idle()).await.unwrap();
        assert!(done.load(Relaxed));
        assert_eq!(detached.finish("sample", async { 7 }).await, 7);
    }
}
