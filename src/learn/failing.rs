//! Whether learning goes on, said once when it does not: a service that stopped learning must not look healthy.

use std::time::Duration;

use tokio::time::Instant;

use crate::telemetry::health::Component;

/// A warehouse that starts, or is away for a moment, is no failure of learning.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a failure that lasts is logged again.
const REPEAT: Duration = Duration::from_mins(10);

/// Since when nothing could be learned, and when that was last said.
#[derive(Debug, Default)]
pub(super) struct Failing {
    since: Option<Instant>,
    said: Option<Instant>,
}

impl Failing {
    /// It failed. Shown and logged once that has lasted a while.
    pub(super) fn failed(&mut self, error: &dyn std::fmt::Display, component: Option<&Component>, now: Instant) {
        let since = *self.since.get_or_insert(now);
        if now.duration_since(since) < PATIENCE {
            tracing::debug!(%error, "nothing was learned this time");
            return;
        }
        if self.said.is_none_or(|said| now.duration_since(said) >= REPEAT) {
            self.said = Some(now);
            let seconds = now.duration_since(since).as_secs();
            tracing::warn!(%error, seconds, "recommendations are not brought up to date");
        }
        if let Some(component) = component {
            component.degraded("learn_failing", format!("recommendations are not brought up to date: {error}"));
        }
    }

    /// It worked.
    pub(super) fn worked(&mut self, component: Option<&Component>) {
        if self.said.is_some() {
            tracing::info!("recommendations are brought up to date again");
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
    async fn a_failure_that_lasts_is_shown_until_it_ends() {
        let health = Health::default();
        let component = health.component("learn", Serves::Nothing);
        let state = || health.report().0[0].state.as_str();
        let (mut failing, start) = (Failing::default(), Instant::now());
        failing.failed(&"away", Some(&component), start);
        failing.failed(&"away", Some(&component), start + PATIENCE / 2);
        assert_eq!((state(), failing.said), ("ok", None));
        failing.failed(&"away", Some(&component), start + PATIENCE);
        let said = failing.said;
        assert!(said.is_some() && state() == "degraded");
        failing.failed(&"away", Some(&component), start + PATIENCE * 2);
        assert_eq!(failing.said, said, "not said again at once");
        failing.worked(Some(&component));
        assert_eq!((state(), failing.since), ("ok", None));
    }
}
