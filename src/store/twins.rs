//! What the engine may leave twice when it is killed in the middle of an insert.
//!
//! It puts a new part in its place first and notes the insert's token afterwards. Killed between the two
//! it knows the rows but not the token, and the same insert, sent again, is stored a second time. So who
//! sends again looks afterwards, and takes the older twin away.

use std::ops::Range;

use super::{Param, Store, StoreError};
use crate::model::Position;

/// Tables that rows go to and that would count a row twice; what other views keep is the same when it
/// comes twice.
const TABLES: [&str; 3] = ["events", "visitor_events", "exposures"];

impl Store {
    /// Takes away what an insert of this journal's stretch that was sent again left twice; the answer is how many
    /// parts that were.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses; ask again.
    pub async fn remove_twins(&self, journal: u64, range: &Range<Position>) -> Result<usize, StoreError> {
        let mut removed = 0;
        for table in TABLES {
            let params = [
                ("table", Param::from(table)),
                ("journal", Param::U64(journal)),
                ("start", Param::U64(range.start.0)),
                ("end", Param::U64(range.end.0)),
            ];
            for part in self.query::<String>(include_str!("sql/delivery.twins.sql"), &params).await? {
                tracing::warn!(
                    table,
                    part,
                    "an insert was stored twice by an engine that was killed; one copy is removed"
                );
                let statement = "ALTER TABLE {table:Identifier} DROP PART {part:String}";
                self.execute(statement, &[("table", table.into()), ("part", part.as_str().into())]).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}
