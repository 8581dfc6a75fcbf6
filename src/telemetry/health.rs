//! How each part of the service is, for `/readyz`, the dashboard and the log.
//!
//! A part is a named component that is `Ok`, `Degraded` (it works, but someone should look) or `Down`. What a part
//! that is down takes away is written where the component is made ([`Serves`]): taking events, answering reports,
//! or nothing. Reading is a short lock and a copy of a handful of entries.
//!
//! ```
//! use ashna::telemetry::health::{Health, Serves};
//! let health = Health::default();
//! let warehouse = health.component("warehouse", Serves::Reports);
//! warehouse.down("warehouse_unreachable", "the warehouse cannot be used: connection refused");
//! let report = health.report();
//! assert!(report.refusal(Serves::Events).is_none(), "events are still taken");
//! assert_eq!(report.refusal(Serves::Reports).unwrap().code, "warehouse_unreachable");
//! warehouse.ok();
//! ```

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What a component that is down takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// Taking events: `/readyz` answers 503.
    Events,
    /// Answering reports: `/readyz` says so, events are still taken.
    Reports,
    /// Nothing that a request needs; it is only shown.
    Nothing,
}

/// Why a component is not well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A stable code for programs, such as `journal_full`.
    pub code: &'static str,
    /// One clear line for people.
    pub message: String,
}

impl Cause {
    /// A cause with its stable code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// How a component is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// It works, but not as it should.
    Degraded(Cause),
    /// It does not work.
    Down(Cause),
}

impl State {
    /// Why it is not well.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        match self {
            Self::Ok => None,
            Self::Degraded(cause) | Self::Down(cause) => Some(cause),
        }
    }

    /// `ok`, `degraded` or `down`.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded(_) => "degraded",
            Self::Down(_) => "down",
        }
    }
}

/// Looks at a part when a report is asked for.
type Probe = Box<dyn Fn() -> State + Send + Sync>;

enum Source {
    Set(State),
    Probed(Probe),
}

struct Entry {
    serves: Serves,
    source: Source,
}

/// The components of one service; cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, Entry>>>);

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.report()).finish()
    }
}

/// Sets the state of one component; cheap to clone.
#[derive(Debug, Clone)]
pub struct Component {
    health: Health,
    name: &'static str,
}

/// One component as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: &'static str,
    /// What it is needed for.
    pub serves: Serves,
    /// How it is.
    pub state: State,
}

/// All components as they were found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report(pub Vec<Found>);

impl Health {
    /// A component that is set by its owner, `Ok` at first. The same name again is the same component, with what it
    /// serves as said first. A background task that fails is shown under its own name (`tasks::Tasks`): give a
    /// component another one.
    #[must_use]
    pub fn component(&self, name: &'static str, serves: Serves) -> Component {
        self.entries().entry(name).or_insert(Entry { serves, source: Source::Set(State::Ok) });
        Component { health: self.clone(), name }
    }

    /// A component that is looked at when a report is asked for. `probe` must be quick, must not wait for a disk or a
    /// network, and must not ask this `Health`.
    pub fn probe(&self, name: &'static str, serves: Serves, probe: impl Fn() -> State + Send + Sync + 'static) {
        self.entries().insert(name, Entry { serves, source: Source::Probed(Box::new(probe)) });
    }

    /// How everything is now.
    #[must_use]
    pub fn report(&self) -> Report {
        let found = |(name, entry): (&&'static str, &Entry)| Found {
            name,
            serves: entry.serves,
            state: match &entry.source {
                Source::Set(state) => state.clone(),
                Source::Probed(probe) => probe(),
            },
        };
        Report(self.entries().iter().map(found).collect())
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<&'static str, Entry>> {
        // Every change is one insertion, so a panic elsewhere leaves nothing half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Component {
    /// It is as it should be.
    pub fn ok(&self) {
        self.set(State::Ok);
    }

    /// It works, but not as it should.
    pub fn degraded(&self, code: &'static str, message: impl Into<String>) {
        self.set(State::Degraded(Cause::new(code, message)));
    }

    /// It does not work.
    pub fn down(&self, code: &'static str, message: impl Into<String>) {
        self.set(State::Down(Cause::new(code, message)));
    }

    /// Sets how it is.
    pub fn set(&self, state: State) {
        if let Some(entry) = self.health.entries().get_mut(self.name) {
            entry.source = Source::Set(state);
        }
    }
}

impl Report {
    /// Why this cannot be done now: the first component that is down and needed for it.
    #[must_use]
    pub fn refusal(&self, of: Serves) -> Option<&Cause> {
        let mut down = self.0.iter().filter(|found| found.serves == of);
        down.find_map(|found| match &found.state {
            State::Down(cause) => Some(cause),
            State::Ok | State::Degraded(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_down_and_needed_refuses() {
        let health = Health::default();
        let delivery = health.component("delivery", Serves::Nothing);
        let journal = health.component("journal", Serves::Events);
        delivery.down("delivery_waits", "it waits for disk space");
        journal.degraded("journal_slow", "the disk is slow");
        assert_eq!(health.report().refusal(Serves::Events), None);
        journal.down("journal_full", "the journal is full");
        assert_eq!(health.report().refusal(Serves::Events).map(|cause| cause.code), Some("journal_full"));
        assert_eq!(health.report().refusal(Serves::Reports), None);
        journal.ok();
        assert_eq!(health.report().refusal(Serves::Events), None);
    }

    #[test]
    fn a_probe_is_asked_each_time_and_a_name_is_one_component() {
        let health = Health::default();
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        health.probe("disk", Serves::Events, move || {
            *counted.lock().unwrap() += 1;
            State::Ok
        });
        health.component("a", Serves::Nothing).down("x", "y");
        let again = health.component("a", Serves::Nothing);
        assert_eq!(health.report().0.iter().map(|found| found.state.as_str()).collect::<Vec<_>>(), ["down", "ok"]);
        again.ok();
        assert_eq!(health.report().0.iter().map(|found| found.state.as_str()).collect::<Vec<_>>(), ["ok", "ok"]);
        assert_eq!(*calls.lock().unwrap(), 2);
    }
}
