//! Schema migrations of the warehouse: numbered SQL files, forward only.
//!
//! A file is recorded after its last statement. Its statements use `IF NOT EXISTS`, so a file interrupted by a crash
//! is run again from its start.

use std::sync::atomic::Ordering;

use clickhouse::Row;
use serde::Deserialize;

use super::{Param, Store, StoreError};

/// Every migration, in order: number, name, SQL. Numbers may have gaps.
const MIGRATIONS: &[(u32, &str, &str)] = &[
    (1, "0001_events", include_str!("../../migrations/0001_events.sql")),
    (2, "0002_identities", include_str!("../../migrations/0002_identities.sql")),
    (4, "0004_meaning", include_str!("../../migrations/0004_meaning.sql")),
    (12, "0012_exposures", include_str!("../../migrations/0012_exposures.sql")),
    (18, "0018_pinned_places", include_str!("../../migrations/0018_pinned_places.sql")),
    (20, "0020_positions", include_str!("../../migrations/0020_positions.sql")),
    (21, "0021_installation", include_str!("../../migrations/0021_installation.sql")),
    (30, "0030_identities_by_visitor", include_str!("../../migrations/0030_identities_by_visitor.sql")),
    (40, "0040_alias_of_any_id", include_str!("../../migrations/0040_alias_of_any_id.sql")),
    (50, "0050_senders", include_str!("../../migrations/0050_senders.sql")),
    (60, "0060_visitor_orders", include_str!("../../migrations/0060_visitor_orders.sql")),
    (61, "0061_contact_keys", include_str!("../../migrations/0061_contact_keys.sql")),
    (69, "0069_people", include_str!("../../migrations/0069_people.sql")),
    (130, "0130_visits", include_str!("../../migrations/0130_visits.sql")),
];

const MATERIALIZES: &str = include_str!("sql/server.materializes.sql");
const CREATE_RECORD: &str = include_str!("sql/migration.create_record.sql");
const DATABASE: &str = include_str!("sql/migration.database.sql");
const APPLIED: &str = include_str!("sql/migration.applied.sql");
const RECORD: &str = include_str!("sql/migration.record.sql");

#[derive(Row, Deserialize)]
struct AppliedRow {
    number: u32,
    name: String,
    checksum: String,
}

