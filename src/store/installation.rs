//! Which installation the warehouse belongs to. Two of them in one database would fill each other's reports.

use super::{Param, Store, StoreError};

impl Store {
    /// The owner that the warehouse names; `None` where there is no note yet.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
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

    /// Makes `id` the owner of a warehouse that names none, and answers with who it is then. One with events is only
    /// taken when some of them come from this journal; `None`: any, because nobody else can have used it.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn own_first(&self, id: &str, journal: Option<u64>) -> Result<Option<String>, StoreError> {
        if let Some(owner) = self.owner().await? {
            return Ok(Some(owner));
        }
        if let Some(journal) = journal {
            let rows = include_str!("sql/installation.rows_of.sql");
            let found = self.query::<(u8, u8)>(rows, &[("journal", Param::U64(journal))]).await?;
            if found.first() == Some(&(1, 0)) {
                return Ok(None);
            }
        }
        self.execute(include_str!("sql/installation.first.sql"), &[("id", id.into())]).await?;
        self.owner().await
    }

    /// Makes `id` the owner, whoever it was.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn take_over(&self, id: &str) -> Result<(), StoreError> {
        self.execute(include_str!("sql/installation.take.sql"), &[("id", id.into())]).await
    }

    /// The highest number of a site that has events; 0 without any.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn highest_site(&self) -> Result<u32, StoreError> {
        let highest = self.query::<u32>(include_str!("sql/installation.highest_site.sql"), &[]).await?;
        Ok(highest.first().copied().unwrap_or_default())
    }

    /// From now on nothing is read or written through this store and its clones: the warehouse is another
    /// installation's.
    pub fn refuse_everything(&self, refuses: bool) {
        self.is_foreign.store(refuses, std::sync::atomic::Ordering::Relaxed);
    }

    /// A clone that is not refused.
    #[must_use]
    pub fn for_the_owner_check(&self) -> Self {
        Self { is_foreign: std::sync::Arc::default(), ..self.clone() }
    }
}
