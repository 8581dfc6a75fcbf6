//! API keys in memory, by their hashes: requests need no database access, and revoked or expired keys are refused at
//! once.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::Relaxed},
    },
};

use parking_lot::RwLock;

use crate::{
    control::{Control, ControlError, KeyRow},
    model::{SiteId, Timestamp},
};

/// Resolution of the time of last use.
const USE_MS: i64 = 60_000;

/// All API keys.
#[derive(Debug)]
pub struct Keys {
    by_hash: RwLock<HashMap<String, Arc<CachedKey>>>,
}

#[derive(Debug)]
struct CachedKey {
    row: KeyRow,
    /// When it was last used, milliseconds; 0: never.
    last_used: AtomicI64,
    /// The same in the database.
    stored_last_used: AtomicI64,
}

impl CachedKey {
    fn new(row: KeyRow) -> Arc<Self> {
        let used = row.last_used_at.map_or(0, |at| at.0);
        Arc::new(Self { row, last_used: used.into(), stored_last_used: used.into() })
    }

    fn current_row(&self) -> KeyRow {
        let used = self.last_used.load(Relaxed);
        KeyRow { last_used_at: (used > 0).then_some(Timestamp(used)), ..self.row.clone() }
    }
}

impl Keys {
    /// Loads all keys.
    pub async fn load(control: &Control) -> Result<Self, ControlError> {
        let keys = control.keys().await?.into_iter().map(|(hash, row)| (hash, CachedKey::new(row)));
        Ok(Self { by_hash: RwLock::new(keys.collect()) })
    }

    /// The valid key with this hash.
    pub fn find(&self, hash: &str, now: Timestamp) -> Option<KeyRow> {
        let key = self.by_hash.read().get(hash).cloned()?;
        if key.row.expires_at.is_some_and(|at| at <= now) {
            return None;
        }
        if now.0 - key.last_used.load(Relaxed) >= USE_MS {
            key.last_used.store(now.0, Relaxed);
        }
        Some(key.row.clone())
    }

    /// Adds a key.
    pub fn add(&self, hash: String, row: KeyRow) {
        self.by_hash.write().insert(hash, CachedKey::new(row));
    }

    /// Removes a key.
    pub fn remove(&self, site: SiteId, id: i64) {
        self.by_hash.write().retain(|_, key| key.row.site != site || key.row.id != id);
    }

    /// Removes all keys of a site.
    pub fn remove_site(&self, site: SiteId) {
        self.by_hash.write().retain(|_, key| key.row.site != site);
    }

    /// The keys of a site in order of creation.
    pub fn of_site(&self, site: SiteId) -> Vec<KeyRow> {
        let keys = self.by_hash.read();
        let mut rows: Vec<_> = keys.values().filter(|key| key.row.site == site).map(|key| key.current_row()).collect();
        drop(keys);
        rows.sort_by_key(|key| key.id);
        rows
    }

    /// Writes the times of last use to the database.
    pub async fn flush_last_used(&self, control: &Control) -> Result<(), ControlError> {
        let all: Vec<Arc<CachedKey>> = self.by_hash.read().values().cloned().collect();
        let dirty: Vec<(Arc<CachedKey>, i64)> = all
            .into_iter()
            .map(|key| (key.last_used.load(Relaxed), key))
            .filter(|(used, key)| *used != key.stored_last_used.load(Relaxed))
            .map(|(used, key)| (key, used))
            .collect();
        if dirty.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = dirty.iter().map(|(key, used)| (key.row.id, Timestamp(*used))).collect();
        control.note_keys_used(&rows).await?;
        for (key, used) in dirty {
            key.stored_last_used.store(used, Relaxed);
        }
        Ok(())
    }
}
