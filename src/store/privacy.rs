//! Everything of one visitor: read whole, or removed from every table.

use super::{Param, Store, StoreError};
use crate::model::{SiteId, VisitorId};

const EVENTS: &str = include_str!("sql/privacy.events.sql");
const IDENTITIES: &str = include_str!("sql/privacy.identities.sql");
const COUNT: &str = include_str!("sql/privacy.count.sql");
const TABLES: &str = include_str!("sql/privacy.tables.sql");

impl Store {
    /// At most `limit` events of a visitor with all their columns, oldest first, each a JSON object.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn events_of(&self, site: SiteId, visitor: VisitorId, limit: u64) -> Result<Vec<String>, StoreError> {
        let [site, visitor] = who(site, visitor);
        self.query(EVENTS, &[site, visitor, ("limit", Param::U64(limit))]).await
    }

    /// The people whom a visitor was said to be, each a JSON object.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn identities_of(&self, site: SiteId, visitor: VisitorId) -> Result<Vec<String>, StoreError> {
        self.query(IDENTITIES, &who(site, visitor)).await
    }

    /// Number of events stored of a visitor.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn events_count_of(&self, site: SiteId, visitor: VisitorId) -> Result<u64, StoreError> {
        Ok(self.query(COUNT, &who(site, visitor)).await?.pop().unwrap_or_default())
    }

    /// Removes the rows of a visitor from every table that has any; returns when the files without them
    /// are written.
    ///
    /// # Errors
    /// When the warehouse cannot be reached, refuses or takes too long. The same again does no harm.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<(), StoreError> {
        for table in self.query::<String>(TABLES, &[]).await? {
            // The name is the warehouse's own; nothing else of the statement is put together.
            let statement = [
                "ALTER TABLE `",
                &table,
                "` DELETE WHERE site_id = {site:UInt32} AND visitor = {visitor:UInt128} SETTINGS mutations_sync = 2",
            ];
            self.execute(&statement.concat(), &who(site, visitor)).await?;
        }
        Ok(())
    }
}

fn who(site: SiteId, visitor: VisitorId) -> [(&'static str, Param); 2] {
    [("site", Param::U32(site.0)), ("visitor", Param::U128(visitor.0))]
}
