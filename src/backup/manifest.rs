//! What an archive contains: versions, positions, tables with their rows and hashes.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{model::Timestamp, store::TablePart};

/// Format of the archive.
pub const FORMAT: u32 = 1;

/// The first file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the archive.
    pub format: u32,
    /// Version of Ashna that made it.
    pub version: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Id of the journal, 16 hexadecimal digits.
    pub journal: String,
    /// Records below are in the tables or in the quarantine.
    pub delivered: u64,
    /// Records below are in the backup.
    pub journal_end: u64,
    /// Which warehouse the service used.
    pub warehouse: WarehouseKind,
    /// Numbers of the warehouse's migrations.
    pub migrations: Vec<u32>,
    /// The warehouse's tables.
    pub tables: Vec<TableManifest>,
}

/// Which warehouse a service uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarehouseKind {
    /// The embedded engine; its tables are in the backup.
    Embedded,
    /// A ClickHouse server, which its operator backs up.
    External,
}

/// A table of the warehouse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableManifest {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Hash over the hashes of its parts.
    pub hash: String,
    /// Its parts in the order in which they are attached.
    pub parts: Vec<PartManifest>,
}

/// A part of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartManifest {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// The engine's hash of its files.
    pub hash: String,
}

impl TableManifest {
    /// A table with these parts.
    #[must_use]
    pub fn new(name: &str, parts: &[TablePart]) -> Self {
        let parts: Vec<PartManifest> = parts
            .iter()
            .map(|part| PartManifest { name: part.name.clone(), rows: part.rows, hash: part.hash.clone() })
            .collect();
        Self { name: name.to_owned(), rows: parts.iter().map(|part| part.rows).sum(), hash: hash_of(&parts), parts }
    }

    /// Whether a restored table has the same rows: parts get other names, but keep their files.
    #[must_use]
    pub fn is_same(&self, restored: &Self) -> bool {
        (self.rows, &self.hash) == (restored.rows, &restored.hash)
    }
}

/// Hash over the parts' rows and hashes, in any order.
fn hash_of(parts: &[PartManifest]) -> String {
    let mut lines: Vec<String> = parts.iter().map(|part| format!("{} {}\n", part.rows, part.hash)).collect();
    lines.sort();
    blake3::hash(lines.concat().as_bytes()).to_hex().to_string()
}

/// A snapshot in the data directory, ready to be copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// What it contains.
    pub manifest: Manifest,
    /// Its files.
    pub files: Vec<SnapshotFile>,
}

/// A file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotFile {
    /// Where it is, relative to the data directory.
    pub source: PathBuf,
    /// Its path in the archive.
    pub path: String,
    /// Its bytes; the file may have grown since.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, rows: u64, hash: &str) -> TablePart {
        TablePart { name: name.into(), rows, hash: hash.into(), is_active: 1 }
    }

    #[test]
    fn a_table_is_the_same_whatever_its_parts_are_called_and_differs_by_rows_and_files() {
        let table = TableManifest::new("events", &[part("a_1_1_0", 5, "x"), part("a_2_2_0", 6, "y")]);
        assert!(table.is_same(&TableManifest::new("events", &[part("a_9_9_0", 6, "y"), part("a_8_8_0", 5, "x")])));
        assert!(!table.is_same(&TableManifest::new("events", &[part("a_1_1_0", 5, "x"), part("a_2_2_0", 6, "z")])));
        assert!(!table.is_same(&TableManifest::new("events", &[part("a_1_1_0", 5, "x")])));
        assert_eq!(table.rows, 11);
    }
}
