//! Evaluates people and stores what changed in one transaction.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
    time::Duration,
};

use super::{
    Service,
    evaluation::Evaluation,
    followed::FollowedSite,
    types::{Asked, Evaluated, Part, Read},
};
use crate::{
    catalog::snapshot::SiteSnapshot,
    control::{ControlError, MembershipWrite, PersonRow},
    model::SiteId,
};
use futures_util::{StreamExt, stream};

/// Profiles read at a time.
const READS_MAX: usize = 8;
/// Time to read a profile.
const BUDGET: Duration = Duration::from_secs(2);
/// How long an event that is durable may be missing in its profile.
const FOLD_PAUSE: Duration = Duration::from_millis(10);
const FOLD_PAUSES_MAX: usize = 20;
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
