//! Background tasks under supervision: each has a name, and each spawn says what its failure means.
//!
//! A task that panics, or returns before the service stops, has failed: it is logged with its name, counted
//! (`ashna_tasks_failed_total{task}`) and shown by `/readyz`. Then it is started again with growing pauses
//! ([`Tasks::spawn_restarting`]), or the service stops in order and the process ends with an error
//! ([`Tasks::spawn_fatal`]), so that a service manager starts it again from what is on disk.

use std::{
    any::Any, collections::HashMap, fmt, future::Future, panic::AssertUnwindSafe, pin::pin, sync::Arc, time::Duration,
};

use futures_util::FutureExt;
use tokio::{
    sync::watch,
    task::{Id, JoinSet},
    time::timeout,
};

use super::Stopping;
use crate::telemetry::{
    failures::{Failures, Task},
    health::{Health, Serves},
};

/// First and longest pause before a failed task is started again.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// A task that ran this long is sound: the next pause is the shortest again.
const SOUND: Duration = if cfg!(test) { Duration::from_millis(300) } else { Duration::from_secs(20) };

/// How a task ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Returned,
    /// With a panic, and its message.
    Panicked(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Returned => f.write_str("it returned before the service stopped"),
            Self::Panicked(message) => write!(f, "it panicked: {message}"),
        }
    }
}

/// What a panic said.
#[must_use]
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}

/// Where failures of all tasks of one service are reported. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Supervision(Arc<Reports>);

#[derive(Debug, Default)]
struct Reports {
    health: Health,
    failures: Failures,
    fatal: watch::Sender<Option<String>>,
}

impl Supervision {
    /// Reports to these.
    #[must_use]
    pub fn new(health: Health, failures: Failures) -> Self {
        Self(Arc::new(Reports { health, failures, fatal: watch::Sender::default() }))
    }

    /// How the parts of the service are.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// Logs and counts a failure.
    pub fn failed(&self, task: &'static str, ended: &Ended) {
        self.0.failures.tasks_failed.get_or_create(&Task { task }).inc();
        tracing::error!(task, "a background task failed: {ended}");
    }

    /// Waits until a task failed without which the service cannot go on; says which and how.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.0.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(why) => why.clone().unwrap_or_default(),
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
        Self::under(&Supervision::default())
    }
}

impl Tasks {
    /// No tasks yet; their failures are reported here.
    #[must_use]
    pub fn under(supervision: &Supervision) -> Self {
        Self {
            running: JoinSet::new(),
            names: HashMap::new(),
            stop: watch::Sender::new(false),
            supervision: supervision.clone(),
        }
    }

    /// A handle that knows when to stop.
    #[must_use]
    pub fn stopping(&self) -> Stopping {
        Stopping(self.stop.subscribe())
    }

    /// Starts a task whose failure costs only itself: it is made and started again, with growing pauses.
    pub fn spawn_restarting<T>(&mut self, name: &'static str, make: impl FnMut(Stopping) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, keep(name, make, self.stopping(), self.supervision.clone()));
    }

    /// Starts a task without which the service must not go on: its failure ends the process in order.
    pub fn spawn_fatal<T>(&mut self, name: &'static str, make: impl FnOnce(Stopping) -> T + Send + 'static)
    where
        T: Future<Output = ()> + Send + 'static,
    {
        let (stopping, supervision) = (self.stopping(), self.supervision.clone());
        self.spawn(name, async move {
            let ended = life(make, stopping.clone()).await;
            if stopping.begun() && ended == Ended::Returned {
                return;
            }
            supervision.failed(name, &ended);
            let why = format!("the background task `{name}` failed: {ended}");
            supervision.health().component(name, Serves::Events).down("task_failed", why.clone());
            supervision.0.fatal.send_replace(Some(why));
        });
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Asks every task to stop and waits at most `limit`; those that were not done by then are logged by name,
    /// returned and aborted.
    pub async fn stop(mut self, limit: Duration) -> Vec<&'static str> {
        self.stop.send_replace(true);
        let all = async {
            while let Some(ended) = self.running.join_next_with_id().await {
                let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
                self.names.remove(&id);
            }
        };
        // Unless the limit was reached, no task is left.
        let _ = timeout(limit, all).await;
        let mut left: Vec<_> = self.names.into_values().collect();
        left.sort_unstable();
        if !left.is_empty() {
            tracing::warn!(tasks = left.join(", "), "background tasks did not stop in time and are abandoned");
        }
        left
    }
}

