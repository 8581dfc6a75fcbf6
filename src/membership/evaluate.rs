//! Evaluates people and stores what changed in one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{Service, evaluation::Evaluation, followed::FollowedSite};
use crate::{
    catalog::snapshot::SiteSnapshot,
    control::{ControlError, MembershipWrite, PersonRow},
    model::{Position, Profile, SiteId, Timestamp, VisitorId},
    segments::RuleSet,
    wire::segments::ChangeReason,
};
use futures_util::{StreamExt, stream};

/// Profiles read at a time.
const READS_MAX: usize = 8;
/// Time to read a profile.
const BUDGET: Duration = Duration::from_secs(2);
/// How long an event that is durable may be missing in its profile.
const FOLD_PAUSE: Duration = Duration::from_millis(10);
const FOLD_PAUSES_MAX: usize = 20;
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
    pub(super) fn rules(&self, followed: &FollowedSite) -> RuleSet {
        if self.all {
            return followed.index.all();
        }
        let mut rules = RuleSet::default();
        self.events.iter().for_each(|(_, of_event)| rules.merge(of_event));
        rules
    }

    /// The last event that concerns a rule, else the last one.
    pub(super) fn event_for(&self, rule: usize) -> &str {
        let concerning = self.events.iter().rev().find(|(_, rules)| rules.contains(rule));
        concerning.or(self.events.last()).map_or("", |(name, _)| name)
    }
}

/// A visitor with the profile to evaluate.
pub(super) struct Read {
    pub(super) asked: Asked,
    pub(super) profile: Arc<Profile>,
    pub(super) is_complete: bool,
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
        let mut evaluation = Evaluation::new(self, (followed, site), write);
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
        evaluation.finish();
        Ok(())
    }
}
