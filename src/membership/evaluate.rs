//! Evaluates people and stores what changed in one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{
    Service,
    followed::{FollowedSegment, FollowedSite},
    person::{self, Person},
    read::day_of,
    transition::{self, Transition},
};
use crate::{
    catalog::snapshot::SiteSnapshot,
    clock,
    control::{ControlError, MembershipWrite, NewChange, PersonRow, WaitingRow},
    decide::{self, Context},
    model::{Position, Profile, SiteId, Timestamp, VisitorId},
    segments::{Evaluator, RuleSet},
    webhooks::event::{Person as Called, WebhookEvent},
    wire::segments::ChangeReason,
};

/// Profiles read at a time.
const READS_MAX: usize = 8;
/// Time to read a profile.
const BUDGET: Duration = Duration::from_secs(2);
/// How long an event that is durable may be missing in its profile.
const FOLD_PAUSE: Duration = Duration::from_millis(10);
const FOLD_PAUSES_MAX: usize = 20;
/// A visitor whose past or value is not known now is evaluated after this long, and again after this long, milliseconds.
const RETRY_MS: i64 = 10_000;
const RETRY_AGAIN_MS: i64 = 60_000;
/// Visitors that may wait; more are evaluated with their next event.
const WAITING_MAX: u64 = 2_000_000;
/// Visitors whose user is remembered.
const USERS_MAX: usize = 200_000;

/// A visitor to evaluate.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) site: SiteId,
    pub(super) visitor: VisitorId,
    /// The user, if the person is known to be one.
    pub(super) user_id: String,
    /// Why; the last event that concerns a rule is given with it.
    pub(super) reason: ChangeReason,
    /// Names of events, each with the rules that it can change.
    pub(super) events: Vec<(Box<str>, RuleSet)>,
    /// Whether all rules are asked.
    pub(super) all: bool,
    /// Position that the profile must include.
    pub(super) position: Option<Position>,
    /// Time of the earliest of the events.
    pub(super) earliest: Option<Timestamp>,
    /// Whether the visitor waited.
    pub(super) waited: bool,
    /// Key of the person whose time has come.
    pub(super) due: Option<u128>,
}

/// A part of the journal that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Position after it.
    pub(super) end: Position,
    /// Version of what is followed, by which it was read.
    pub(super) version: u64,
    /// Whether the position is stored although nothing changed.
    pub(super) is_saved: bool,
}

/// What became of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evaluated {
    /// It is stored with its position.
    Saved,
    /// It changed nothing.
    Unsaved,
    /// What is followed changed meanwhile: to be read again.
    Outdated,
}

impl Asked {
    fn rules(&self, followed: &FollowedSite) -> RuleSet {
        if self.all {
            return followed.index.all();
        }
        let mut rules = RuleSet::default();
        self.events.iter().for_each(|(_, of_event)| rules.merge(of_event));
        rules
    }

    /// The last event that concerns a rule, else the last one.
    fn event_for(&self, rule: usize) -> &str {
        let concerning = self.events.iter().rev().find(|(_, rules)| rules.contains(rule));
        concerning.or(self.events.last()).map_or("", |(name, _)| name)
    }
}

/// A person with the profile to evaluate.
struct Read {
    asked: Asked,
    profile: Arc<Profile>,
    is_complete: bool,
}

/// Evaluates the people of one site.
struct Evaluation<'a> {
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

impl Service {
    /// Evaluates visitors and stores what changed, with the position up to which the journal was followed.
    pub(super) async fn evaluate(&self, asked: Vec<Asked>, part: Option<Part>) -> Result<Evaluated, ControlError> {
        let reads: Vec<Read> =
            stream::iter(asked).map(|asked| self.read_profile(asked)).buffered(READS_MAX).collect().await;
        let mut by_site: HashMap<SiteId, Vec<Read>> = HashMap::new();
        for read in reads {
            by_site.entry(read.asked.site).or_default().push(read);
        }
        let mut write = MembershipWrite::default();
        let _writing = self.writing.lock().await;
        if part.is_some_and(|part| part.version != *self.version.borrow()) {
            return Ok(Evaluated::Outdated);
        }
        for (id, reads) in by_site {
            let waited = reads.iter().filter(|read| read.asked.waited);
            write.evaluated.extend(waited.map(|read| (id, read.asked.visitor)));
            match self.site(id) {
                Some((followed, site)) => self.evaluate_site((&followed, &site), reads, &mut write).await?,
                None => write.removed.extend(reads.iter().filter_map(|read| Some((id, read.asked.due?)))),
            }
        }
        let Some(part) = part.filter(|part| part.is_saved || !write.is_empty()) else {
            self.store(&write).await?;
            return Ok(Evaluated::Unsaved);
        };
        write.cursor = Some((self.uses.journal.id(), part.end));
        self.store(&write).await?;
        Ok(Evaluated::Saved)
    }

