//! Removes all rows of one site from every table.

use super::{Param, Store, StoreError};
use crate::model::SiteId;

const TABLES: &str = include_str!("sql/site.tables.sql");
const COUNT: &str = include_str!("sql/site.count.sql");
const PENDING_MUTATIONS: &str = include_str!("sql/site.pending_mutations.sql");
const ERASE: &str = include_str!("sql/site.erase.sql");

impl Store {
    /// Starts the removal of a site's rows from every table, without waiting for it; a pending removal is not started
    /// twice. Returns true if no rows are left.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error; call again.
    pub async fn erase_site(&self, site: SiteId) -> Result<bool, StoreError> {
        let mut is_erased = true;
        for table in self.query::<String>(TABLES, &[]).await? {
            let params = [("table", Param::from(table.as_str())), ("site", Param::U32(site.0))];
            if self.query::<u64>(COUNT, &params).await?.first().is_none_or(|rows| *rows == 0) {
                continue;
            }
            is_erased = false;
            if self.query::<u64>(PENDING_MUTATIONS, &params).await?.first().is_none_or(|pending| *pending == 0) {
                self.execute(ERASE, &params).await?;
            }
        }
        Ok(is_erased)
    }
}
