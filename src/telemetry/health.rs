//! Health of the service's components, for `/readyz`, the dashboard and the log.
//!
//! A named component is `Ok`, `Degraded` (it works, but needs attention) or `Down`. Its creator decides what does not
//! work while it is down ([`Serves`]): accepting events, reports, or nothing.
//! Reading takes a short lock and copies a handful of entries.
//!
//! ```
//! use ashna::telemetry::health::{Health, Serves};
//! let health = Health::default();
//! let warehouse = health.component("warehouse", Serves::Reports);
//! warehouse.down("warehouse_unreachable", "the warehouse cannot be used: connection refused");
//! let report = health.report();
//! assert!(report.refusal(Serves::Events).is_none(), "events are still accepted");
//! assert_eq!(report.refusal(Serves::Reports).unwrap().code, "warehouse_unreachable");
//! warehouse.ok();
//! ```

use std::{collections::BTreeMap, fmt, sync::Arc};

use parking_lot::{Mutex, MutexGuard};

/// What a component is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serves {
    /// Accepting events: `/readyz` returns 503 while it is down.
    Events,
    /// Reports: `/readyz` reports it, events are still accepted.
    Reports,
    /// No request; it is only shown.
    Nothing,
}

/// Why a component is degraded or down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// A stable code for programs, such as `journal_full`.
    pub code: &'static str,
    /// One clear line for operators.
    pub message: String,
}

impl Cause {
    /// A cause with its stable code.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The state of a component.
#[derive(Debug, Clone, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ComponentState {
    /// It works.
    Ok,
    /// It works partially.
    Degraded(Cause),
    /// It does not work.
    Down(Cause),
}

impl ComponentState {
    /// Why it is degraded or down; `None` if it is `Ok`.
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
        self.into()
    }
}

/// Determines the state of a component for each report.
type Probe = Box<dyn Fn() -> ComponentState + Send + Sync>;

enum StateSource {
    Set(ComponentState),
    Probe(Probe),
}

struct Registration {
    serves: Serves,
    source: StateSource,
}

/// The components of one service; cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<&'static str, Registration>>>);

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

/// One component of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentReport {
    /// Its name.
    pub name: &'static str,
    /// What it is needed for.
    pub serves: Serves,
    /// Its state.
    pub state: ComponentState,
}

/// The state of all components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthReport(pub Vec<ComponentReport>);

impl Health {
    /// Registers a component whose owner sets its state, `Ok` at first. A second call with the same name returns the
    /// same component with its first `serves`. A failed background task is shown under its own name (`tasks::Tasks`):
    /// give components other names.
    #[must_use]
    pub fn component(&self, name: &'static str, serves: Serves) -> Component {
        self.components().entry(name).or_insert(Registration { serves, source: StateSource::Set(ComponentState::Ok) });
        Component { health: self.clone(), name }
    }

    /// Registers a component whose state is determined for each report. `probe` must be fast, must not wait for a disk
    /// or a network, and must not call this `Health`.
    pub fn probe(
        &self,
        name: &'static str,
        serves: Serves,
        probe: impl Fn() -> ComponentState + Send + Sync + 'static,
    ) {
        self.components().insert(name, Registration { serves, source: StateSource::Probe(Box::new(probe)) });
    }

    /// The state of all components now.
    #[must_use]
    pub fn report(&self) -> HealthReport {
        let report = |(name, registration): (&&'static str, &Registration)| ComponentReport {
            name,
            serves: registration.serves,
            state: match &registration.source {
                StateSource::Set(state) => state.clone(),
                StateSource::Probe(probe) => probe(),
            },
        };
        HealthReport(self.components().iter().map(report).collect())
    }

    fn components(&self) -> MutexGuard<'_, BTreeMap<&'static str, Registration>> {
        self.0.lock()
    }
}

impl Component {
    /// Sets it to `Ok`.
    pub fn ok(&self) {
        self.set(ComponentState::Ok);
    }

    /// Sets it to `Degraded`.
    pub fn degraded(&self, code: &'static str, message: impl Into<String>) {
        self.set(ComponentState::Degraded(Cause::new(code, message)));
    }

    /// Sets it to `Down`.
    pub fn down(&self, code: &'static str, message: impl Into<String>) {
        self.set(ComponentState::Down(Cause::new(code, message)));
    }

    /// Sets its state.
    pub fn set(&self, state: ComponentState) {
        if let Some(registration) = self.health.components().get_mut(self.name) {
            registration.source = StateSource::Set(state);
        }
    }
}

impl HealthReport {
    /// Why `operation` does not work now: the cause of the first component that is down and needed for it.
    #[must_use]
    pub fn refusal(&self, operation: Serves) -> Option<&Cause> {
        let mut needed = self.0.iter().filter(|component| component.serves == operation);
        needed.find_map(|component| match &component.state {
            ComponentState::Down(cause) => Some(cause),
            ComponentState::Ok | ComponentState::Degraded(_) => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_needed_component_that_is_down_refuses() {
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
    fn a_probe_runs_for_each_report_and_a_name_is_one_component() {
        let health = Health::default();
        let calls = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&calls);
        health.probe("disk", Serves::Events, move || {
            *counted.lock() += 1;
            ComponentState::Ok
        });
        health.component("a", Serves::Nothing).down("x", "y");
        let again = health.component("a", Serves::Nothing);
        assert_eq!(
            health.report().0.iter().map(|component| component.state.as_str()).collect::<Vec<_>>(),
            ["down", "ok"]
        );
        again.ok();
        assert_eq!(
            health.report().0.iter().map(|component| component.state.as_str()).collect::<Vec<_>>(),
            ["ok", "ok"]
        );
        assert_eq!(*calls.lock(), 2);
    }
}