    /// Stores a result.
    pub(super) async fn store(&self, write: &MembershipWrite) -> Result<(), ControlError> {
        if write.is_empty() && write.cursor.is_none() {
            return Ok(());
        }
        let dropped = self.uses.control.store_membership(write, self.uses.calls_waiting_max).await?;
        self.waiting.fetch_add(write.waiting.len() as u64, Ordering::Relaxed);
        let fewer = write.evaluated.len() as u64;
        let _ = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| Some(waiting.saturating_sub(fewer)));
        let entered = write.changes.iter().filter(|change| change.entered).count() as u64;
        self.uses.metrics.entered.inc_by(entered);
        self.uses.metrics.left.inc_by(write.changes.len() as u64 - entered);
        if !write.calls.is_empty() {
            self.uses.calls.were_queued(dropped);
        }
        Ok(())
    }

    /// The profile, with the event that asks: an event is durable shortly before it is in its profile.
    async fn read_profile(&self, asked: Asked) -> Read {
        let mut pauses = 0;
        loop {
            let known = self.uses.people.known(asked.site, asked.visitor, &asked.user_id, BUDGET);
            let (profile, is_complete) = known.await;
            let has_event = asked.position.is_none_or(|position| profile.folded >= Some(position));
            if has_event || !is_complete || pauses == FOLD_PAUSES_MAX {
                return Read { asked, profile, is_complete: is_complete && has_event };
            }
            pauses += 1;
            tokio::time::sleep(FOLD_PAUSE).await;
        }
    }

    async fn evaluate_site(
        &self,
        (followed, site): (&FollowedSite, &SiteSnapshot),
        reads: Vec<Read>,
        write: &mut MembershipWrite,
    ) -> Result<(), ControlError> {
        let has_values = self.uses.values.generation().is_some();
        let mut evaluable = followed.counted.clone();
        if !has_values {
            evaluable.remove_all(followed.index.by_value());
        }
        let mut evaluation = Evaluation {
            service: self,
            followed,
            site,
            now: clock::now(),
            has_values,
            evaluable,
            write,
            members: HashMap::new(),
        };
        let people = evaluation.group(reads);
        let keys: HashSet<u128> =
            people.iter().flat_map(|(_, key, visitors)| [&[*key][..], visitors].concat()).collect();
        let keys: Vec<u128> = keys.into_iter().collect();
        let rows = self.uses.control.segment_people(site.site.id, &keys).await?;
        let mut rows: HashMap<u128, PersonRow> = rows.into_iter().map(|row| (row.person, row)).collect();
        self.uses.metrics.evaluated.inc_by(people.len() as u64);
        for (read, key, visitors) in people {
            evaluation.person(read, key, &visitors, &mut rows);
        }
        let members = evaluation.members;
        write.members.extend(members.into_iter().map(|(number, change)| (i64::from(number), change)));
        Ok(())
    }
}

impl Evaluation<'_> {
    /// One entry for each person: what is asked, the key, and the visitors' own keys. Visitors whose profile is not
    /// complete wait.
    fn group(&mut self, reads: Vec<Read>) -> Vec<(Read, u128, Vec<u128>)> {
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
            match places.get(&key) {
                Some(place) => {
                    let (known, _, known_visitors) = &mut people[*place];
                    let before = std::mem::replace(known, read);
                    known.asked.all |= before.asked.all;
                    known.asked.events = [before.asked.events, std::mem::take(&mut known.asked.events)].concat();
                    known_visitors.extend(visitors);
                }
                None => {
                    places.insert(key, people.len());
                    people.push((read, key, visitors));
                }
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

    fn person(&mut self, read: Read, key: u128, visitors: &[u128], rows: &mut HashMap<u128, PersonRow>) {
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
