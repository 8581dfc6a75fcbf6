//! What is stored of one event.

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};
use crate::model::{MessageHash, Position, SiteId};

const EVENT: &str = include_str!("sql/trace.event.sql");
const TABLES: &str = include_str!("sql/trace.tables.sql");
const COUNT: &str = include_str!("sql/trace.count.sql");

/// A stored row of a message.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct TracedRow {
    /// The journal's id.
    pub journal: u64,
    /// Its position in the journal.
    pub position: u64,
    /// Name of the event.
    pub name: String,
    /// When it happened, Unix milliseconds.
    pub occurred_ms: i64,
    /// When it was received, Unix milliseconds.
    pub received_ms: i64,
    /// The visitor.
    pub visitor: u128,
    /// Why it counts as a robot's; empty for humans.
    pub robot: String,
    /// The part of the table that holds it.
    pub part: String,
}

impl Store {
    /// The stored rows of a message.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn trace_message(&self, site: SiteId, message: MessageHash) -> Result<Vec<TracedRow>, StoreError> {
        self.query(EVENT, &[("site", Param::U32(site.0)), ("message", Param::U128(message.0))]).await
    }

    /// How many rows each table has of one journal position.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn trace_position(&self, journal: u64, at: Position) -> Result<Vec<(String, u64)>, StoreError> {
        let mut counts = Vec::new();
        for table in self.query::<String>(TABLES, &[]).await? {
            let position = [
                ("table", Param::from(table.as_str())),
                ("journal", Param::U64(journal)),
                ("position", Param::U64(at.0)),
            ];
            let rows = self.query::<u64>(COUNT, &position).await?.pop().unwrap_or_default();
            counts.push((table, rows));
        }
        Ok(counts)
    }
}
