//! Tombstones of erased people: what happened before an erasure must not come back by an import, by a late delivery of a
//! client, by a replay of the quarantine or by an older backup.
//!
//! A tombstone is a keyed hash, under the site's secret, of a visitor id or user id, and the time of the erasure: it
//! recognizes someone, and names no one. Events that occurred later are not affected: a visitor who returns starts a new
//! history. Tombstones are kept for [`KEPT_MS`]; backups older than that must not be restored.
//!
//! The file `erasures.ndjson` has one JSON object per line: `{"site_id", "hash", "erased_at"}`. It is only appended to,
//! synced before an erasure begins, and rewritten without expired lines at a start. Keep a copy of it outside of the
//! machine: restoring a backup applies it.
//! Example: `erasures.covers(&site, visitor, "user-1", occurred_at)`.

mod file;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
};

use arc_swap::ArcSwap;
pub use file::Tombstone;
use parking_lot::Mutex;

use crate::model::{Site, SiteId, Timestamp, VisitorId};

/// Name of the file in the data directory.
pub const FILE: &str = "erasures.ndjson";
/// How long a tombstone is kept: three years, milliseconds.
pub const KEPT_MS: i64 = 3 * 366 * 86_400_000;

/// The tombstones of all sites.
#[derive(Debug)]
pub struct Erasures {
    path: PathBuf,
    live: ArcSwap<HashMap<SiteId, SiteErasures>>,
    /// Held while the file is written.
    writing: Mutex<()>,
}

/// Tombstones of one site.
#[derive(Debug, Clone, Default)]
struct SiteErasures {
    /// Time of the last erasure: events after it need no look.
    last: Timestamp,
    /// Time of the last erasure by hash.
    by_hash: HashMap<u128, Timestamp>,
}

/// Whom an erasure concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Person<'a> {
    /// A browser or device.
    Visitor(VisitorId),
    /// A user of the site.
    User(&'a str),
}

impl Person<'_> {
    /// The hash under the site's secret.
    #[must_use]
    pub fn hash(self, site: &Site) -> u128 {
        let key = blake3::derive_key("ashna tombstone of an erased person v1", site.secret.as_bytes());
        let mut hasher = blake3::Hasher::new_keyed(&key);
        match self {
            Self::Visitor(visitor) => hasher.update(b"visitor").update(&visitor.0.to_le_bytes()),
            Self::User(user) => hasher.update(b"user").update(user.as_bytes()),
        };
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        u128::from_le_bytes(bytes)
    }
}

impl Erasures {
    /// Reads the file in the data directory, without tombstones that are expired at `now`.
    ///
    /// # Errors
    /// If the file cannot be read or written.
    pub fn open(data_dir: &Path, now: Timestamp) -> io::Result<Self> {
        let path = data_dir.join(FILE);
        let stored = file::read(&path)?;
        let kept: Vec<Tombstone> =
            stored.iter().filter(|tombstone| now.since(tombstone.erased_at) < KEPT_MS).copied().collect();
        if kept.len() < stored.len() {
            file::rewrite(&path, &kept)?;
        }
        let mut live = HashMap::new();
        for tombstone in &kept {
            insert(&mut live, tombstone);
        }
        Ok(Self { path, live: ArcSwap::from_pointee(live), writing: Mutex::default() })
    }

    /// Adds tombstones; they are on disk when this returns. Blocks on the disk.
    ///
    /// # Errors
    /// If the file cannot be written: nothing is added then.
    pub fn add(&self, tombstones: &[Tombstone]) -> io::Result<()> {
        let _lock = self.writing.lock();
        file::append(&self.path, tombstones)?;
        let mut live = HashMap::clone(&self.live.load());
        for tombstone in tombstones {
            insert(&mut live, tombstone);
        }
        self.live.store(std::sync::Arc::new(live));
        Ok(())
    }

