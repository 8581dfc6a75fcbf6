//! Evaluates the people of one site, and collects what changed.

use std::{collections::HashMap, sync::atomic::Ordering};

use serde_json::json;

use super::{
    Service,
    followed::{FollowedSegment, FollowedSite},
    person::{self, Person},
    read::day_of,
    transition::{self, Transition},
    types::{Asked, Read},
};
use crate::{
    catalog::snapshot::SiteSnapshot,
    clock,
    control::{MembershipWrite, NewChange, PersonRow, WaitingRow},
    decide::{self, Context},
    model::{Profile, Timestamp, VisitorId},
    segments::{Evaluator, RuleSet},
    webhooks::event::{Person as Called, WebhookEvent},
    wire::segments::ChangeReason,
};

/// A visitor whose past or value is not known now is evaluated after this long, and again after this long, milliseconds.
const RETRY_MS: i64 = 2_000;
const RETRY_AGAIN_MS: i64 = 15_000;
/// Visitors that may wait; more are evaluated with their next event.
const WAITING_MAX: u64 = 2_000_000;
/// Visitors whose user is remembered.
const USERS_MAX: usize = 200_000;

/// Evaluates the people of one site.
pub(super) struct Evaluation<'a> {
    service: &'a Service,
    followed: &'a FollowedSite,
    site: &'a SiteSnapshot,
    now: Timestamp,
    has_values: bool,
    /// The rules that can be evaluated now.
    evaluable: RuleSet,
    write: &'a mut MembershipWrite,
    members: HashMap<u32, i64>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        service: &'a Service,
        (followed, site): (&'a FollowedSite, &'a SiteSnapshot),
        write: &'a mut MembershipWrite,
    ) -> Self {
        let has_values = service.uses.values.generation().is_some();
        let mut evaluable = followed.counted.clone();
        if !has_values {
            evaluable.remove_all(followed.index.by_value());
        }
        Self { service, followed, site, now: clock::now(), has_values, evaluable, write, members: HashMap::new() }
    }

    /// The rest of what changed.
    pub(super) fn finish(self) {
        let members = self.members.into_iter().map(|(number, change)| (i64::from(number), change));
        self.write.members.extend(members);
    }

    /// One entry for each person: what is asked, the key, and the visitors' own keys. Visitors whose profile is not
    /// complete wait.
    pub(super) fn group(&mut self, reads: Vec<Read>) -> Vec<(Read, u128, Vec<u128>)> {
        let mut places: HashMap<u128, usize> = HashMap::new();
        let mut people: Vec<(Read, u128, Vec<u128>)> = Vec::new();
        for mut read in reads {
            if !read.is_complete {
                let retry_at = self.now.plus(RETRY_AGAIN_MS);
                match read.asked.due {
                    Some(key) => self.write.postponed.push((read.asked.site, key, retry_at)),
                    None => self.wait(&read.asked, RETRY_MS),
                }
                continue;
            }
            let key = person::key_of(&read.profile);
            let visitor = read.asked.visitor;
            // A browser may belong to another user by now.
            let visitors = if read.asked.user_id.is_empty() { vec![visitor.0] } else { Vec::new() };
            if key != visitor.0 && self.remember_user(visitor, key) {
                read.asked.all = true;
            }
            let is_first = read.asked.earliest.is_some_and(|earliest| read.profile.first_seen >= earliest);
            read.asked.all |= is_first;
            let rules = read.asked.rules(self.followed);
            if read.asked.due.is_none() && !self.followed.counted.contains_all(&rules) {
                // A segment is being counted: asked again afterwards. Times are found by counting.
                self.wait(&read.asked, 0);
            } else if self.followed.counted.iter().any(|rule| rules.contains(rule) && !self.evaluable.contains(rule)) {
                self.wait(&read.asked, RETRY_MS);
            }
            if let Some(place) = places.get(&key) {
                let (known, _, known_visitors) = &mut people[*place];
                let before = std::mem::replace(known, read);
                known.asked.all |= before.asked.all;
                known.asked.events = [before.asked.events, std::mem::take(&mut known.asked.events)].concat();
                known_visitors.extend(visitors);
            } else {
                places.insert(key, people.len());
                people.push((read, key, visitors));
            }
        }
        people
    }

    /// Returns whether the visitor was not evaluated as this user before, as far as is remembered.
    fn remember_user(&self, visitor: VisitorId, key: u128) -> bool {
        let mut users = self.service.users.lock();
        if users.len() >= USERS_MAX {
            users.clear();
        }
        users.insert((self.site.site.id, visitor), key) != Some(key)
    }

    /// Evaluates the visitor again later.
    fn wait(&mut self, asked: &Asked, delay_ms: i64) {
        if self.service.waiting.load(Ordering::Relaxed) + self.write.waiting.len() as u64 >= WAITING_MAX {
            self.service.uses.metrics.forgotten.inc();
            return;
        }
        self.write.waiting.push(WaitingRow {
            site: asked.site,
            visitor: asked.visitor,
            reason: asked.reason as u8,
            event: asked.event_for(usize::MAX).to_owned(),
            next_at: self.now.plus(if asked.waited { RETRY_AGAIN_MS } else { delay_ms }),
        });
    }

    /// Evaluates a person; `rows` is what is kept of them.
    pub(super) fn person(&mut self, read: Read, key: u128, visitors: &[u128], rows: &mut HashMap<u128, PersonRow>) {
        let Read { mut asked, profile, .. } = read;
        let stored = rows.remove(&key);
        let mut person = stored.as_ref().map_or_else(|| Person::new(&profile), Person::from);
        // What was kept of a visitor who turned out to be this person.
        for visitor in visitors.iter().filter(|visitor| **visitor != key) {
            let Some(row) = rows.remove(visitor) else { continue };
            for number in person.absorb(&Person::from(&row)) {
                *self.members.entry(number).or_default() -= 1;
            }
            asked.all = true;
            self.write.removed.push((asked.site, *visitor));
        }
        person.segments.retain(|(number, _)| self.followed.has(*number));
        if profile.events == 0 {
            // Erased, or the events of a shared browser belong to another user.
            for (number, _) in person.segments.drain(..) {
                *self.members.entry(number).or_default() -= 1;
            }
            person.wake_at = None;
        } else {
            for transition in self.transitions(&asked, &profile, &mut person) {
                self.change(&asked, &profile, &person, transition);
            }
        }
        if person.is_idle() {
            if stored.is_some() {
                self.write.removed.push((asked.site, key));
            }
        } else if stored.as_ref().map(Person::from).as_ref() != Some(&person) {
            person.visitor = profile.visitor;
            self.write.people.push(person.row(asked.site));
        }
    }

    fn transitions(&self, asked: &Asked, profile: &Profile, person: &mut Person) -> Vec<Transition> {
        let (service, site) = (self.service, self.site);
        let value = service.uses.values.of(site.site.id, profile);
        let context = Context::without_page(self.now, value, service.uses.settings);
        let facts = decide::facts(profile, site, &context);
        let evaluator = Evaluator::new(&facts, &site.site, self.now);
        let rule = |index: usize| self.followed.rule(index, self.has_values);
        transition::evaluate(&evaluator, person, (rule, &asked.rules(self.followed), asked.all), self.now)
    }

    fn change(&mut self, asked: &Asked, profile: &Profile, person: &Person, transition: Transition) {
        let Transition { rule, entered, since } = transition;
        let segment = &self.followed.segments[rule];
        *self.members.entry(segment.number).or_default() += if entered { 1 } else { -1 };
        let event = if asked.reason == ChangeReason::Event { asked.event_for(rule) } else { "" };
        self.write.changes.push(NewChange {
            site: asked.site,
            segment: segment.row.segment.clone(),
            visitor: profile.visitor,
            user_id: profile.user_id.to_string(),
            entered,
            at: self.now,
            day: day_of(self.now, &self.site.site.timezone),
            reason: asked.reason as u8,
            event: event.to_owned(),
        });
        let identity = [
            &segment.number.to_le_bytes()[..],
            &person.key.to_le_bytes(),
            &self.now.0.to_le_bytes(),
            &[u8::from(entered)],
        ]
        .concat();
        let called = called(segment, profile, (entered, since, self.now), (asked.reason, event));
        self.write.calls.extend(self.service.uses.calls.of(asked.site, &called, &identity));
    }
}

/// What webhooks are called with.
fn called(
    segment: &FollowedSegment,
    profile: &Profile,
    (entered, since, at): (bool, Timestamp, Timestamp),
    (reason, event): (ChangeReason, &str),
) -> WebhookEvent {
    let id = &segment.row.segment;
    WebhookEvent {
        kind: [if entered { "segment.entered:" } else { "segment.left:" }, id].concat(),
        person: Called {
            visitor: profile.visitor,
            user_id: profile.user_id.to_string(),
            user_verified: profile.user_verified,
        },
        at,
        data: json!({
            "segment": id,
            "name": segment.name,
            "since": since.to_string(),
            "reason": reason,
            "event": if event.is_empty() { None } else { Some(event) },
        }),
    }
}
