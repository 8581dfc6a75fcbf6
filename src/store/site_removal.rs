//! Everything of one site, removed from every table.

use super::{Param, Store, StoreError};
use crate::model::SiteId;

const TABLES: &str = include_str!("sql/site.tables.sql");
const COUNT: &str = include_str!("sql/site.count.sql");
const PENDING: &str = include_str!("sql/site.mutations.sql");
const ERASE: &str = include_str!("sql/site.erase.sql");

impl Store {
    /// Begins to remove the rows of a site from every table that has any, and does not wait for it; a removal that
    /// is under way is not begun twice. True when no rows are left.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses; ask again.
    pub async fn erase_site(&self, site: SiteId) -> Result<bool, StoreError> {
        let mut nothing_left = true;
        for table in self.query::<String>(TABLES, &[]).await? {
            let params = [("table", Param::from(table.as_str())), ("site", Param::U32(site.0))];
            if self.query::<u64>(COUNT, &params).await?.first().is_none_or(|rows| *rows == 0) {
                continue;
            }
            nothing_left = false;
            if self.query::<u64>(PENDING, &params).await?.first().is_none_or(|pending| *pending == 0) {
                self.execute(ERASE, &params).await?;
            }
        }
        Ok(nothing_left)
    }
}