    /// Whether something that occurred at `occurred_at` belongs to a person who was erased later. Costs nothing for events
    /// of the present.
    #[must_use]
    pub fn covers(&self, site: &Site, visitor: VisitorId, user_id: &str, occurred_at: Timestamp) -> bool {
        let live = self.live.load();
        let Some(of_site) = live.get(&site.id).filter(|of_site| occurred_at < of_site.last) else { return false };
        let is_erased =
            |person: Person<'_>| of_site.by_hash.get(&person.hash(site)).is_some_and(|at| occurred_at < *at);
        (visitor.is_identified() && is_erased(Person::Visitor(visitor)))
            || (!user_id.is_empty() && is_erased(Person::User(user_id)))
    }

    /// When a visitor was erased last.
    #[must_use]
    pub fn erased_at(&self, site: &Site, visitor: VisitorId) -> Option<Timestamp> {
        self.live.load().get(&site.id)?.by_hash.get(&Person::Visitor(visitor).hash(site)).copied()
    }

    /// Whether the site has tombstones.
    #[must_use]
    pub fn has_any(&self, site: SiteId) -> bool {
        self.live.load().contains_key(&site)
    }
}

/// Reads the tombstones of a file, such as one kept outside of the machine.
///
/// # Errors
/// If the file cannot be read.
pub fn read(path: &Path) -> io::Result<Vec<Tombstone>> {
    file::read(path)
}

fn insert(live: &mut HashMap<SiteId, SiteErasures>, tombstone: &Tombstone) {
    let of_site = live.entry(tombstone.site).or_default();
    of_site.last = of_site.last.max(tombstone.erased_at);
    let at = of_site.by_hash.entry(tombstone.hash).or_default();
    *at = (*at).max(tombstone.erased_at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fixture::site;

    const VISITOR: VisitorId = VisitorId(7);

    fn tombstone(person: Person<'_>, at: i64) -> Tombstone {
        let site = site();
        Tombstone { site: site.id, hash: person.hash(&site), erased_at: Timestamp(at) }
    }

    #[test]
    fn only_what_occurred_before_the_erasure_of_that_person_is_covered_also_after_a_restart() {
        let (data, site) = (tempfile::tempdir().unwrap(), site());
        let erasures = Erasures::open(data.path(), Timestamp(0)).unwrap();
        let added = [tombstone(Person::Visitor(VISITOR), 1000), tombstone(Person::User("u-1"), 2000)];
        erasures.add(&added).unwrap();
        for erasures in [&erasures, &Erasures::open(data.path(), Timestamp(3000)).unwrap()] {
            assert!(erasures.covers(&site, VISITOR, "", Timestamp(999)));
            assert!(!erasures.covers(&site, VISITOR, "", Timestamp(1000)), "a new history");
            assert!(!erasures.covers(&site, VisitorId(8), "", Timestamp(999)), "another visitor");
            assert!(erasures.covers(&site, VisitorId(8), "u-1", Timestamp(1999)), "the user on another browser");
            assert!(!erasures.covers(&site, VisitorId::ANONYMOUS, "", Timestamp(0)));
            let other = Site { id: SiteId(site.id.0 + 1), ..site.clone() };
            assert!(!erasures.covers(&other, VISITOR, "", Timestamp(999)), "another site");
        }
        let text = std::fs::read_to_string(data.path().join(FILE)).unwrap();
        assert!(!text.contains("u-1") && !text.contains(&VISITOR.to_string()), "{text}");
    }

    #[test]
    fn expired_and_damaged_lines_are_left_out() {
        let data = tempfile::tempdir().unwrap();
        let now = Timestamp(KEPT_MS * 2);
        let erasures = Erasures::open(data.path(), now).unwrap();
        erasures.add(&[tombstone(Person::User("old"), 1), tombstone(Person::User("new"), now.0 - 1)]).unwrap();
        let path = data.path().join(FILE);
        let torn = std::fs::read_to_string(&path).unwrap() + "{\"site_id\":1,";
        std::fs::write(&path, torn).unwrap();
        let reopened = Erasures::open(data.path(), now).unwrap();
        assert!(reopened.covers(&site(), VisitorId(1), "new", Timestamp(5)));
        assert!(!reopened.covers(&site(), VisitorId(1), "old", Timestamp(0)));
        reopened.add(&[tombstone(Person::User("later"), now.0)]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 2);
    }
}
