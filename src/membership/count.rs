//! Counts a new or changed rule over the stored past, silently: its members at that time are not called for.
//!
//! Only events before the position at which the rule was stored count, so that whoever enters by a later one is noticed.

use std::{collections::HashMap, time::Duration};

use super::{Membership, Service, followed::FollowedSegment, person::Person, read::day_of, transition::next_time};
use crate::{
    catalog::snapshot::SiteSnapshot,
    control::{ControlError, MembershipWrite},
    decide::{self, Context},
    model::{Position, Profile, SiteId, Timestamp, WantedEvents},
    segments::{Evaluator, RuleSet},
    store::{ErrorKind, StoreError},
    tasks::Stopping,
};

/// Pause between attempts.
const PAUSE: Duration = Duration::from_secs(1);
/// People stored in one transaction.
const PEOPLE_MAX: usize = 500;

/// Why counting failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CountError {
    /// The warehouse failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// People found by a count.
#[derive(Default)]
struct Found {
    people: Vec<Person>,
    members: HashMap<u32, u64>,
    omitted: u64,
}

impl Membership {
    /// Counts segments that have not been, until the service stops.
    pub async fn run_count(self, mut stopping: Stopping) {
        let service = &self.0;
        loop {
            tokio::select! {
                () = service.uncounted.notified() => {}
                stop = stopping.sleep(PAUSE) => if stop { return },
            }
            for (site, position, at) in service.to_count() {
                let counted = tokio::select! {
                    counted = service.count(site, position, at) => counted,
                    () = stopping.wait() => return,
                };
                match counted {
                    Ok(true) => {
                        if let Err(error) = self.sync().await {
                            tracing::warn!(%error, "counted segments cannot be published; trying again");
                        }
                    }
                    Ok(false) => {}
                    // A warehouse that is starting or briefly unavailable is no failure.
                    Err(CountError::Store(error)) if error.kind() == ErrorKind::Retry => {}
                    Err(error) => tracing::warn!(%site, %error, "a segment cannot be counted; trying again"),
                }
            }
        }
    }
}

impl Service {
    /// What has not been counted: site, position and time.
    fn to_count(&self) -> Vec<(SiteId, Position, Timestamp)> {
        let followed = self.followed.load();
        let mut found: Vec<_> = followed
            .iter()
            .flat_map(|(site, followed)| followed.segments.iter().map(move |segment| (*site, segment)))
            .filter(|(_, segment)| !segment.row.counted)
            .map(|(site, segment)| (site, segment.row.position, segment.row.counted_at))
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// Counts the segments of a site that were stored at a position and time. Returns whether any was.
    async fn count(&self, id: SiteId, position: Position, at: Timestamp) -> Result<bool, CountError> {
        let Some((followed, site)) = self.site(id) else { return Ok(false) };
        if *self.uses.delivered.borrow() < position {
            return Ok(false);
        }
        let mut later = RuleSet::default();
        if self.uses.values.generation().is_none() {
            later.merge(followed.index.by_value());
        }
        let places = followed.segments.iter().enumerate().filter(|(place, segment)| {
            let row = &segment.row;
            !row.counted && (row.position, row.counted_at) == (position, at) && !later.contains(*place)
        });
        let places: Vec<usize> = places.map(|(place, _)| place).collect();
        if places.is_empty() {
            return Ok(false);
        }
        let mut wanted = WantedEvents::default();
        for place in &places {
            followed.segments[*place].rule.add_wanted(&mut wanted);
        }
        let mut found = Found::default();
        let rules: Vec<(&FollowedSegment, bool)> = places
            .iter()
            .map(|place| (&followed.segments[*place], followed.index.by_interest().contains(*place)))
            .collect();
        let limit = self.uses.config.people_max as usize;
        self.for_each_stored_person(&site, &wanted, Some(position), |profile| {
            found.add(self.evaluated((&site, profile), &rules, at), limit);
        })
        .await?;
        if found.omitted > 0 {
            tracing::warn!(site = %id, omitted = found.omitted, "a segment has more members than `membership.people_max`");
        }
        let Found { people, members, .. } = found;
        if !self.store_counted(id, people, &rules).await? {
            return Ok(false);
        }
        let day = day_of(at, &site.site.timezone);
        for (segment, _) in &rules {
            let members = members.get(&segment.number).copied().unwrap_or(0);
            self.uses.control.segment_is_counted(&segment.row, members, &day).await?;
        }
        Ok(true)
    }

    /// A person with the segments they were in at a time.
    fn evaluated(
        &self,
        (site, profile): (&SiteSnapshot, &Profile),
        rules: &[(&FollowedSegment, bool)],
        at: Timestamp,
    ) -> Person {
        let value = self.uses.values.of(site.site.id, profile);
        let context = Context::without_page(at, value, self.uses.settings);
        let facts = decide::facts(profile, site, &context);
        let evaluator = Evaluator::new(&facts, &site.site, at);
        let mut person = Person::new(profile);
        for (segment, fades) in rules {
            let held = evaluator.held(&segment.rule);
            person.wake_by(held.until.map(|until| next_time(until, *fades, at)));
            if held.holds {
                person.enter(segment.number, held.since.map_or(at, |since| since.min(at)));
            }
        }
        person
    }

    /// Adds what was found to what is kept of the people; false if the segments changed meanwhile.
    async fn store_counted(
        &self,
        id: SiteId,
        people: Vec<Person>,
        rules: &[(&FollowedSegment, bool)],
    ) -> Result<bool, ControlError> {
        for chunk in people.chunks(PEOPLE_MAX) {
            let _writing = self.writing.lock().await;
            let Some((followed, _)) = self.site(id) else { return Ok(false) };
            if !rules.iter().all(|(segment, _)| followed.has(segment.number)) {
                return Ok(false);
            }
            let keys: Vec<u128> = chunk.iter().map(|person| person.key).collect();
            let rows = self.uses.control.segment_people(id, &keys).await?;
            let known: HashMap<u128, Person> = rows.iter().map(|row| (row.person, Person::from(row))).collect();
            let merged = chunk.iter().map(|found| {
                let mut person = known.get(&found.key).cloned().unwrap_or_else(|| found.clone());
                person.absorb(found);
                person.segments.retain(|(number, _)| followed.has(*number));
                person.row(id)
            });
            let write = MembershipWrite { people: merged.collect(), ..MembershipWrite::default() };
            self.store(&write).await?;
        }
        Ok(true)
    }
}

impl Found {
    fn add(&mut self, person: Person, limit: usize) {
        if person.is_idle() {
            return;
        }
        if self.people.len() >= limit {
            self.omitted += 1;
            return;
        }
        for (number, _) in &person.segments {
            *self.members.entry(*number).or_default() += 1;
        }
        self.people.push(person);
    }
}
