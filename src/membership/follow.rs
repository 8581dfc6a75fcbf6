//! Follows the journal: which people have events that can change which segments.
//!
//! People are evaluated once for each part of the journal that is read; someone who enters and leaves within one is not
//! noticed. The position is stored with what changed, so that after a crash a part is evaluated again, with the same
//! result.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use super::{
    Membership, NOTHING_NEEDED, Service,
    types::{Asked, Evaluated, Part},
};
use crate::{
    control::{ControlError, MembershipWrite},
    journal::{Follower, Next, ReadError, Record},
    model::{Event, SiteId, VisitorId},
    segments::{EventTraits, RuleSet},
    store::rows,
    tasks::Stopping,
    wire::segments::ChangeReason,
};

/// Records and bytes of one read.
const RECORDS_MAX: usize = 4000;
const BYTES_MAX: usize = 8 << 20;
/// Time in which the events of a part are gathered.
const GATHER: Duration = Duration::from_millis(100);
/// Pause after an error.
const PAUSE: Duration = Duration::from_secs(1);

impl Membership {
    /// Follows the journal until the service stops.
    pub async fn run_follow(self, mut stopping: Stopping) {
        let service = &self.0;
        let mut version = service.version.subscribe();
        while !stopping.begun() {
            version.borrow_and_update();
            if service.is_following() {
                service.follow(&mut stopping).await;
                continue;
            }
            tokio::select! {
                _ = version.changed() => {}
                () = stopping.wait() => return,
            }
        }
    }
}

impl Service {
    fn is_following(&self) -> bool {
        self.position.borrow().0 != NOTHING_NEEDED && !self.followed.load().is_empty()
    }

    /// Follows while any segment is.
    async fn follow(&self, stopping: &mut Stopping) {
        let mut at = Follower::new(&self.uses.journal, *self.position.borrow());
        while self.is_following() {
            match at.next(stopping).await {
                Next::Idle => {}
                Next::Ended => return,
                Next::Save => {
                    self.save(&mut at).await;
                }
                Next::Stop => {
                    self.save(&mut at).await;
                    return;
                }
                Next::Read => {
                    if self.uses.journal.next().0.saturating_sub(at.position().0) < RECORDS_MAX as u64 {
                        tokio::time::sleep(GATHER).await;
                    }
                    if !self.read(&mut at).await && stopping.sleep(PAUSE).await {
                        return;
                    }
                }
            }
        }
    }

    /// Evaluates the people of the next part of the journal. False after an error.
    async fn read(&self, at: &mut Follower) -> bool {
        let before = at.position();
        let records = match at.read(RECORDS_MAX, BYTES_MAX).await {
            Ok(records) => records,
            Err(ReadError::Lost(lost)) => {
                self.uses.metrics.lost.inc_by(lost.end.0 - lost.start.0);
                tracing::error!(from = %lost.start, to = %lost.end, "segments do not know events that the journal no longer has");
                return self.save(at).await;
            }
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be read for segments; trying again");
                return false;
            }
        };
        let version = *self.version.borrow();
        let asked = self.asked(&records);
        let is_saved = at.is_save_due();
        match self.evaluate(asked, Some(Part { end: at.position(), version, is_saved })).await {
            Ok(Evaluated::Saved) => self.is_saved(at),
            Ok(Evaluated::Unsaved) => self.is_evaluated(at),
            Ok(Evaluated::Outdated) => at.go_back(before),
            Err(error) => {
                self.cannot_store(&error);
                at.go_back(before);
                return false;
            }
        }
        true
    }

    /// Stores the position; false if the control database failed.
    async fn save(&self, at: &mut Follower) -> bool {
        let write =
            MembershipWrite { cursor: Some((self.uses.journal.id(), at.position())), ..MembershipWrite::default() };
        let _writing = self.writing.lock().await;
        match self.store(&write).await {
            Ok(()) => self.is_saved(at),
            Err(error) => {
                self.cannot_store(&error);
                return false;
            }
        }
        true
    }

    fn is_saved(&self, at: &mut Follower) {
        at.was_saved();
        // Not if nothing is followed any more.
        if self.is_following() {
            self.uses.needed_from.store(at.position().0, Ordering::Relaxed);
        }
        self.is_evaluated(at);
    }

    fn is_evaluated(&self, at: &Follower) {
        self.position.send_if_modified(|known| {
            let follows = known.0 != NOTHING_NEEDED;
            if follows {
                *known = at.position();
            }
            follows
        });
    }

    fn cannot_store(&self, error: &ControlError) {
        tracing::warn!(%error, "the members of segments cannot be stored; trying again");
        // On a full disk the journal must not be kept for this: to delete it is what frees space.
        if !self.uses.journal.has_space() {
            self.uses.needed_from.store(NOTHING_NEEDED, Ordering::Relaxed);
        }
    }

    /// Whom the events of a part of the journal concern.
    fn asked(&self, records: &[Record]) -> Vec<Asked> {
        let followed = self.followed.load();
        let mut people: HashMap<(SiteId, VisitorId), Asked, ahash::RandomState> = HashMap::default();
        for record in records {
            // Undecodable records go to quarantine and are reported there.
            let Ok(event) = rows::decode(&record.payload) else { continue };
            let Some(site) = followed.get(&event.site) else { continue };
            if !event.robot.is_empty() || !event.visitor.is_identified() {
                continue;
            }
            let has_items = !event.items.is_empty() || !event.category.is_empty();
            let traits = EventTraits { kind: event.kind, action: event.action, name: &event.name, has_items };
            let asked = people.entry((event.site, event.visitor)).or_insert_with(|| of_event(&event));
            asked.position = Some(record.position);
            asked.earliest = asked.earliest.min(Some(event.occurred_at));
            asked.add(event.name_or_type(), site.index.of(&traits));
        }
        people.into_values().collect()
    }
}

impl Asked {
    /// Adds an event, as the last one.
    fn add(&mut self, name: &str, mut rules: RuleSet) {
        if let Some(known) = self.events.iter().position(|(known, _)| **known == *name) {
            rules.merge(&self.events.remove(known).1);
        }
        self.events.push((name.into(), rules));
    }
}

fn of_event(event: &Event<'_>) -> Asked {
    Asked {
        site: event.site,
        visitor: event.visitor,
        user_id: String::new(),
        reason: ChangeReason::Event,
        events: Vec::new(),
        all: false,
        position: None,
        earliest: Some(event.occurred_at),
        waited: false,
        due: None,
    }
}
