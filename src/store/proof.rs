//! What counts as proof that rows are in the warehouse.
//!
//! An insert that was answered without an error, with room on the disk before, during and after it, is believed. Everything
//! else is counted and read: an engine that was killed after it put the rows in place and before it noted their token
//! stores them twice; one whose disk filled up commits parts with empty files and recognises their token afterwards
//! all the same. A token says that an insert was begun, never that it is whole.

use std::{ops::Range, time::Duration};

use clickhouse::Row;
use serde::Deserialize;

use super::{ErrorKind, Param, Store, StoreError, write};
use crate::model::Position;

/// Tables with the journal's positions that views fill from `events`.
const COPIES: [&str; 2] = ["visitor_events", "exposures"];
/// And all of them.
const TABLES: [&str; 3] = ["events", "visitor_events", "exposures"];

/// How long to wait for inserts to end: they look now and then whether they are to.
const END_LIMIT: Duration = Duration::from_secs(5);

/// What the warehouse has of a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Every row once, in every table, and every column of it can be read.
    Whole,
    /// Something else; so many different rows of it are in `events`.
    Otherwise(u64),
}

#[derive(Row, Deserialize)]
struct HeldEvents {
    rows: u64,
    positions: u64,
    visitors: u64,
    exposures: u64,
    #[expect(dead_code, reason = "asked for so that every column is read")]
    read: u64,
}

#[derive(Row, Deserialize)]
struct HeldCopies {
    rows: u64,
    positions: u64,
    #[expect(dead_code, reason = "asked for so that every column is read")]
    read: u64,
}

impl Store {
    /// Counts and reads what is there of a range of the journal, of which `rows` rows were sent.
    ///
    /// # Errors
    /// When the warehouse cannot be reached, or cannot read it ([`StoreError::is_unreadable`]).
    pub async fn held(&self, journal: u64, range: &Range<Position>, rows: u64) -> Result<Held, StoreError> {
        let params = of_range(journal, range);
        let events = self.query::<HeldEvents>(include_str!("sql/delivery.held_events.sql"), &params).await?;
        let Some(events) = events.into_iter().next() else {
            return Err(StoreError::Misfit("a count without a row".into()));
        };
        if (events.rows, events.positions) != (rows, rows) {
            return Ok(Held::Otherwise(events.positions));
        }
        for (table, expected) in COPIES.into_iter().zip([events.visitors, events.exposures]) {
            let copies = include_str!("sql/delivery.held_copies.sql");
            let copies = self.query::<HeldCopies>(copies, &with_table(table, &params)).await?;
            if copies.iter().any(|found| (found.rows, found.positions) != (expected, expected)) {
                return Ok(Held::Otherwise(events.positions));
            }
        }
        Ok(Held::Whole)
    }

    /// Removes what is there of a range, from every table that counts positions: parts with nothing else in them at
    /// once, rows among others by marking them. Inserts of it must have ended.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses; the same again goes on.
    pub async fn remove_range(&self, journal: u64, range: &Range<Position>) -> Result<(), StoreError> {
        let params = of_range(journal, range);
        for table in TABLES {
            let mut named = with_table(table, &params);
            named.push(("table_name", table.into()));
            let parts = include_str!("sql/delivery.parts_of_range.sql");
            let (mut dropped, mut shared) = (0, 0);
            for (part, is_alone) in self.query::<(String, u8)>(parts, &named).await? {
                if is_alone == 0 {
                    shared += 1;
                    continue;
                }
                let statement = "ALTER TABLE {table:Identifier} DROP PART {part:String}";
                match self.execute(statement, &[("table", table.into()), ("part", part.as_str().into())]).await {
                    Ok(()) => dropped += 1,
                    // It was merged meanwhile.
                    Err(StoreError::Refused { code: 232, .. }) => shared += 1,
                    Err(error) => return Err(error),
                }
            }
            if shared > 0 {
                self.execute(include_str!("sql/delivery.remove_rows.sql"), &with_table(table, &params)).await?;
            }
            if dropped + shared > 0 {
                tracing::warn!(table, from = %range.start, to = %range.end, dropped, shared, "what the warehouse had of a range is removed and sent again");
            }
        }
        Ok(())
    }

    /// Ends inserts of ranges that begin here, which may outlive whoever gave up waiting for them.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn end_inserts(&self, journal: u64, start: Position) -> Result<(), StoreError> {
        let attempts = [&write::attempts_from(journal, start), "%"].concat();
        let statement = include_str!("sql/delivery.end_inserts.sql");
        let query = self.client().query_raw(statement).param("attempts", attempts);
        match self.within(END_LIMIT.min(self.query_timeout), query.execute()).await {
            // An account that may not end queries sees none either; what is there afterwards is counted.
            Err(error) if error.kind() == ErrorKind::Fatal => {
                tracing::warn!(%error, "inserts that may still be under way cannot be ended");
                Ok(())
            }
            ended => ended,
        }
    }

    /// Brings what the events of a range say about people into the tables of people once more.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses; the same again does no harm.
    pub async fn renew_people(&self, journal: u64, range: &Range<Position>) -> Result<(), StoreError> {
        for statement in [
            include_str!("sql/delivery.identities.sql"),
            include_str!("sql/delivery.aliased_visitors.sql"),
            include_str!("sql/delivery.aliases.sql"),
        ] {
            self.execute(statement, &of_range(journal, range)).await?;
        }
        Ok(())
    }
}

fn of_range(journal: u64, range: &Range<Position>) -> Vec<(&'static str, Param)> {
    vec![("journal", Param::U64(journal)), ("start", Param::U64(range.start.0)), ("end", Param::U64(range.end.0))]
}

fn with_table(table: &str, params: &[(&'static str, Param)]) -> Vec<(&'static str, Param)> {
    let mut named = vec![("table", table.into())];
    named.extend_from_slice(params);
    named
}
