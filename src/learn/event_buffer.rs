//! Where events are heard the moment they are durable, long before the store has them.
//!
//! A push under a lock for each item, nothing else, since this is on the way of every event; who learns
//! comes by every second and takes everything. When nobody comes, a bounded number waits and the rest is
//! let go and counted: the store has it all the same.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use super::recent::BufferedEvent;
use crate::{
    model::{ProfileEvent, SiteId, VisitorId},
    telemetry::Counter,
};

/// Items waiting, a hundred bytes each.
const WAITING_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct EventBuffer {
    heard: Mutex<Vec<BufferedEvent>>,
    /// Counts those that found no room.
    dropped: Counter,
}

impl EventBuffer {
    pub(super) fn counting(dropped: Counter) -> Self {
        Self { heard: Mutex::default(), dropped }
    }

    /// Takes one event.
    pub(super) fn push(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        let mut told = BufferedEvent::of(site, visitor, event).peekable();
        if told.peek().is_none() {
            return;
        }
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        for one in told {
            if heard.len() >= WAITING_MAX {
                self.dropped.inc();
                continue;
            }
            heard.push(one);
        }
    }

    /// Everything heard since the last time, by site in the order it came.
    pub(super) fn take(&self) -> HashMap<SiteId, Vec<BufferedEvent>> {
        let heard = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_site: HashMap<SiteId, Vec<BufferedEvent>> = HashMap::new();
        for one in heard {
            by_site.entry(one.site).or_default().push(one);
        }
        by_site
    }
}
