//! Which segments are followed: those of the sites, as they are now.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    Membership, NOTHING_NEEDED, Service,
    followed::{self, FollowedSegment, FollowedSite, FollowedSites},
};
use crate::{
    catalog::snapshot::{SiteSnapshot, Snapshot},
    clock,
    control::{ControlError, FollowedRow, NewFollowed},
    model::{Position, SiteId},
    tasks::Stopping,
    wire::segments::SegmentBody,
};

/// How often changes are looked for that were not announced.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// How often old changes are removed.
const PRUNE_INTERVAL: Duration = Duration::from_mins(10);
const DAY_MS: i64 = 86_400_000;

/// The segments to follow: id and name, by site.
type Wanted = HashMap<SiteId, Vec<(Box<str>, String)>>;

impl Membership {
    /// Follows the segments that sites have now. Events that are acknowledged after it returned change them.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn sync(&self) -> Result<(), ControlError> {
        let _editing = self.0.editing.lock().await;
        // So that every part of the journal is evaluated either by what was followed before the position from which on a
        // new segment is, or by what is followed afterwards.
        let _writing = self.0.writing.lock().await;
        let sites = self.0.uses.sites.load_full();
        let wanted = self.0.wanted(&sites).await?;
        let rows = self.0.uses.control.followed_segments().await?;
        if wanted.is_empty() && rows.is_empty() {
            return self.0.follow_none().await;
        }
        self.0.update(&sites, &wanted, &rows).await?;
        let rows = self.0.uses.control.followed_segments().await?;
        self.0.publish(&sites, &wanted, rows);
        if wanted.is_empty() { self.0.follow_none().await } else { Ok(()) }
    }

    /// Looks for changes that were not announced, and removes old changes, until the service stops.
    pub async fn run_upkeep(self, mut stopping: Stopping) {
        let mut pruned = tokio::time::Instant::now();
        while !stopping.sleep(CHECK_INTERVAL).await {
            if let Err(error) = self.sync().await {
                tracing::warn!(%error, "the segments to follow cannot be read");
            }
            if pruned.elapsed() >= PRUNE_INTERVAL {
                pruned = tokio::time::Instant::now();
                if let Err(error) = self.0.prune().await {
                    tracing::warn!(%error, "old changes of segments cannot be removed");
                }
            }
        }
    }
}

impl Service {
    async fn wanted(&self, sites: &Snapshot) -> Result<Wanted, ControlError> {
        let mut wanted = Wanted::new();
        for (id, site) in &sites.sites {
            let is_called = |segment: &str| {
                ["segment.entered:", "segment.left:"]
                    .iter()
                    .any(|kind| self.uses.calls.are_wanted(*id, &[kind, segment].concat()))
            };
            // Without a read of the database for sites that have none.
            let follows = |segment: &crate::segments::CompiledSegment| !segment.is_builtin() || is_called(&segment.id);
            if !site.segments.iter().any(follows) {
                continue;
            }
            let bodies = self.uses.control.segments(*id).await?;
            let bodies = bodies.iter().filter_map(|body| serde_json::from_str::<SegmentBody>(body).ok());
            let names: HashMap<String, String> = bodies.map(|body| (body.id, body.name)).collect();
            wanted.insert(*id, followed::names_to_follow(site, &names, is_called));
        }
        Ok(wanted)
    }

