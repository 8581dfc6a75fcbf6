//! Supervised background tasks: each has a name, and each spawn decides what its failure means.
//!
//! A task that panics, or returns before the service stops, has failed: it is logged with its name, counted
//! (`ashna_tasks_failed_total{task}`) and shown by `/readyz`. Then it is restarted with exponential backoff
//! ([`Tasks::spawn_restarting`]), or the service stops in order and the process exits with an error
//! ([`Tasks::spawn_fatal`]), so that a service manager restarts it from the data on disk.

use std::{collections::HashMap, fmt, future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration};

use futures_util::FutureExt;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::timeout,
};

use super::{Stopping, catch_panic::panic_message};
use crate::telemetry::{
    failures::{Failures, Task},
    health::{Component, Health, Serves},
};

/// First and longest pause before a failed task is restarted.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A task that ran this long is healthy: it resets the backoff.
const HEALTHY_AFTER: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(20) };

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskExit {
    /// It returned.
    Returned,
    /// It panicked, with this message.
    Panicked(String),
}

impl fmt::Display for TaskExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("it returned before the service stopped"),
            Self::Panicked(message) => write!(f, "it panicked: {message}"),
        }
    }
}

/// Receives the failures of all tasks of one service. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Supervision(Arc<Sinks>);

#[derive(Debug, Default)]
struct Sinks {
    health: Health,
    failures: Failures,
    fatal: watch::Sender<Option<String>>,
}

impl Supervision {
    /// Reports failures to these.
    #[must_use]
    pub fn new(health: Health, failures: Failures) -> Self {
        Self(Arc::new(Sinks { health, failures, fatal: watch::Sender::default() }))
    }

    /// The health of the service's components.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// Logs and counts a failure.
    pub fn failed(&self, task: &'static str, exit: &TaskExit) {
        self.0.failures.tasks_failed.get_or_create(&Task { task }).inc();
        tracing::error!(task, "a background task failed: {exit}");
    }

    /// Waits until a task spawned with [`Tasks::spawn_fatal`] failed; returns its name and failure in one line.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.0.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(failure) => failure.clone().unwrap_or_default(),
            // The sender is in `self`.
            Err(_) => std::future::pending().await,
        }
    }
}

/// The background tasks of one running service.
#[derive(Debug)]
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: watch::Sender<bool>,
    supervision: Supervision,
}

impl Default for Tasks {
    fn default() -> Self {
        Self::new(&Supervision::default())
    }
}

impl Tasks {
    /// No tasks yet; their failures are reported to `supervision`.
    #[must_use]
    pub fn new(supervision: &Supervision) -> Self {
        Self {
            running: JoinSet::new(),
            names: HashMap::new(),
            stop: watch::Sender::new(false),
            supervision: supervision.clone(),
        }
    }

    /// A handle that signals when to stop.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.stop.subscribe())
    }

    /// Starts a task that the service can run without for a while: after a failure it is created and started again, with
    /// exponential backoff.
    pub fn spawn_restarting<T>(&mut self, name: &'static str, make: impl FnMut(Stopping) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, run_restarting(name, make, self.stopping(), self.supervision.clone()));
    }

    /// Starts a task that the service cannot run without: its failure stops the service in order.
    pub fn spawn_fatal<T>(&mut self, name: &'static str, make: impl FnOnce(Stopping) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (stopping, supervision) = (self.stopping(), self.supervision.clone());
        self.spawn(name, async move {
            let exit = run_once(make, stopping.clone()).await;
            if stopping.begun() && exit == TaskExit::Returned {
                return;
            }
            supervision.failed(name, &exit);
            let failure = format!("the background task `{name}` failed: {exit}");
            supervision.health().component(name, Serves::Events).down("task_failed", failure.clone());
            supervision.0.fatal.send_replace(Some(failure));
        });
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Signals every task to stop and waits at most `limit`; the names of unfinished tasks are logged and
    /// returned, and the tasks aborted.
    pub async fn stop(mut self, limit: Duration) -> Vec<&'static str> {
        self.stop.send_replace(true);
        let all = async {
            while let Some(joined) = self.running.join_next_with_id().await {
                let id = joined.map_or_else(|error| error.id(), |(id, ())| id);
                self.names.remove(&id);
            }
        };
        // After a timeout `names` has the unfinished tasks.
        let _ = timeout(limit, all).await;
        let mut left: Vec<_> = self.names.into_values().collect();
        left.sort_unstable();
        if !left.is_empty() {
            tracing::warn!(tasks = left.join(", "), "background tasks did not stop in time and are aborted");
        }
        left
    }
}

