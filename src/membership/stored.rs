//! The people of a site as the warehouse has them, joined as live profiles are.

use std::sync::Arc;

use super::{Service, person};
use crate::{
    catalog::snapshot::SiteSnapshot,
    model::{Position, Profile, SiteId, VisitorId, WantedEvents},
    profiles::{join, reducer, rules::Params},
    store::{
        StoreError, StoredEvent,
        people::{Histories, PeopleOf, Plan},
    },
};

/// Browsers of one person that are joined.
const BROWSERS_MAX: usize = 16;

impl Service {
    /// Calls `with` for the profile of every person with stored events; `before`: only those before this position of the
    /// own journal count.
    pub(super) async fn for_each_stored_person(
        &self,
        site: &SiteSnapshot,
        wanted: &WantedEvents,
        before: Option<Position>,
        mut with: impl FnMut(&Profile),
    ) -> Result<(), StoreError> {
        let session_ms = site.site.visitors.session_ms(self.uses.session_minutes);
        let params = Params { half_life_ms: self.uses.settings.half_life_ms, session_ms };
        let (id, journal) = (site.site.id, self.uses.journal.id());
        let mut group = Group::new(VisitorId(0));
        let each = |row: StoredEvent| {
            if row.person() != group.id {
                std::mem::replace(&mut group, Group::new(row.person())).finish(&params, &mut with);
            }
            let is_later = row.journal() == journal && before.is_some_and(|before| row.position() >= before);
            if !is_later {
                group.add(&row, id, wanted, &params);
            }
            true
        };
        let store = self.uses.store.for_background();
        let of = PeopleOf { site: id, session_ms, joined: true };
        store.for_each_person_event(of, &Plan::everyone(wanted.clone()), Histories::Unclear, each).await?;
        group.finish(&params, &mut with);
        Ok(())
    }
}

/// Visitors that reports count as one person.
struct Group {
    id: VisitorId,
    visitors: Vec<Arc<Profile>>,
    /// The visitor whose events are being read.
    current: Option<Profile>,
}

impl Group {
    const fn new(id: VisitorId) -> Self {
        Self { id, visitors: Vec::new(), current: None }
    }

    fn add(&mut self, row: &StoredEvent, site: SiteId, wanted: &WantedEvents, params: &Params) {
        let Some(mut event) = row.profile_event() else { return };
        if self.current.as_ref().is_none_or(|profile| profile.visitor != row.visitor()) {
            self.visitors.extend(self.current.take().map(Arc::new));
            self.current = Some(Profile::empty(site, row.visitor()));
        }
        let Some(profile) = &mut self.current else { return };
        event.past = row.past_events(wanted);
        // Stored events are folded in order of time; a profile accepts ascending positions only.
        event.position = profile.folded.map_or(Position(0), |folded| folded.plus(1));
        reducer::fold(profile, &event, params);
    }

    /// Only verified identities join visitors, as in decisions.
    fn finish(mut self, params: &Params, with: &mut impl FnMut(&Profile)) {
        self.visitors.extend(self.current.take().map(Arc::new));
        // The browser used last is the one whose session counts.
        self.visitors.sort_by_key(|profile| std::cmp::Reverse(profile.last_seen));
        while !self.visitors.is_empty() {
            let own = self.visitors.remove(0);
            let key = person::key_of(&own);
            let (mut others, rest) = std::mem::take(&mut self.visitors)
                .into_iter()
                .partition::<Vec<_>, _>(|other| person::key_of(other) == key);
            self.visitors = rest;
            if others.is_empty() {
                with(&own);
            } else {
                others.truncate(BROWSERS_MAX);
                with(&join::join(&own, &others, &own.user_id, params.half_life_ms));
            }
        }
    }
}
