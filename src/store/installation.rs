//! Which installation the warehouse belongs to. Two installations in one database would mix their reports.

use super::{Param, Store, StoreError};
use crate::model::Position;

impl Store {
    /// The recorded owner; `None` if there is none yet.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn owner(&self) -> Result<Option<String>, StoreError> {
        let database = self.endpoint.borrow().database.clone();
        let query = self
            .client_without_database()
            .query_raw(include_str!("sql/installation.table.sql"))
            .param("database", &database);
        let tables: Vec<u64> = self.within(self.query_timeout, query.fetch_all()).await?;
        if tables.first().is_none_or(|count| *count == 0) {
            return Ok(None);
        }
        Ok(self.query::<String>(include_str!("sql/installation.owner.sql"), &[]).await?.pop())
    }

    /// Makes `id` the owner of a warehouse without one, and returns the resulting owner. A warehouse with events is
    /// only claimed if some of them come from `journal`; with `None` always, because no other installation can have
    /// used it.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn claim_ownership(&self, id: &str, journal: Option<u64>) -> Result<Option<String>, StoreError> {
        if let Some(owner) = self.owner().await? {
            return Ok(Some(owner));
        }
        if let Some(journal) = journal {
            let has_events = include_str!("sql/installation.has_events.sql");
            let found = self.query::<(u8, u8)>(has_events, &[("journal", Param::U64(journal))]).await?;
            if found.first() == Some(&(1, 0)) {
                return Ok(None);
            }
        }
        self.execute(include_str!("sql/installation.first.sql"), &[("id", id.into())]).await?;
        self.owner().await
    }

    /// Makes `id` the owner, replacing any other.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn take_over(&self, id: &str) -> Result<(), StoreError> {
        self.execute(include_str!("sql/installation.take_over.sql"), &[("id", id.into())]).await
    }

    /// The highest site id that has events; 0 if there are none.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn highest_site(&self) -> Result<u32, StoreError> {
        let highest = self.query::<u32>(include_str!("sql/installation.highest_site.sql"), &[]).await?;
        Ok(highest.first().copied().unwrap_or_default())
    }

    /// The highest position of a journal that has a row; `None` if there is none.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn highest_position(&self, journal: u64) -> Result<Option<Position>, StoreError> {
        let question = include_str!("sql/installation.highest_position.sql");
        let highest = self.query::<u64>(question, &[("journal", Param::U64(journal))]).await?;
        Ok(highest.first().copied().map(Position))
    }

    /// Blocks (or unblocks) all access through this store and its clones, because the warehouse belongs to another
    /// installation.
    pub fn set_access_blocked(&self, is_blocked: bool) {
        self.is_foreign.store(is_blocked, std::sync::atomic::Ordering::Relaxed);
    }

    /// A clone that stays unblocked, to check the owner.
    #[must_use]
    pub fn without_access_block(&self) -> Self {
        Self { is_foreign: std::sync::Arc::default(), ..self.clone() }
    }
}
