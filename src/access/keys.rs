//! Keys of programs, held in memory by their hashes: a call with a key asks no database, and a key that was
//! revoked or has expired opens nothing from that moment on.

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use crate::{
    control::{Control, ControlError, KeyRow},
    model::{SiteId, Timestamp},
};

/// Times closer together than this are one use.
const USE_MS: i64 = 60_000;

/// The keys.
#[derive(Debug)]
pub struct Keys {
    by_hash: RwLock<HashMap<String, Arc<Held>>>,
}

#[derive(Debug)]
struct Held {
    row: KeyRow,
    /// When it was last used, milliseconds; 0: never.
    used: AtomicI64,
    /// The same as the database has it.
    noted: AtomicI64,
}

impl Held {
    fn new(row: KeyRow) -> Arc<Self> {
        let used = row.last_used_at.map_or(0, |at| at.0);
        Arc::new(Self { row, used: used.into(), noted: used.into() })
    }

    fn shown(&self) -> KeyRow {
        let used = self.used.load(Relaxed);
        KeyRow { last_used_at: (used > 0).then_some(Timestamp(used)), ..self.row.clone() }
    }
}

impl Keys {
    /// Reads them all.
    pub async fn load(control: &Control) -> Result<Self, ControlError> {
        let keys = control.keys().await?.into_iter().map(|(hash, row)| (hash, Held::new(row)));
        Ok(Self { by_hash: RwLock::new(keys.collect()) })
    }

    /// What the key with this hash opens now.
    pub fn find(&self, hash: &str, now: Timestamp) -> Option<KeyRow> {
        let held = self.read(|keys| keys.get(hash).cloned())?;
        if held.row.expires_at.is_some_and(|at| at <= now) {
            return None;
        }
        if now.0 - held.used.load(Relaxed) >= USE_MS {
            held.used.store(now.0, Relaxed);
        }
        Some(held.row.clone())
    }

    /// Takes up a new key.
    pub fn add(&self, hash: String, row: KeyRow) {
        self.write(|keys| keys.insert(hash, Held::new(row)));
    }

    /// Lets a key open nothing any more.
    pub fn remove(&self, site: SiteId, id: i64) {
        self.write(|keys| keys.retain(|_, held| held.row.site != site || held.row.id != id));
    }

    /// The same for all keys of a site.
    pub fn remove_site(&self, site: SiteId) {
        self.write(|keys| keys.retain(|_, held| held.row.site != site));
    }

    /// The keys of a site in the order in which they were made.
    pub fn of_site(&self, site: SiteId) -> Vec<KeyRow> {
        let of_site = |keys: &HashMap<String, Arc<Held>>| {
            keys.values().filter(|held| held.row.site == site).map(|held| held.shown()).collect::<Vec<_>>()
        };
        let mut found = self.read(of_site);
        found.sort_by_key(|key| key.id);
        found
    }

    /// Brings the times of last use to the database.
    pub async fn note_used(&self, control: &Control) -> Result<(), ControlError> {
        let all: Vec<Arc<Held>> = self.read(|keys| keys.values().cloned().collect());
        let dirty: Vec<(Arc<Held>, i64)> = all
            .into_iter()
            .map(|held| (held.used.load(Relaxed), held))
            .filter(|(used, held)| *used != held.noted.load(Relaxed))
            .map(|(used, held)| (held, used))
            .collect();
        if dirty.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = dirty.iter().map(|(held, used)| (held.row.id, Timestamp(*used))).collect();
        control.note_keys_used(&rows).await?;
        for (held, used) in dirty {
            held.noted.store(used, Relaxed);
        }
        Ok(())
    }

    fn read<T>(&self, read: impl FnOnce(&HashMap<String, Arc<Held>>) -> T) -> T {
        read(&self.by_hash.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut HashMap<String, Arc<Held>>) -> T) -> T {
        write(&mut self.by_hash.write().unwrap_or_else(PoisonError::into_inner))
    }
}
