//! Erasure of many visitors, of old rows, and of rows of a journal position.

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};
use crate::model::{SiteId, Timestamp, VisitorId};

const SPANS: &str = include_str!("sql/erasures.visitor_spans.sql");
const TABLES: &str = include_str!("sql/privacy.tables.sql");
const ERASE: &str = include_str!("sql/erasures.erase.sql");
const ERASE_BEFORE: &str = include_str!("sql/erasures.erase_before.sql");
const PENDING: &str = include_str!("sql/erasures.pending_mutations.sql");
const USERS_OF_VISITOR_ALONE: &str = include_str!("sql/erasures.users_of_visitor_alone.sql");
const PRUNE_TABLES: &str = include_str!("sql/prune.tables.sql");
const PRUNE_COUNT: &str = include_str!("sql/prune.count.sql");
const PRUNE_NAMES: &str = include_str!("sql/prune.names.sql");
const PRUNE: &str = include_str!("sql/prune.delete.sql");
const PRUNE_EVENT: &str = include_str!("sql/prune.delete_event.sql");
const PRUNE_COPIES: &str = include_str!("sql/prune.delete_copies.sql");

/// Visitors of one statement.
const VISITORS_MAX: usize = 500;

/// First and last event of a visitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct VisitorSpan {
    /// Visitor id.
    pub visitor: u128,
    /// Time of the first event, Unix milliseconds.
    pub first_ms: i64,
    /// Time of the last event, Unix milliseconds.
    pub last_ms: i64,
}

/// A table with rows of sites by time.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
struct PrunedTable {
    table: String,
    /// Its time column.
    time: String,
    /// Whether rows have the name of their event.
    has_name: u8,
    /// Whether rows have a position of the journal.
    has_position: u8,
}

impl Store {
    /// First and last event of every visitor of a site.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn visitor_spans(&self, site: SiteId) -> Result<Vec<VisitorSpan>, StoreError> {
        self.query(SPANS, &[("site", Param::U32(site.0))]).await
    }

    /// The user ids that belong to this visitor and to no other.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn users_of_visitor_alone(&self, site: SiteId, visitor: VisitorId) -> Result<Vec<String>, StoreError> {
        self.query(USERS_OF_VISITOR_ALONE, &[("site", Param::U32(site.0)), ("visitor", Param::U128(visitor.0))]).await
    }

    /// Starts the removal of all rows of these visitors; with `before` only of what occurred before that time.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn erase_visitors(
        &self,
        site: SiteId,
        visitors: &[u128],
        before: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        let timed = self.pruned_tables().await?;
        for table in self.query::<String>(TABLES, &[]).await? {
            for chunk in visitors.chunks(VISITORS_MAX) {
                let mut params = vec![
                    ("table", Param::from(table.as_str())),
                    ("site", Param::U32(site.0)),
                    ("visitors", Param::ArrayU128(chunk.to_vec())),
                ];
                match before {
                    None => self.execute(ERASE, &params).await?,
                    Some(before) => {
                        let Some(timed) = timed.iter().find(|timed| timed.table == table) else { continue };
                        params.extend([("time", timed.time.as_str().into()), ("before_ms", Param::I64(before.0))]);
                        self.execute(ERASE_BEFORE, &params).await?;
                    }
                }
            }
        }
        // What was counted of the day in the middle of which they were erased went as a whole.
        if let Some(before) = before {
            self.forget_days(site, before.0, before.0).await?;
        }
        Ok(())
    }

    /// Whether removals of rows are running.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error, or a removal fails.
    pub async fn is_removing_rows(&self) -> Result<bool, StoreError> {
        let pending = self.query::<String>(PENDING, &[]).await?;
        match pending.iter().find(|reason| !reason.is_empty()) {
            Some(reason) => Err(StoreError::UnexpectedResponse(reason.clone())),
            None => Ok(!pending.is_empty()),
        }
    }

    /// Number of a site's events before a time, of one name if given.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn events_before(&self, site: SiteId, before: Timestamp, name: Option<&str>) -> Result<u64, StoreError> {
        Ok(self.query(PRUNE_COUNT, &prune_params(site, before, name)).await?.pop().unwrap_or_default())
    }

    /// Names of a site's events before a time.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn event_names_before(&self, site: SiteId, before: Timestamp) -> Result<Vec<String>, StoreError> {
        self.query(PRUNE_NAMES, &[("site", Param::U32(site.0)), ("before_ms", Param::I64(before.0))]).await
    }

    /// Starts the removal of a site's rows before a time, from copies of events first. With a name, only of events of that
    /// name and their copies: what several events were added up to stays.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn prune_copies(&self, site: SiteId, before: Timestamp, name: Option<&str>) -> Result<(), StoreError> {
        self.forget_days(site, 0, before.0).await?;
        for table in self.pruned_tables().await?.iter().filter(|table| table.table != "events") {
            let statement = match name {
                None => PRUNE,
                Some(_) if table.has_name == 1 => PRUNE_EVENT,
                Some(_) if table.has_position == 1 => PRUNE_COPIES,
                Some(_) => continue,
            };
            self.prune_table(statement, table, &prune_params(site, before, name)).await?;
        }
        Ok(())
    }

    /// Starts the removal of the events themselves.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn prune_events(&self, site: SiteId, before: Timestamp, name: Option<&str>) -> Result<(), StoreError> {
        let statement = if name.is_some() { PRUNE_EVENT } else { PRUNE };
        for table in self.pruned_tables().await?.iter().filter(|table| table.table == "events") {
            self.prune_table(statement, table, &prune_params(site, before, name)).await?;
        }
        // They may have been counted meanwhile; from now on they are not, until the removal is done.
        self.forget_days(site, 0, before.0).await
    }

    async fn prune_table(
        &self,
        statement: &str,
        table: &PrunedTable,
        shared: &[(&'static str, Param)],
    ) -> Result<(), StoreError> {
        let mut params = vec![("table", table.table.as_str().into()), ("time", table.time.as_str().into())];
        params.extend_from_slice(shared);
        self.execute(statement, &params).await
    }

    async fn pruned_tables(&self) -> Result<Vec<PrunedTable>, StoreError> {
        self.query(PRUNE_TABLES, &[]).await
    }
}

fn prune_params(site: SiteId, before: Timestamp, name: Option<&str>) -> Vec<(&'static str, Param)> {
    vec![
        ("site", Param::U32(site.0)),
        ("before_ms", Param::I64(before.0)),
        ("is_named", Param::Bool(name.is_some())),
        ("name", name.unwrap_or_default().into()),
    ]
}