/// Creates a task and runs it to its end.
async fn run_once<T: Future<Output = ()>>(make: impl FnOnce(Stopping) -> T, stopping: Stopping) -> TaskExit {
    let run = AssertUnwindSafe(async move { make(stopping).await });
    match run.catch_unwind().await {
        Ok(()) => TaskExit::Returned,
        Err(panic) => TaskExit::Panicked(panic_message(&*panic)),
    }
}

/// Runs a task again and again until the service stops.
async fn run_restarting<T>(
    name: &'static str,
    mut make: impl FnMut(Stopping) -> T,
    mut stopping: Stopping,
    supervision: Supervision,
) where
    T: Future<Output = ()>,
{
    let (mut pause, mut shown) = (PAUSE_MIN, None);
    loop {
        let exit = {
            let mut run = pin!(run_once(&mut make, stopping.clone()));
            if let Ok(exit) = timeout(HEALTHY_AFTER, &mut run).await {
                exit
            } else {
                pause = PAUSE_MIN;
                shown.take().inspect(Component::ok);
                run.await
            }
        };
        if stopping.begun() && exit == TaskExit::Returned {
            return;
        }
        supervision.failed(name, &exit);
        let component = supervision.health().component(name, Serves::Nothing);
        component.degraded("task_failed", format!("the background task `{name}` failed and is restarted: {exit}"));
        shown = Some(component);
        if stopping.begun() || stopping.sleep(pause).await {
            return;
        }
        pause = (pause * 2).min(PAUSE_MAX);
        supervision.0.failures.tasks_restarted.get_or_create(&Task { task: name }).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn supervision() -> (Supervision, Failures) {
        let failures = Failures::default();
        (Supervision::new(Health::default(), failures.clone()), failures)
    }

    fn count(failures: &Failures, task: &'static str) -> (u64, u64) {
        let value = |family: &prometheus_client::metrics::family::Family<Task, crate::telemetry::Counter>| {
            family.get_or_create(&Task { task }).get()
        };
        (value(&failures.tasks_failed), value(&failures.tasks_restarted))
    }

    #[tokio::test]
    async fn a_task_that_panics_or_returns_is_counted_shown_and_restarted() {
        let (supervision, failures) = supervision();
        let mut tasks = Tasks::new(&supervision);
        let runs = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&runs);
        tasks.spawn_restarting("sample", move |mut stopping| {
            let run = counted.fetch_add(1, Relaxed);
            async move {
                match run {
                    0 => panic!("intended by the test"),
                    1 => {}
                    _ => stopping.wait().await,
                }
            }
        });
        timeout(SOON, async {
            while runs.load(Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
        assert_eq!(count(&failures, "sample"), (2, 2));
        let report = supervision.health().report();
        assert_eq!(report.0[0].state.cause().unwrap().code, "task_failed");
        assert_eq!(report.refusal(Serves::Events), None, "a restarted task does not affect requests");
        timeout(SOON, async {
            while supervision.health().report().0[0].state.as_str() != "ok" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("it is healthy after a while");
        assert!(tasks.stop(SOON).await.is_empty());
        assert_eq!(count(&failures, "sample"), (2, 2), "ending because of a stop is not a failure");
    }

    #[tokio::test]
    async fn the_failure_of_a_fatal_task_is_reported_with_its_name() {
        let (supervision, failures) = supervision();
        let mut tasks = Tasks::new(&supervision);
        tasks.spawn_fatal("sample", |_| async { panic!("intended by the test") });
        let failure = timeout(SOON, supervision.fatal()).await.unwrap();
        assert!(failure.contains("`sample`") && failure.contains("intended by the test"), "{failure}");
        assert_eq!(count(&failures, "sample").0, 1);
        assert!(supervision.health().report().refusal(Serves::Events).is_some());
    }

    #[tokio::test]
    async fn a_stop_returns_the_names_of_unfinished_tasks() {
        let mut tasks = Tasks::default();
        tasks.spawn_fatal("quick", |mut stopping| async move { stopping.wait().await });
        tasks.spawn_fatal("stubborn", |_| std::future::pending());
        assert_eq!(tasks.stop(Duration::from_millis(50)).await, ["stubborn"]);
    }
}
