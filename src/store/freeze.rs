//! Tables of a backup: frozen as hard links of their parts, which are immutable, and attached again.

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};

const TABLES: &str = include_str!("sql/backup.tables.sql");
const PARTS: &str = include_str!("sql/backup.parts.sql");
const TABLE_PATH: &str = include_str!("sql/backup.table_path.sql");
const ATTACH: &str = include_str!("sql/backup.attach.sql");

/// A table whose parts were frozen.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct FrozenTable {
    /// Its name.
    pub name: String,
    /// Its id, which is the name of its directory.
    pub uuid: String,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq, Row, Deserialize)]
pub struct TablePart {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Hash of its files.
    pub hash: String,
    /// Whether it is read; otherwise it was merged or changed.
    pub is_active: u8,
}

impl Store {
    /// Freezes every table under a name of letters, digits and `_`: its parts are linked into the engine's directory
    /// `shadow/NAME`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn freeze_tables(&self, name: &str) -> Result<Vec<FrozenTable>, StoreError> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(StoreError::UnexpectedResponse(["a backup named ", name].concat()));
        }
        let tables = self.query::<FrozenTable>(TABLES, &[]).await?;
        for table in &tables {
            // The grammar requires a literal.
            let statement = ["ALTER TABLE {table:Identifier} FREEZE WITH NAME '", name, "'"].concat();
            self.execute(&statement, &[("table", table.name.as_str().into())]).await?;
        }
        Ok(tables)
    }

    /// The parts of a table in the order of their blocks, merged ones included.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn table_parts(&self, table: &str) -> Result<Vec<TablePart>, StoreError> {
        self.query(PARTS, &[("table", Param::from(table))]).await
    }

    /// The directory of a table of the embedded engine.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn table_path(&self, table: &str) -> Result<Option<String>, StoreError> {
        Ok(self.query(TABLE_PATH, &[("table", Param::from(table))]).await?.pop())
    }

    /// Takes a part from the table's directory `detached`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or cannot use the part.
    pub async fn attach_part(&self, table: &str, part: &str) -> Result<(), StoreError> {
        self.execute(ATTACH, &[("table", table.into()), ("part", part.into())]).await
    }
}
