//! All data of one visitor: read completely, or removed from every table.

use super::{Param, Store, StoreError};
use crate::model::{SiteId, Timestamp, VisitorId};

const EVENTS: &str = include_str!("sql/privacy.events.sql");
const IDENTITIES: &str = include_str!("sql/privacy.identities.sql");
const CONTACT_KEYS: &str = include_str!("sql/privacy.contact_keys.sql");
const PART: &str = include_str!("sql/privacy.part.sql");
const USER: &str = include_str!("sql/reports.visitor_user.sql");
const COUNT: &str = include_str!("sql/privacy.count.sql");
const TABLES: &str = include_str!("sql/privacy.tables.sql");
const PENDING_MUTATIONS: &str = include_str!("sql/privacy.pending_mutations.sql");
const HAS_ROWS: &str = include_str!("sql/privacy.has_rows.sql");
const ERASE: &str = include_str!("sql/privacy.erase.sql");

impl Store {
    /// At most `limit` events of a visitor with all columns, oldest first, each a JSON object.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_events(
        &self,
        site: SiteId,
        visitor: VisitorId,
        limit: u64,
    ) -> Result<Vec<String>, StoreError> {
        let [site, visitor] = visitor_params(site, visitor);
        self.query(EVENTS, &[site, visitor, ("limit", Param::U64(limit))]).await
    }

    /// The user ids that a visitor was identified with, each a JSON object.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_identities(&self, site: SiteId, visitor: VisitorId) -> Result<Vec<String>, StoreError> {
        self.query(IDENTITIES, &visitor_params(site, visitor)).await
    }

    /// The hashes by which a visitor can be looked up, each a JSON object.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_contact_keys(&self, site: SiteId, visitor: VisitorId) -> Result<Vec<String>, StoreError> {
        self.query(CONTACT_KEYS, &visitor_params(site, visitor)).await
    }

    /// The user that a visitor belongs to.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_user(&self, site: SiteId, visitor: VisitorId) -> Result<Option<String>, StoreError> {
        Ok(self.query(USER, &visitor_params(site, visitor)).await?.pop())
    }

    /// Parts a visitor from a user: what was said of them before `at` no longer joins them.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn part_visitor(
        &self,
        site: SiteId,
        visitor: VisitorId,
        user: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let [site, visitor] = visitor_params(site, visitor);
        self.execute(PART, &[site, visitor, ("user", user.into()), ("at_ms", Param::I64(at.0))]).await
    }

    /// Number of stored events of a visitor.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_event_count(&self, site: SiteId, visitor: VisitorId) -> Result<u64, StoreError> {
        Ok(self.query(COUNT, &visitor_params(site, visitor)).await?.pop().unwrap_or_default())
    }

    /// Removes a visitor's rows from every table. Repeated calls start one mutation per table, which runs in the
    /// background. Returns true once the files are rewritten: no table has such rows or a pending mutation.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn erase_visitor(&self, site: SiteId, visitor: VisitorId) -> Result<bool, StoreError> {
        let mut is_done = true;
        for table in self.query::<String>(TABLES, &[]).await? {
            let mut in_table = vec![("table", table.as_str().into())];
            in_table.extend(visitor_params(site, visitor));
            let mutation_params = [
                ("table", table.as_str().into()),
                ("site", Param::Str(format!("({}, ", site.0))),
                ("visitor", Param::Str(visitor.0.to_string())),
            ];
            let pending = self.query::<String>(PENDING_MUTATIONS, &mutation_params).await?;
            if let Some(reason) = pending.iter().find(|reason| !reason.is_empty()) {
                tracing::error!(table, reason, "an erasure is stuck");
            }
            if pending.is_empty() {
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

fn visitor_params(site: SiteId, visitor: VisitorId) -> [(&'static str, Param); 2] {
    [("site", Param::U32(site.0)), ("visitor", Param::U128(visitor.0))]
}
