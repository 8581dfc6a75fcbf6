//! Data parts of the engine's tables: detached parts, unreadable parts, and their removal.

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};

/// A part that the engine detached from its table because it could not use it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Row, Deserialize)]
pub struct DetachedPart {
    /// Its former table.
    pub table: String,
    /// Its name in the folder `detached`, which contains the reason and block numbers.
    pub name: String,
    /// The reason: `broken-on-start`, `broken`, `unexpected` and others.
    pub reason: String,
    /// Its size, bytes.
    pub bytes_on_disk: u64,
    /// Its path.
    pub path: String,
}

/// An active part of a table.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct Part {
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Number of rows by its metadata.
    pub rows: u64,
    /// Merge level.
    pub level: u32,
}

#[derive(Row, Deserialize)]
struct CheckRow {
    #[expect(dead_code, reason = "a column of the response")]
    part_path: String,
    is_passed: u8,
    message: String,
}

impl Store {
    /// All detached parts, of any age.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn detached_parts(&self) -> Result<Vec<DetachedPart>, StoreError> {
        self.query(include_str!("sql/parts.detached.sql"), &[]).await
    }

    /// Checks every part written within the last `seconds` and returns the unreadable ones.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn unreadable_parts(&self, seconds: i64) -> Result<Vec<Part>, StoreError> {
        let written = include_str!("sql/parts.written_since.sql");
        let mut unreadable = Vec::new();
        for part in self.query::<Part>(written, &[("seconds", Param::I64(seconds))]).await? {
            let reason = match self.check(&part).await {
                Ok(checks) => checks.into_iter().find(|check| check.is_passed == 0).map(|failed| failed.message),
                Err(error) if error.is_unreadable() => Some(error.to_string()),
                // NO_SUCH_DATA_PART: merged in the meantime; the merged part is newer and is checked next time.
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

    /// Reads one part completely and verifies its checksums.
    async fn check(&self, part: &Part) -> Result<Vec<CheckRow>, StoreError> {
        if !part.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            return Err(StoreError::UnexpectedResponse(format!("a part named {:?}", part.name)));
        }
        // The grammar requires a literal; the name comes from the engine and has no quotes.
        let statement =
            ["CHECK TABLE {table:Identifier} PART '", &part.name, "' SETTINGS check_query_single_value_result = 0"];
        let query = self.client().query_raw(&statement.concat()).param("table", &part.table);
        self.within(self.query_timeout, query.fetch_all()).await
    }

    /// Detaches a part from its table; its files stay in the table's folder `detached`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn detach_part(&self, part: &Part) -> Result<(), StoreError> {
        let statement = "ALTER TABLE {table:Identifier} DETACH PART {part:String}";
        self.execute(statement, &[("table", part.table.as_str().into()), ("part", part.name.as_str().into())]).await
    }

    /// Stops merges, including those in progress.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn stop_merges(&self) -> Result<(), StoreError> {
        self.execute("SYSTEM STOP MERGES", &[]).await
    }

    /// Resumes merges.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn start_merges(&self) -> Result<(), StoreError> {
        self.execute("SYSTEM START MERGES", &[]).await
    }

    /// Kills the embedded engine as a crash would. Its supervisor restarts it; on start it detaches unreadable parts
    /// and falls back to the parts they were merged from.
    pub async fn kill_embedded_engine(&self) {
        // The connection is closed instead of a response.
        let _ = self.execute("SYSTEM KILL", &[]).await;
    }
}
