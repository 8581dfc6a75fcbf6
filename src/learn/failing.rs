//! Reports once when learning fails: a service that stopped learning must not look healthy.

use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::health::Component;

/// A store that is starting or briefly unavailable is not a learning failure.
const GRACE: Duration = Duration::from_mins(1);
/// How often a lasting failure is logged again.
const REPEAT: Duration = Duration::from_mins(10);

/// Since when learning fails, and when that was last logged.
#[derive(Debug, Default)]
pub(super) struct Failing {
    since: Option<Instant>,
    logged: Option<Instant>,
}

impl Failing {
    /// Records a failure; logs and reports it once it has lasted for `GRACE`.
    pub(super) fn failed(&mut self, error: &dyn std::fmt::Display, component: Option<&Component>, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) < GRACE {
            tracing::debug!(%error, "a learning step failed");
            return;
        }
        if self.logged.is_none_or(|logged| now.duration_since(logged) >= REPEAT) {
            self.logged = Some(now);
            let seconds = now.duration_since(since).as_secs();
            tracing::warn!(%error, seconds, "recommendations are not being updated");
        }
        if let Some(component) = component {
            component.degraded("learn_failing", format!("recommendations are not being updated: {error}"));
        }
    }

    /// Records a success.
    pub(super) fn worked(&mut self, component: Option<&Component>) {
        if self.logged.is_some() {
            tracing::info!("recommendations are being updated again");
        }
        if self.since.is_some()
            && let Some(component) = component
        {
            component.ok();
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::health::{Health, Serves};

    #[tokio::test]
    async fn a_lasting_failure_is_reported_until_it_ends() {
        let health = Health::default();
        let component = health.component("learn", Serves::Nothing);
        let state = || health.report().0[0].state.as_str();
        let (mut failing, start) = (Failing::default(), Instant::now());
        failing.failed(&"away", Some(&component), start);
        failing.failed(&"away", Some(&component), start + GRACE / 2);
        assert_eq!((state(), failing.logged), ("ok", None));
        failing.failed(&"away", Some(&component), start + GRACE);
        let logged = failing.logged;
        assert!(logged.is_some() && state() == "degraded");
        failing.failed(&"away", Some(&component), start + GRACE * 2);
        assert_eq!(failing.logged, logged, "not logged again immediately");
        failing.worked(Some(&component));
        assert_eq!((state(), failing.since), ("ok", None));
    }
}