    /// Stores which segments are followed.
    async fn update(&self, sites: &Snapshot, wanted: &Wanted, rows: &[FollowedRow]) -> Result<(), ControlError> {
        let known: HashMap<(SiteId, &str), &FollowedRow> =
            rows.iter().map(|row| ((row.site, row.segment.as_str()), row)).collect();
        let (journal, position, now) = (self.uses.journal.id(), self.uses.journal.next(), clock::now());
        let mut added = Vec::new();
        let mut kept: HashSet<(SiteId, &str)> = HashSet::new();
        for (site, segments) in wanted {
            let Some(snapshot) = sites.sites.get(site) else { continue };
            for (id, _) in segments {
                kept.insert((*site, id));
                let Some(segment) = snapshot.segments.get(id) else { continue };
                let fingerprint = followed::fingerprint(&segment.rule);
                // Positions of another journal say nothing about this one.
                let is_current =
                    |row: &&FollowedRow| row.fingerprint == fingerprint && (row.counted || row.journal == journal);
                if known.get(&(*site, &**id)).is_some_and(is_current) {
                    continue;
                }
                added.push(NewFollowed {
                    site: *site,
                    segment: id.to_string(),
                    fingerprint,
                    journal,
                    position,
                    counted_at: now,
                    // Before the first event there is nothing to count.
                    counted: position == Position(0),
                });
            }
        }
        let removed: Vec<(SiteId, String)> = rows
            .iter()
            .filter(|row| !kept.contains(&(row.site, row.segment.as_str())))
            .map(|row| (row.site, row.segment.clone()))
            .collect();
        if added.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let begins = self.position.borrow().0 == NOTHING_NEEDED && !added.is_empty();
        if begins {
            self.uses.needed_from.store(position.0, Ordering::Relaxed);
        }
        self.uses.control.follow_segments(&added, &removed, begins.then_some((journal, position))).await?;
        if begins {
            self.position.send_replace(position);
        }
        self.uncounted.notify_one();
        Ok(())
    }

    /// Publishes what is followed, if it changed.
    fn publish(&self, sites: &Snapshot, wanted: &Wanted, rows: Vec<FollowedRow>) {
        let mut by_site: HashMap<SiteId, Vec<FollowedSegment>> = HashMap::new();
        for row in rows {
            let name = wanted.get(&row.site).and_then(|names| names.iter().find(|(id, _)| **id == *row.segment));
            let segment = sites.sites.get(&row.site).and_then(|site| site.segments.get(&row.segment));
            let (Some((_, name)), Some(segment), Ok(number)) = (name, segment, u32::try_from(row.number)) else {
                continue;
            };
            let (name, rule) = (name.clone(), Arc::clone(&segment.rule));
            by_site.entry(row.site).or_default().push(FollowedSegment { number, row, name, rule });
        }
        let known = self.followed.load();
        let is_same = |site: &SiteId, segments: &[FollowedSegment]| {
            let known = known.get(site).filter(|known| known.segments.len() == segments.len());
            known.is_some_and(|known| {
                known
                    .segments
                    .iter()
                    .zip(segments)
                    .all(|(a, b)| (a.number, a.row.counted, &a.name) == (b.number, b.row.counted, &b.name))
            })
        };
        if by_site.len() == known.len() && by_site.iter().all(|(site, segments)| is_same(site, segments)) {
            return;
        }
        let sites: FollowedSites =
            by_site.into_iter().map(|(site, segments)| (site, Arc::new(FollowedSite::new(segments)))).collect();
        self.followed.store(Arc::new(sites));
        self.version.send_modify(|version| *version += 1);
    }

    /// Nothing is followed: the journal is not needed.
    async fn follow_none(&self) -> Result<(), ControlError> {
        if self.position.borrow().0 == NOTHING_NEEDED && self.followed.load().is_empty() {
            return Ok(());
        }
        self.followed.store(Arc::default());
        self.version.send_modify(|version| *version += 1);
        self.uses.control.clear_segment_cursor().await?;
        self.uses.needed_from.store(NOTHING_NEEDED, Ordering::Relaxed);
        self.position.send_replace(Position(NOTHING_NEEDED));
        Ok(())
    }

    /// A site and its segments, if any are followed.
    pub(super) fn site(&self, id: SiteId) -> Option<(Arc<FollowedSite>, Arc<SiteSnapshot>)> {
        let followed = Arc::clone(self.followed.load().get(&id)?);
        Some((followed, Arc::clone(self.uses.sites.load().sites.get(&id)?)))
    }

    async fn prune(&self) -> Result<(), ControlError> {
        let config = &self.uses.config;
        let before = |days: u32| clock::now().plus(-i64::from(days) * DAY_MS);
        let day = super::read::day_of(before(config.history_days), "UTC");
        self.uses.control.prune_segment_changes(before(config.changes_days), config.changes_max, &day).await
    }
}