impl Store {
    /// Checks the server, creates the database if necessary and applies missing migrations. Returns the names of those
    /// applied.
    ///
    /// # Errors
    /// If the server is unsuitable or fails, or has migrations of another version.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.check_version().await?;
        let applied = self.migrate_with(MIGRATIONS).await?;
        let materializes = self.query::<u8>(MATERIALIZES, &[]).await? == [1];
        self.materializes.store(materializes, Ordering::Relaxed);
        self.has_tables.store(true, Ordering::Relaxed);
        Ok(applied)
    }

    /// The numbers of the applied migrations.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn applied_migrations(&self) -> Result<Vec<u32>, StoreError> {
        Ok(self.query::<AppliedRow>(APPLIED, &[]).await?.into_iter().map(|applied| applied.number).collect())
    }

    /// Creates the tables as they were after these migrations, to restore a backup of that time.
    ///
    /// # Errors
    /// If this program does not know one of them, or the server is unsuitable or fails.
    pub async fn migrate_up_to(&self, numbers: &[u32]) -> Result<(), StoreError> {
        if let Some(unknown) = numbers.iter().find(|n| MIGRATIONS.iter().all(|(number, ..)| number != *n)) {
            return Err(StoreError::MigrationTooNew(unknown.to_string()));
        }
        let wanted: Vec<_> = MIGRATIONS.iter().filter(|(number, ..)| numbers.contains(number)).copied().collect();
        self.check_version().await?;
        self.migrate_with(&wanted).await.map(drop)
    }

    /// Whether the tables are known to be those of this program; not before [`Self::migrate`] succeeded.
    #[must_use]
    pub fn has_tables(&self) -> bool {
        self.has_tables.load(Ordering::Relaxed)
    }

    async fn migrate_with(&self, migrations: &[(u32, &str, &str)]) -> Result<Vec<String>, StoreError> {
        self.create_database().await?;
        self.check_rights().await?;
        self.execute(CREATE_RECORD, &[]).await?;
        let applied: Vec<AppliedRow> = self.query(APPLIED, &[]).await?;
        if let Some(unknown) = applied.iter().find(|a| migrations.iter().all(|(number, ..)| *number != a.number)) {
            return Err(StoreError::MigrationTooNew(unknown.name.clone()));
        }
        let mut done = Vec::new();
        for (number, name, text) in migrations {
            let checksum = blake3::hash(text.as_bytes()).to_hex().to_string();
            match applied.iter().find(|a| a.number == *number) {
                Some(known) if known.checksum == checksum => continue,
                Some(_) => return Err(StoreError::MigrationChanged((*name).to_owned())),
                None => {}
            }
            let failed = |source| StoreError::MigrationFailed { name: (*name).to_owned(), source: Box::new(source) };
            for statement in statements(text) {
                self.execute(statement, &[]).await.map_err(failed)?;
            }
            let record =
                [("number", Param::U32(*number)), ("name", (*name).into()), ("checksum", checksum.as_str().into())];
            self.execute(RECORD, &record).await.map_err(failed)?;
            tracing::info!(migration = name, "applied");
            done.push((*name).to_owned());
        }
        Ok(done)
    }

    async fn create_database(&self) -> Result<(), StoreError> {
        let name = self.endpoint.borrow().database.clone();
        let is_valid = !name.is_empty()
            && name.len() <= 64
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !is_valid {
            return Err(StoreError::BadDatabaseName(name));
        }
        let exists = self.client_without_database().query_raw(DATABASE).param("database", &name);
        // The user may have every privilege in its database but not `CREATE DATABASE`.
        if self.within(self.query_timeout, exists.fetch_all::<u64>()).await? == [1] {
            return Ok(());
        }
        let query = self
            .client_without_database()
            .query_raw("CREATE DATABASE IF NOT EXISTS {database:Identifier}")
            .param("database", &name);
        self.within(self.query_timeout, query.execute()).await
    }
}

/// Splits a file into statements, at each `;` outside of quotes and comments.
fn statements(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut statements, mut begin, mut at, mut has_code) = (Vec::new(), 0, 0, false);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'-', Some(b'-')) => at += text[at..].find('\n').unwrap_or(text.len() - at),
            (b'/', Some(b'*')) => at += text[at..].find("*/").map_or(text.len() - at, |n| n + 2),
            (quote @ (b'\'' | b'"' | b'`'), _) => {
                has_code = true;
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            (b';', _) => {
                if has_code {
                    statements.push(text[begin..at].trim());
                }
                (begin, has_code) = (at + 1, false);
                at += 1;
            }
            (byte, _) => {
                has_code |= !byte.is_ascii_whitespace();
                at += 1;
            }
        }
    }
    if has_code {
        statements.push(text[begin..].trim());
    }
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_split_at_statement_ends_only() {
        let text = "-- a; comment\nSELECT ';', 'it''s \\' ; x' /* ; */;\nSELECT `a;b`;;\n-- the end;\nSELECT \"ü;\"\n";
        assert_eq!(
            statements(text),
            ["-- a; comment\nSELECT ';', 'it''s \\' ; x' /* ; */", "SELECT `a;b`", "-- the end;\nSELECT \"ü;\""]
        );
        assert!(statements("-- nothing;\n/* at all; */ ;").is_empty());
    }

    #[test]
    fn every_file_of_the_folder_is_embedded_in_order() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/migrations");
        let mut files: Vec<String> =
            std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let embedded: Vec<String> = MIGRATIONS.iter().map(|(_, name, _)| format!("{name}.sql")).collect();
        assert_eq!(files, embedded);
        for (number, name, _) in MIGRATIONS {
            assert!(name.starts_with(&format!("{number:04}_")), "{name}");
        }
    }
}
