//! Everything of one visitor: read whole, or removed from every table.

use super::{Param, Store, StoreError};
use crate::model::{SiteId, VisitorId};

const EVENTS: &str = include_str!("sql/privacy.events.sql");
const IDENTITIES: &str = include_str!("sql/privacy.identities.sql");
const COUNT: &str = include_str!("sql/privacy.count.sql");
const TABLES: &str = include_str!("sql/privacy.tables.sql");
const ERASING: &str = include_str!("sql/privacy.erasing.sql");
const HAS_ROWS: &str = include_str!("sql/privacy.has_rows.sql");
const ERASE: &str = include_str!("sql/privacy.erase.sql");

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

    /// Removes the rows of a visitor from every table that has any. It is begun once for each table, however often
    /// this is called, and goes on in the background; the answer is true when the files without them are written. A
    /// table is done when it has no such rows and no such work is under way.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses, or cannot do the work.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<bool, StoreError> {
        let mut is_done = true;
        for table in self.query::<String>(TABLES, &[]).await? {
            let mut in_table = vec![("table", table.as_str().into())];
            in_table.extend(who(site, visitor));
            let texts = [
                ("table", table.as_str().into()),
                ("site", Param::Str(format!("({}, ", site.0))),
                ("visitor", Param::Str(visitor.0.to_string())),
            ];
            let under_way = self.query::<String>(ERASING, &texts).await?;
            if let Some(reason) = under_way.iter().find(|reason| !reason.is_empty()) {
                tracing::error!(table, reason, "an erasure does not get on");
            }
            if under_way.is_empty() {
                if self.query::<u8>(HAS_ROWS, &in_table).await?.is_empty() {
                    continue;
                }
                self.execute(ERASE, &in_table).await?;
            }
            is_done = false;
        }
        Ok(is_done)
    }
}

fn who(site: SiteId, visitor: VisitorId) -> [(&'static str, Param); 2] {
    [("site", Param::U32(site.0)), ("visitor", Param::U128(visitor.0))]
}