/// One life of a task, from its making to its end.
async fn life<T: Future<Output = ()>>(make: impl FnOnce(Stopping) -> T, stopping: Stopping) -> Ended {
    let life = AssertUnwindSafe(async move { make(stopping).await });
    match life.catch_unwind().await {
        Ok(()) => Ended::Returned,
        Err(panic) => Ended::Panicked(panic_message(&*panic)),
    }
}

/// Life after life, until the service stops.
async fn keep<T>(
    name: &'static str,
    mut make: impl FnMut(Stopping) -> T,
    mut stopping: Stopping,
    supervision: Supervision,
) where
    T: Future<Output = ()>,
{
    let (mut pause, mut shown) = (PAUSE_MIN, None);
    loop {
        let ended = {
            let mut life = pin!(life(&mut make, stopping.clone()));
            match timeout(SOUND, &mut life).await {
                Ok(ended) => ended,
                Err(_) => {
                    pause = PAUSE_MIN;
                    shown.take().inspect(crate::telemetry::health::Component::ok);
                    life.await
                }
            }
        };
        if stopping.begun() && ended == Ended::Returned {
            return;
        }
        supervision.failed(name, &ended);
        let component = supervision.health().component(name, Serves::Nothing);
        component.degraded("task_failed", format!("the background task `{name}` failed and is started again: {ended}"));
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
        let of = |family: &prometheus_client::metrics::family::Family<Task, crate::telemetry::Counter>| {
            family.get_or_create(&Task { task }).get()
        };
        (of(&failures.tasks_failed), of(&failures.tasks_restarted))
    }

    #[tokio::test]
    async fn a_task_that_panics_or_returns_is_counted_shown_and_started_again() {
        let (supervision, failures) = supervision();
        let mut tasks = Tasks::under(&supervision);
        let lives = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&lives);
        tasks.spawn_restarting("sample", move |mut stopping| {
            let life = counted.fetch_add(1, Relaxed);
            async move {
                match life {
                    0 => panic!("as the test wants it"),
                    1 => {}
                    _ => stopping.wait().await,
                }
            }
        });
        timeout(SOON, async {
            while lives.load(Relaxed) < 3 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await
        .unwrap();
        assert_eq!(count(&failures, "sample"), (2, 2));
        let report = supervision.health().report();
        assert_eq!(report.0[0].state.cause().unwrap().code, "task_failed");
        assert_eq!(report.refusal(Serves::Events), None, "a task that is started again refuses nothing");
        timeout(SOON, async {
            while supervision.health().report().0[0].state.as_str() != "ok" {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await
        .expect("it has been sound for a while");
        assert!(tasks.stop(SOON).await.is_empty());
        assert_eq!(count(&failures, "sample"), (2, 2), "ending because of a stop is no failure");
    }

    #[tokio::test]
    async fn the_failure_of_a_fatal_task_is_announced_with_its_name() {
        let (supervision, failures) = supervision();
        let mut tasks = Tasks::under(&supervision);
        tasks.spawn_fatal("sample", |_| async { panic!("as the test wants it") });
        let why = timeout(SOON, supervision.fatal()).await.unwrap();
        assert!(why.contains("`sample`") && why.contains("as the test wants it"), "{why}");
        assert_eq!(count(&failures, "sample").0, 1);
        assert!(supervision.health().report().refusal(Serves::Events).is_some());
    }

    #[tokio::test]
    async fn a_stop_names_those_that_did_not_make_it() {
        let mut tasks = Tasks::default();
        tasks.spawn_fatal("quick", |mut stopping| async move { stopping.wait().await });
        tasks.spawn_fatal("stubborn", |_| std::future::pending());
        assert_eq!(tasks.stop(Duration::from_millis(50)).await, ["stubborn"]);
    }
}
