//! Bounded buffer of durable events, filled long before they are in the store.
//!
//! Every event passes here, so a push only takes a lock per item; the learner drains the buffer every second. If it
//! does not, events beyond the bound are dropped and counted: they are learned from the store later.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::recent::BufferedEvent;
use crate::{
    model::{ProfileEvent, SiteId, VisitorId},
    telemetry::Counter,
};

/// Maximum number of buffered items, a hundred bytes each.
const BUFFERED_MAX: usize = 100_000;

#[derive(Debug, Default)]
pub(super) struct EventBuffer {
    buffered: Mutex<Vec<BufferedEvent>>,
    /// Counts items dropped because the buffer was full.
    dropped: Counter,
}

impl EventBuffer {
    pub(super) fn counting(dropped: Counter) -> Self {
        Self { buffered: Mutex::default(), dropped }
    }

    /// Buffers one event.
    pub(super) fn push(&self, site: SiteId, visitor: VisitorId, event: &ProfileEvent) {
        let mut items = BufferedEvent::from_event(site, visitor, event).peekable();
        if items.peek().is_none() {
            return;
        }
        let mut buffered = self.buffered.lock();
        for item in items {
            if buffered.len() >= BUFFERED_MAX {
                self.dropped.inc();
                continue;
            }
            buffered.push(item);
        }
    }

    /// Removes all buffered events and returns them by site, in order of arrival.
    pub(super) fn drain(&self) -> HashMap<SiteId, Vec<BufferedEvent>> {
        let buffered = std::mem::take(&mut *self.buffered.lock());
        let mut by_site: HashMap<SiteId, Vec<BufferedEvent>> = HashMap::new();
        for event in buffered {
            by_site.entry(event.site).or_default().push(event);
        }
        by_site
    }
}
