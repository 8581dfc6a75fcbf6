//! User agents read lately: reading one takes microseconds, and a few hundred are all of the traffic.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ahash::RandomState;

use super::{
    client_hints::{Hints, LIST_BYTES_MAX, PLATFORM_BYTES_MAX},
    user_agent::Agent,
};
use crate::ingest::{limits, text};

const SHARDS: usize = 16;

/// Bounded: a shard keeps two generations and forgets the older one when the younger is full.
#[derive(Debug)]
pub struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    shard_agents_max: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<Box<str>, Arc<Agent>, RandomState>,
    old: HashMap<Box<str>, Arc<Agent>, RandomState>,
}

impl Cache {
    /// A cache of at most about `agents_max` user agents.
    #[must_use]
    pub fn new(agents_max: usize) -> Self {
        Self {
            shards: Default::default(),
            shard_agents_max: (agents_max / (2 * SHARDS)).max(1),
            hasher: RandomState::new(),
        }
    }

    /// What a user agent and the hints beside it tell.
    pub fn read(&self, user_agent: &str, hints: &Hints<'_>) -> Arc<Agent> {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        if hints.is_empty() && !hints.withheld {
            return self.known(user_agent, || Agent::of(user_agent, hints));
        }
        let hints = Hints {
            brands: text::cut(hints.brands, LIST_BYTES_MAX),
            mobile: text::cut(hints.mobile, 8),
            platform: text::cut(hints.platform, PLATFORM_BYTES_MAX),
            platform_version: text::cut(hints.platform_version, PLATFORM_BYTES_MAX),
            withheld: hints.withheld,
        };
        // No header has a line break in it, so nothing can be taken for something else.
        let withheld = if hints.withheld { "-" } else { "" };
        let key = [user_agent, hints.brands, hints.mobile, hints.platform, hints.platform_version, withheld].join("\n");
        self.known(&key, || Agent::of(user_agent, &hints))
    }

    /// What is known under this key, or is read now.
    fn known(&self, key: &str, read: impl FnOnce() -> Agent) -> Arc<Agent> {
        let shard = &self.shards[usize::from(self.hasher.hash_one(key).to_le_bytes()[7]) % SHARDS];
        {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(agent) = shard.young.get(key) {
                return Arc::clone(agent);
            }
            if let Some((kept, agent)) = shard.old.remove_entry(key) {
                shard.keep(kept, Arc::clone(&agent), self.shard_agents_max);
                return agent;
            }
        }
        // Read without the lock; two may read the same one at once, with the same result.
        let agent = Arc::new(read());
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.keep(key.into(), Arc::clone(&agent), self.shard_agents_max);
        agent
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(4096)
    }
}

impl Shard {
    fn keep(&mut self, user_agent: Box<str>, agent: Arc<Agent>, agents_max: usize) {
        if self.young.len() >= agents_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(user_agent, agent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_answers_as_reading_does_and_stays_small() {
        let cache = Cache::new(SHARDS * 4);
        let none = Hints::default();
        for i in 0..1000 {
            let user_agent = format!("Mozilla/5.0 (X11; Linux x86_64; rv:{i}.0) Gecko/20100101 Firefox/{i}.0");
            assert_eq!(*cache.read(&user_agent, &none), Agent::of(&user_agent, &none));
            assert_eq!(*cache.read(&user_agent, &none), Agent::of(&user_agent, &none));
        }
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        assert!(cache.shards.iter().map(held).sum::<usize>() <= SHARDS * 4);
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
