//! The parts that the engine's tables consist of: which it set aside, which cannot be read, and what to do then.

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};

/// A part that the engine moved out of its table because it could not use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Row, Deserialize)]
pub struct SetAside {
    /// The table it was in.
    pub table: String,
    /// Its name in the folder of such parts, which tells reason and blocks.
    pub name: String,
    /// Why: `broken-on-start`, `broken`, `unexpected` and others.
    pub reason: String,
    /// Its size.
    pub bytes_on_disk: u64,
    /// Where it is.
    pub path: String,
}

/// A part that is in its table.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Part {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Rows that it should have.
    pub rows: u64,
    /// How often what is in it was merged.
    pub level: u32,
}

#[derive(Row, Deserialize)]
struct Checked {
    #[expect(dead_code, reason = "a column of the answer")]
    part_path: String,
    is_passed: u8,
    message: String,
}

impl Store {
    /// The parts that the engine set aside, whenever that was.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        self.query(include_str!("sql/parts.set_aside.sql"), &[]).await
    }

    /// Reads every part that was written within the last `seconds` and returns those that cannot be read.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn unreadable_parts(&self, seconds: i64) -> Result<Vec<Part>, StoreError> {
        let written = include_str!("sql/parts.written_since.sql");
        let mut unreadable = Vec::new();
        for part in self.query::<Part>(written, &[("seconds", Param::I64(seconds))]).await? {
            let reason = match self.check(&part).await {
                Ok(checked) => checked.into_iter().find(|checked| checked.is_passed == 0).map(|bad| bad.message),
                Err(error) if error.is_unreadable() => Some(error.to_string()),
                // NO_SUCH_DATA_PART: it was merged meanwhile; what came of it is newer and looked at next time.
                Err(StoreError::Refused { code: 232, .. }) => None,
                Err(error) => return Err(error),
            };
            if let Some(reason) = reason {
                tracing::error!(
                    table = part.table,
                    part = part.name,
                    rows = part.rows,
                    reason,
                    "a part of the warehouse cannot be read"
                );
                unreadable.push(part);
            }
        }
        Ok(unreadable)
    }

    /// Reads one part whole and compares it with its checksums.
    async fn check(&self, part: &Part) -> Result<Vec<Checked>, StoreError> {
        if !part.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return Err(StoreError::Misfit(format!("a part named {:?}", part.name)));
        }
        // The grammar wants the name as a literal; it is the engine's own and has no quote in it.
        let statement =
            ["CHECK TABLE {table:Identifier} PART '", &part.name, "' SETTINGS check_query_single_value_result = 0"];
        let query = self.client().query_raw(&statement.concat()).param("table", &part.table);
        self.within(self.query_timeout, query.fetch_all()).await
    }

    /// Takes a part out of its table; its files stay in the table's folder `detached`.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn detach_part(&self, part: &Part) -> Result<(), StoreError> {
        let statement = "ALTER TABLE {table:Identifier} DETACH PART {part:String}";
        self.execute(statement, &[("table", part.table.as_str().into()), ("part", part.name.as_str().into())]).await
    }

    /// Stops merging parts, the merges under way included.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn stop_merges(&self) -> Result<(), StoreError> {
        self.execute("SYSTEM STOP MERGES", &[]).await
    }

    /// Merges parts again.
    ///
    /// # Errors
    /// When the warehouse cannot be reached or refuses.
    pub async fn start_merges(&self) -> Result<(), StoreError> {
        self.execute("SYSTEM START MERGES", &[]).await
    }

    /// Ends the embedded engine as a crash would: whoever watches it starts it again, and at its start it sets parts
    /// aside that it cannot read and goes back to those they were merged from.
    pub async fn restart_own_engine(&self) {
        // Its answer is the end of the connection.
        let _ = self.execute("SYSTEM KILL", &[]).await;
    }
}
