//! Recently parsed user agents and pages: parsing takes microseconds, and most events repeat recent values.

use std::{hash::Hash, sync::Arc};

use super::cache::Cache;
use crate::{
    ingest::{
        limits, text,
        user_agent::{Agent, ClientHints, LIST_BYTES_MAX, PLATFORM_BYTES_MAX},
    },
    model::{Page, Traffic},
};

/// Recently parsed user agents and pages.
#[derive(Debug)]
pub struct ParseCache {
    agents: Cache<Agent>,
    pages: Cache<PageAndTraffic>,
}

/// A parsed page and the source of the visit to it.
#[derive(Debug)]
pub(super) struct PageAndTraffic {
    pub(super) page: Page<'static>,
    pub(super) traffic: Traffic<'static>,
}

impl ParseCache {
    /// A cache of at most about this many user agents and pages.
    #[must_use]
    pub fn new(agents_max: usize, pages_max: usize) -> Self {
        Self { agents: Cache::new(agents_max), pages: Cache::new(pages_max) }
    }

    /// Returns the parsed user agent and client hints.
    pub fn agent(&self, user_agent: &str, hints: &ClientHints<'_>) -> Arc<Agent> {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        let hints = ClientHints {
            brands: text::cut(hints.brands, LIST_BYTES_MAX),
            mobile: text::cut(hints.mobile, 8),
            platform: text::cut(hints.platform, PLATFORM_BYTES_MAX),
            platform_version: text::cut(hints.platform_version, PLATFORM_BYTES_MAX),
            withheld: hints.withheld,
        };
        self.agents.get_or_insert(&(user_agent, hints), || Agent::parse(user_agent, &hints))
    }

    /// Returns the page and traffic with this key. The key must cover everything that `parse` reads.
    pub(super) fn page(&self, key: &impl Hash, parse: impl FnOnce() -> PageAndTraffic) -> Arc<PageAndTraffic> {
        self.pages.get_or_insert(key, parse)
    }
}

impl Default for ParseCache {
    fn default() -> Self {
        Self::new(4096, 8192)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_user_agent_is_cut_before_it_is_looked_up() {
        let (cache, none) = (ParseCache::default(), ClientHints::default());
        assert_eq!(*cache.agent(&"x".repeat(10_000), &none), Agent::parse(&"x".repeat(10_000), &none));
    }

    #[test]
    fn the_key_includes_the_hints() {
        let cache = ParseCache::default();
        let brave = ClientHints { brands: "\"Brave\";v=\"142\"", ..ClientHints::default() };
        let chrome = crate::ingest::fixture::CHROME;
        assert_eq!(cache.agent(chrome, &ClientHints::default()).device.browser, "Chrome");
        assert_eq!(cache.agent(chrome, &brave).device.browser, "Brave");
        assert_eq!(cache.agent(chrome, &ClientHints::default()).device.browser, "Chrome");
    }
}
