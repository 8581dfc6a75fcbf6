//! The control plane's own small database (SQLite): sites, people, keys, and the documents that
//! marketers edit. Everything here is small and read into memory by `catalog`; no visitor request
//! waits for it. It must never hold events.
//!
//! Example: `Control::open(dir).await?.sites().await?` lists the sites.

mod audit;
mod documents;
mod exploration;
mod feeds;
mod site_removal;
mod sites;
#[cfg(test)]
mod tests;
mod tuned;
#[cfg(test)]
mod upgrade_tests;
mod users;

use std::path::Path;

pub use audit::AuditRow;
pub use documents::FunnelRow;
pub use exploration::HistoryRow;
pub use feeds::FeedRow;
pub use site_removal::RemovedSite;
pub use sites::NewSite;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
pub use tuned::{ChosenRow, TunedRow};
pub use users::{
    InvitationRow, KeyRow, LoginRow, Membership, NewInvitation, NewKey, NewLogin, Role, Scope, TwoFactor, UserChange,
    UserRow, email_key,
};

/// A handle on the control database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    pool: SqlitePool,
}

/// Why the control database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Something with that name or id exists already.
    #[error("{0} exists already")]
    Taken(&'static str),
    /// What is stored cannot be understood; a newer version may have written it.
    #[error("the control database holds an unreadable {what}: {message}")]
    Unreadable {
        /// Kind of record.
        what: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The file's tables could not be brought up to date.
    #[error("the control database cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A site or user that it refers to does not exist.
    #[error("a site or user that this refers to does not exist")]
    MissingReference,
    /// SQLite refused.
    #[error("the control database failed: {0}")]
    Sqlite(sqlx::Error),
}

impl From<sqlx::Error> for ControlError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.is_foreign_key_violation() => Self::MissingReference,
            _ => Self::Sqlite(error),
        }
    }
}

impl ControlError {
    fn unreadable(what: &'static str, message: impl std::fmt::Display) -> Self {
        Self::Unreadable { what, message: message.to_string() }
    }

    /// Turns a violated uniqueness into [`ControlError::Taken`].
    fn taken(error: sqlx::Error, what: &'static str) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.is_unique_violation() => Self::Taken(what),
            _ => Self::from(error),
        }
    }
}

impl Control {
    /// Opens `control.sqlite` in the data directory, creating it and bringing its tables up to date.
    pub async fn open(data_dir: &Path) -> Result<Self, ControlError> {
        let options = SqliteConnectOptions::new()
            .filename(data_dir.join("control.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        sqlx::migrate!("src/control/migrations").run(&pool).await?;
        let control = Self { pool };
        control.fold_addresses().await?;
        Ok(control)
    }

    /// A named setting that `make` provides the first time it is asked for, such as a signing key.
    pub async fn setting(&self, name: &str, make: impl FnOnce() -> String + Send) -> Result<String, ControlError> {
        sqlx::query("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(make())
            .execute(&self.pool)
            .await?;
        Ok(sqlx::query_scalar("SELECT value FROM settings WHERE name = ?").bind(name).fetch_one(&self.pool).await?)
    }

    /// A named setting, if it was ever set.
    pub async fn known_setting(&self, name: &str) -> Result<Option<String>, ControlError> {
        Ok(sqlx::query_scalar("SELECT value FROM settings WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// New sites get numbers above this one, as they do above every number that was ever given.
    pub async fn number_sites_beyond(&self, highest: u32) -> Result<(), ControlError> {
        sqlx::query("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'sites'")
            .bind(highest)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'sites', ? \
             WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'sites')",
        )
        .bind(highest)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Sets a named setting, whatever it was.
    pub async fn put_setting(&self, name: &str, value: &str) -> Result<(), ControlError> {
        sqlx::query(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Writes what is still in memory and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
