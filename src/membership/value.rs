//! Rules that ask for a person's value: when values change, stored people are compared with what is kept, and those who
//! differ are evaluated.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::{Membership, Service, count::CountError, followed::FollowedSite, person::decode};
use crate::{
    catalog::snapshot::SiteSnapshot,
    clock,
    control::{MembershipWrite, WaitingRow},
    decide::{self, Context},
    model::{SiteId, VisitorId, WantedEvents},
    segments::{Evaluator, RuleSet},
    store::ErrorKind,
    tasks::Stopping,
    wire::segments::ChangeReason,
};

/// How often it is checked whether values changed.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// A comparison rests at least so many times as long as the last one took.
const REST_FACTOR: u32 = 20;
/// People read or stored at a time.
const PEOPLE_MAX: u32 = 5000;

impl Membership {
    /// Compares people whenever values changed, until the service stops.
    pub async fn run_values(self, mut stopping: Stopping) {
        let service = &self.0;
        let (mut compared, mut next) = (None, Instant::now());
        while !stopping.sleep(CHECK_INTERVAL).await {
            let generation = service.uses.values.generation();
            if generation.is_none() || generation == compared || Instant::now() < next {
                continue;
            }
            let begun = Instant::now();
            let result = tokio::select! {
                result = service.compare_all() => result,
                () = stopping.wait() => return,
            };
            match result {
                Ok(()) => compared = generation,
                Err(CountError::Store(error)) if error.kind() == ErrorKind::Retry => {}
                Err(error) => {
                    tracing::warn!(%error, "segments cannot be compared with the values of people; trying again");
                }
            }
            let rest = Duration::from_mins(service.uses.config.value_minutes.into());
            next = Instant::now() + rest.max(begun.elapsed() * REST_FACTOR);
        }
    }
}

impl Service {
    async fn compare_all(&self) -> Result<(), CountError> {
        let followed = self.followed.load_full();
        for (id, followed) in followed.iter().filter(|(_, followed)| !followed.index.by_value().is_empty()) {
            if let Some((_, site)) = self.site(*id) {
                self.compare(followed, &site).await?;
            }
        }
        Ok(())
    }

    async fn compare(&self, followed: &FollowedSite, site: &SiteSnapshot) -> Result<(), CountError> {
        let id = site.site.id;
        let mut holders = self.holders(followed, site).await?;
        let by_number: HashMap<u32, usize> =
            (followed.index.by_value().iter()).map(|place| (followed.segments[place].number, place)).collect();
        let mut differing = Vec::new();
        let mut after = None;
        loop {
            let rows = self.uses.control.segment_people_after(id, after, PEOPLE_MAX).await?;
            for row in &rows {
                let mut known = RuleSet::default();
                let places = decode(&row.segments).filter_map(|(number, _)| by_number.get(&number));
                places.for_each(|place| known.add(*place));
                let found = holders.remove(&row.person).map(|(_, rules)| rules).unwrap_or_default();
                if !(known.contains_all(&found) && found.contains_all(&known)) {
                    differing.push(row.visitor);
                }
            }
            self.store_differing(id, &mut differing).await?;
            match rows.last() {
                Some(last) if rows.len() == PEOPLE_MAX as usize => after = Some(last.person),
                _ => break,
            }
        }
        differing.extend(holders.into_values().map(|(visitor, _)| visitor));
        self.store_differing(id, &mut differing).await
    }

    /// Who is in segments by value, by the stored past: key, visitor and rules.
    async fn holders(
        &self,
        followed: &FollowedSite,
        site: &SiteSnapshot,
    ) -> Result<HashMap<u128, (VisitorId, RuleSet)>, CountError> {
        let places: Vec<usize> = followed.index.by_value().iter().collect();
        let mut wanted = WantedEvents::default();
        for place in &places {
            followed.segments[*place].rule.add_wanted(&mut wanted);
        }
        let now = clock::now();
        let mut holders = HashMap::new();
        self.for_each_stored_person(site, &wanted, None, |profile| {
            let context = Context::without_page(now, self.uses.values.of(site.site.id, profile), self.uses.settings);
            let facts = decide::facts(profile, site, &context);
            let evaluator = Evaluator::new(&facts, &site.site, now);
            let mut rules = RuleSet::default();
            let held = places.iter().filter(|place| followed.counted.contains(**place));
            held.filter(|place| evaluator.holds(&followed.segments[**place].rule)).for_each(|place| rules.add(*place));
            if !rules.is_empty() && holders.len() < self.uses.config.people_max as usize {
                holders.insert(super::person::key_of(profile), (profile.visitor, rules));
            }
        })
        .await?;
        Ok(holders)
    }

    async fn store_differing(&self, site: SiteId, visitors: &mut Vec<VisitorId>) -> Result<(), CountError> {
        let now = clock::now();
        for chunk in visitors.chunks(PEOPLE_MAX as usize) {
            let waiting = chunk.iter().map(|visitor| WaitingRow {
                site,
                visitor: *visitor,
                reason: ChangeReason::Value as u8,
                event: String::new(),
                next_at: now,
            });
            let write = MembershipWrite { waiting: waiting.collect(), ..MembershipWrite::default() };
            self.store(&write).await?;
        }
        visitors.clear();
        Ok(())
    }
}
