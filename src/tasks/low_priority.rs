//! Long work that steps back whenever the processors are wanted for anything else.

use std::{
    fmt::{Display, Formatter, Result as Written},
    future::Future,
};

use tokio::sync::oneshot;

/// How far such work steps back, as of nice(1).
const NICENESS: i32 = 15;

/// The work ended without a result: it panicked, or no thread could be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

impl Display for Lost {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str("work in the background was lost")
    }
}

impl std::error::Error for Lost {}

/// Runs work on a thread of its own, of low priority. It has begun when this returns, is not ended when its
/// result is no longer waited for, and may wait for futures through a runtime's handle.
pub fn run_low_priority<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Lost>> + Send + 'static {
    stepping_back(name, NICENESS, work)
}

/// The same with a step back of one's own.
pub(super) fn stepping_back<T: Send + 'static>(
    name: &'static str,
    niceness: i32,
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, Lost>> + Send + 'static {
    let (done, result) = oneshot::channel();
    let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        // Priorities are a thread's own on Linux; where they cannot be had it is merely less polite.
        let _ = rustix::process::nice(niceness);
        let _ = done.send(work());
    });
    if let Err(error) = thread {
        tracing::error!(%error, name, "no thread could be had");
    }
    async move { result.await.map_err(|_| Lost) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_steps_back_alone_and_its_loss_is_told() {
        let before = rustix::process::nice(0).unwrap();
        let within = run_low_priority("test", || rustix::process::nice(0).unwrap()).await.unwrap();
        assert!(within > before || before >= NICENESS);
        assert_eq!(rustix::process::nice(0).unwrap(), before);
        assert_eq!(run_low_priority::<()>("test", || panic!("as the test wants it")).await, Err(Lost));
    }
}
