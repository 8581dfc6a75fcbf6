//! Verifies that the rows of a journal range are in the warehouse.
//!
//! An insert that succeeded, with free disk space before, during and after it, is trusted. All others are counted and
//! read: an engine killed after it committed the rows and before it recorded their deduplication token stores them
//! twice; one whose disk is full commits parts with empty files, and still recognizes their token afterwards. A token
//! proves that an insert was started, never that it is complete.

use std::{ops::Range, time::Duration};

use clickhouse::Row;
use serde::Deserialize;

use super::{ErrorKind, Param, Store, StoreError, write};
use crate::model::Position;

/// Tables with journal positions, filled from `events` by materialized views.
const COPIES: [&str; 2] = ["visitor_events", "exposures"];
/// All tables with journal positions.
const TABLES: [&str; 3] = ["events", "visitor_events", "exposures"];

/// How long to wait for killed inserts to end: they check for it periodically.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// What the warehouse contains of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoredRange {
    /// Every row exactly once in every table, and every column is readable.
    Complete,
    /// Anything else; with the number of distinct rows in `events`.
    Differs(u64),
}

#[derive(Row, Deserialize)]
struct EventCounts {
    rows: u64,
    positions: u64,
    visitors: u64,
    exposures: u64,
    #[expect(dead_code, reason = "selected so that every column is read")]
    read: u64,
}

#[derive(Row, Deserialize)]
struct CopyCounts {
    rows: u64,
    positions: u64,
    #[expect(dead_code, reason = "selected so that every column is read")]
    read: u64,
}

impl Store {
    /// Counts and reads the stored rows of a journal range, of which `rows` rows were sent.
    ///
    /// # Errors
    /// If the warehouse is unreachable, or cannot read the rows ([`StoreError::is_unreadable`]).
    pub async fn stored_range(
        &self,
        journal: u64,
        range: &Range<Position>,
        rows: u64,
    ) -> Result<StoredRange, StoreError> {
        let params = range_params(journal, range);
        let events = self.query::<EventCounts>(include_str!("sql/delivery.count_events.sql"), &params).await?;
        let Some(events) = events.into_iter().next() else {
            return Err(StoreError::UnexpectedResponse("a count without a row".into()));
        };
        if (events.rows, events.positions) != (rows, rows) {
            return Ok(StoredRange::Differs(events.positions));
        }
        for (table, expected) in COPIES.into_iter().zip([events.visitors, events.exposures]) {
            let copies = include_str!("sql/delivery.count_copies.sql");
            let copies = self.query::<CopyCounts>(copies, &with_table(table, &params)).await?;
            if copies.iter().any(|counts| (counts.rows, counts.positions) != (expected, expected)) {
                return Ok(StoredRange::Differs(events.positions));
            }
        }
        Ok(StoredRange::Complete)
    }

    /// Removes the rows of a range from every table with positions: drops parts that contain nothing else, and deletes
    /// rows from shared parts. Inserts of the range must have ended.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error; a retry continues.
    pub async fn remove_range(&self, journal: u64, range: &Range<Position>) -> Result<(), StoreError> {
        let params = range_params(journal, range);
        for table in TABLES {
            let mut part_params = with_table(table, &params);
            part_params.push(("table_name", table.into()));
            let parts = include_str!("sql/delivery.parts_of_range.sql");
            let (mut dropped, mut shared) = (0, 0);
            for (part, is_exclusive) in self.query::<(String, u8)>(parts, &part_params).await? {
                if is_exclusive == 0 {
                    shared += 1;
                    continue;
                }
                let statement = "ALTER TABLE {table:Identifier} DROP PART {part:String}";
                match self.execute(statement, &[("table", table.into()), ("part", part.as_str().into())]).await {
                    Ok(()) => dropped += 1,
                    // NO_SUCH_DATA_PART: merged in the meantime.
                    Err(StoreError::Refused { code: 232, .. }) => shared += 1,
                    Err(error) => return Err(error),
                }
            }
            if shared > 0 {
                self.execute(include_str!("sql/delivery.remove_rows.sql"), &with_table(table, &params)).await?;
            }
            if dropped + shared > 0 {
                tracing::warn!(table, from = %range.start, to = %range.end, dropped, shared, "removed the rows of a journal range; they are sent again");
            }
        }
        Ok(())
    }

    /// Kills inserts of ranges that begin at `start`; they may still run after their client timed out.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn kill_inserts(&self, journal: u64, start: Position) -> Result<(), StoreError> {
        let attempts = [&write::query_id_prefix(journal, start), "%"].concat();
        let statement = include_str!("sql/delivery.kill_inserts.sql");
        let query = self.client().query_raw(statement).param("attempts", attempts);
        match self.within(KILL_TIMEOUT.min(self.query_timeout), query.execute()).await {
            // A user without the privilege to kill queries sees none either; the stored rows are counted afterwards.
            Err(error) if error.kind() == ErrorKind::Fatal => {
                tracing::warn!(%error, "cannot kill inserts that may still be running");
                Ok(())
            }
            result => result,
        }
    }

    /// Fills the tables `identities`, `aliases` and `contact_keys` again from the events of a range.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error; idempotent.
    pub async fn rebuild_identities(&self, journal: u64, range: &Range<Position>) -> Result<(), StoreError> {
        for statement in [
            include_str!("sql/delivery.identities.sql"),
            include_str!("sql/delivery.aliased_visitors.sql"),
            include_str!("sql/delivery.aliases.sql"),
            include_str!("sql/delivery.contact_keys.sql"),
        ] {
            self.execute(statement, &range_params(journal, range)).await?;
        }
        Ok(())
    }
}

fn range_params(journal: u64, range: &Range<Position>) -> Vec<(&'static str, Param)> {
    vec![("journal", Param::U64(journal)), ("start", Param::U64(range.start.0)), ("end", Param::U64(range.end.0))]
}

fn with_table(table: &str, params: &[(&'static str, Param)]) -> Vec<(&'static str, Param)> {
    let mut all = vec![("table", table.into())];
    all.extend_from_slice(params);
    all
}
