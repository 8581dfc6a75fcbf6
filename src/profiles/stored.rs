//! What the store returned of a visitor, ready to be merged with the events in memory.

use std::collections::HashMap;

use crate::{
    model::{PastEvent, ProfileEvent, WantedSnapshot},
    store::StoredPast,
};

/// A visitor's stored events.
#[derive(Debug, Default)]
pub(super) struct StoredHistory {
    /// The events of the profile, each with what rules want of it.
    pub(super) events: Vec<ProfileEvent>,
    /// What rules want of earlier events than these.
    pub(super) earlier: Vec<PastEvent>,
}

impl StoredHistory {
    /// Gives each event what rules want of it. `past` was read after `events`.
    pub(super) fn new(mut events: Vec<ProfileEvent>, past: Vec<StoredPast>, wanted: &WantedSnapshot) -> Self {
        let key = |journal, event: &PastEvent| (journal, event.position);
        let mut by_position: HashMap<_, Vec<PastEvent>, ahash::RandomState> = past
            .into_iter()
            .filter_map(|stored| Some((key(stored.journal, stored.events.first()?), stored.events)))
            .collect();
        for event in &mut events {
            event.rules = wanted.version;
            event.past = by_position.remove(&(event.journal, event.position)).unwrap_or_default();
        }
        Self { events, earlier: by_position.into_values().flatten().collect() }
    }
}
