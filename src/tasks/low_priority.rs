//! Long or expensive work on threads of low priority, so that it does not delay anything else.

use std::{
    fmt::{Display, Formatter, Result as FmtResult},
    future::Future,
};

use tokio::{runtime::Handle, sync::oneshot};

/// Niceness of background work.
const BACKGROUND_NICENESS: i32 = 15;
/// Niceness of a user's request, the default of the engine's: a user waits, but visitors have priority.
const REQUEST_NICENESS: i32 = 10;

/// The work ended without a result: it panicked, or no thread could be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkLost;

impl Display for WorkLost {
    fn fmt(&self, f: &mut Formatter<'_>) -> FmtResult {
        f.write_str("background work failed")
    }
}

impl std::error::Error for WorkLost {}

/// Runs work on its own thread of low priority. It has started when this returns, continues if the returned future is
/// dropped, and may wait for futures through a runtime's handle.
pub fn run_low_priority<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, WorkLost>> + Send + 'static {
    run_with_niceness(name, BACKGROUND_NICENESS, work)
}

/// Runs expensive work of a request on its own thread of low priority. If the returned future is dropped, the work is
/// cancelled at its next await point.
///
/// # Errors
/// When the work panicked, or no thread could be started.
pub async fn run_request_low_priority<T: Send + 'static>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, WorkLost> {
    let (caller, cancelled) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let result = run_with_niceness(name, REQUEST_NICENESS, move || {
        runtime.block_on(async {
            tokio::select! {
                result = work => Some(result),
                _ = cancelled => None,
            }
        })
    });
    let result = result.await;
    drop(caller);
    result?.ok_or(WorkLost)
}

fn run_with_niceness<T: Send + 'static>(
    name: &'static str,
    niceness: i32,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, WorkLost>> + Send + 'static {
    let (sender, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // On Linux niceness is per thread. If it cannot be set, the work runs at normal priority.
        let _ = rustix::process::nice(niceness);
        let _ = sender.send(work());
    });
    if let Err(error) = thread {
        tracing::error!(%error, name, "cannot start a thread");
    }
    async move { result.await.map_err(|_| WorkLost) }
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[tokio::test]
    async fn only_the_work_s_thread_has_low_priority_and_a_panic_is_reported() {
        let before = rustix::process::nice(0).unwrap();
        let within = run_low_priority("test", || rustix::process::nice(0).unwrap()).await.unwrap();
        assert!(within > before || before >= BACKGROUND_NICENESS);
        assert_eq!(rustix::process::nice(0).unwrap(), before);
        assert_eq!(run_low_priority::<()>("test", || panic!("intended by the test")).await, Err(WorkLost));
    }

    #[tokio::test]
    async fn request_work_runs_on_another_thread_and_is_cancelled_with_its_caller() {
        let here = thread::current().id();
        assert_ne!(run_request_low_priority("test", async { thread::current().id() }).await, Ok(here));
        let panicking = run_request_low_priority("test", async { panic!("intended by the test") });
        assert_eq!(panicking.await, Err::<(), _>(WorkLost));

        let (ended, end) = mpsc::sync_channel::<()>(1);
        let endless = run_request_low_priority("test", async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), endless).await.is_err());
        let end = tokio::task::spawn_blocking(move || end.recv_timeout(Duration::from_secs(10)));
        assert_eq!(end.await.unwrap(), Err(mpsc::RecvTimeoutError::Disconnected), "the work is dropped");
    }
}
