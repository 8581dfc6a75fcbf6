//! What an event means beyond its words: page, traffic, device, language, place. Steps only add.

use std::sync::Arc;

pub mod agents;
mod campaign;
pub mod channel;
pub mod client_hints;
mod mask;
pub(super) mod page;
pub(super) mod page_context;
pub(crate) mod recent;
pub mod sources;
pub(super) mod traffic;
pub mod user_agent;
pub(super) mod visitor;

/// What was read lately: most of what is sent says again what was said before.
#[derive(Debug)]
pub struct ReadingCache {
    agents: agents::Cache,
    ways: page_context::Cache,
}

impl ReadingCache {
    /// A memory of about so many user agents, and so many pages with the ways that led to them.
    #[must_use]
    pub fn new(agents_max: usize, ways_max: usize) -> Self {
        Self { agents: agents::Cache::new(agents_max), ways: page_context::Cache::new(ways_max) }
    }

    /// What a user agent and the hints beside it tell.
    pub fn agent(&self, user_agent: &str, hints: &client_hints::Hints<'_>) -> Arc<user_agent::Agent> {
        self.agents.read(user_agent, hints)
    }
}

impl Default for ReadingCache {
    fn default() -> Self {
        Self::new(4096, 8192)
    }
}
