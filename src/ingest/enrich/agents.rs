//! User agents read lately: reading one takes microseconds, and a few hundred are all of the traffic.

use std::sync::Arc;

use super::{
    client_hints::{Hints, LIST_BYTES_MAX, PLATFORM_BYTES_MAX},
    recent::Recent,
    user_agent::Agent,
};
use crate::ingest::{limits, text};

/// The user agents read lately, and what they tell.
#[derive(Debug)]
pub struct Cache(Recent<Agent>);

impl Cache {
    /// A cache of at most about `agents_max` user agents.
    #[must_use]
    pub fn new(agents_max: usize) -> Self {
        Self(Recent::new(agents_max))
    }

    /// What a user agent and the hints beside it tell.
    pub fn read(&self, user_agent: &str, hints: &Hints<'_>) -> Arc<Agent> {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        let hints = Hints {
            brands: text::cut(hints.brands, LIST_BYTES_MAX),
            mobile: text::cut(hints.mobile, 8),
            platform: text::cut(hints.platform, PLATFORM_BYTES_MAX),
            platform_version: text::cut(hints.platform_version, PLATFORM_BYTES_MAX),
            withheld: hints.withheld,
        };
        self.0.of(&(user_agent, hints), || Agent::of(user_agent, &hints))
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(4096)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_user_agent_is_cut_before_it_is_looked_up() {
        let (cache, none) = (Cache::default(), Hints::default());
        assert_eq!(*cache.read(&"x".repeat(10_000), &none), Agent::of(&"x".repeat(10_000), &none));
    }

    #[test]
    fn one_user_agent_with_other_hints_is_another() {
        let cache = Cache::default();
        let brave = Hints { brands: "\"Brave\";v=\"142\"", ..Hints::default() };
        let chrome = crate::ingest::fixture::CHROME;
        assert_eq!(cache.read(chrome, &Hints::default()).device.browser, "Chrome");
        assert_eq!(cache.read(chrome, &brave).device.browser, "Brave");
        assert_eq!(cache.read(chrome, &Hints::default()).device.browser, "Chrome");
    }
}
