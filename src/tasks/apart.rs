//! Requests' work that computes much: on a thread of its own, so that it keeps no other request waiting.

use std::future::Future;

use tokio::{runtime::Handle, sync::oneshot};

use super::{Lost, low_priority::stepping_back};

/// As far as the warehouse's engine steps back by default: a person waits for such work, but visitors go first.
const NICENESS: i32 = 10;

/// Runs such work on a thread of lower priority; it is given up when its result is no longer waited for, at the next
/// point at which it waits itself.
///
/// # Errors
/// When the work panicked, or no thread could be had.
pub async fn apart<T: Send + 'static>(
    name: &'static str,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Lost> {
    let (asker, gone) = oneshot::channel::<()>();
    let runtime = Handle::current();
    let done = stepping_back(name, NICENESS, move || {
        runtime.block_on(async {
            tokio::select! {
                done = work => Some(done),
                _ = gone => None,
            }
        })
    });
    let done = done.await;
    drop(asker);
    done?.ok_or(Lost)
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread, time::Duration};

    use super::*;

    #[tokio::test]
    async fn work_runs_on_another_thread_and_ends_with_its_asker() {
        let here = thread::current().id();
        assert_ne!(apart("test", async { thread::current().id() }).await, Ok(here));
        assert_eq!(apart("test", async { panic!("as the test wants it") }).await, Err::<(), _>(Lost));

        let (ended, end) = mpsc::sync_channel::<()>(1);
        let endless = apart("test", async move {
            let _ended = ended;
            std::future::pending::<()>().await;
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), endless).await.is_err());
        let end = tokio::task::spawn_blocking(move || end.recv_timeout(Duration::from_secs(10)));
        assert_eq!(end.await.unwrap(), Err(mpsc::RecvTimeoutError::Disconnected), "the work is let go of");
    }
}
