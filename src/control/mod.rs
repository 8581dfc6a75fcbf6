//! Database of the control plane (SQLite): sites, users, API keys, the documents that marketers edit, and webhooks with
//! their bounded queue of calls, and who is in which segment. All other data is small and loaded into memory by `catalog` and `access`; no visitor
//! request waits for it. It must never contain events, except those that a webhook is about to be called for.
//!
//! Example: `Control::open(dir).await?.sites().await?` lists the sites.

mod audit;
mod before_migration;
mod documents;
mod exploration;
mod feeds;
mod membership;
mod offers;
mod reports;
mod retention;
mod site_removal;
mod sites;
mod slots;
#[cfg(test)]
mod tests;
mod tuned;
#[cfg(test)]
mod upgrade_tests;
mod users;
mod webhook_deliveries;
mod webhooks;

use std::path::Path;

pub use audit::AuditRow;
pub use documents::FunnelRow;
pub use exploration::HistoryRow;
pub use feeds::FeedRow;
pub use membership::{
    DayRow, FollowedRow, MembershipWrite, NewChange, NewFollowed, PersonRow, SegmentChangeRow, WaitingRow,
};
pub use offers::{CouponCounts, CouponRequest, HeldCoupon, SeenCoupon};
pub use reports::{ReportDocument, ShareRow};
pub use retention::RetentionRow;
pub use site_removal::RemovedSite;
pub use sites::NewSite;
pub use slots::SeenSlotRow;
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
pub use tuned::{ChosenRow, TunedRow};
pub use users::{
    InvitationRow, KeyRow, LoginRow, Membership, NewInvitation, NewKey, NewLogin, Role, Scope, TwoFactor, UserChange,
    UserRow, email_key,
};
pub use webhook_deliveries::{Attempt, DeliveryRow, DeliveryState, NewDelivery};
pub use webhooks::{WebhookCursor, WebhookRow};

/// A handle on the control database; cheap to clone.
#[derive(Debug, Clone)]
pub struct Control {
    pool: SqlitePool,
}

/// Why an operation of the control database failed.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// An object with this name or id already exists.
    #[error("{0} already exists")]
    AlreadyExists(&'static str),
    /// A stored record cannot be parsed; a newer version may have written it.
    #[error("the control database contains an unreadable {what}: {message}")]
    Unreadable {
        /// Kind of record.
        what: &'static str,
        /// What is wrong with it.
        message: String,
    },
    /// The schema migration failed.
    #[error("the control database cannot be migrated: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// A newer version of Ashna has migrated it.
    #[error(
        "the control database was migrated by a newer version of Ashna (migration {0}): run that version, or go back to \
         the copy in the data directory's folder backup"
    )]
    TooNew(i64),
    /// It could not be copied before a migration.
    #[error("the control database cannot be copied to the folder backup before it is migrated: {0}")]
    Copy(std::io::Error),
    /// A referenced site or user does not exist.
    #[error("a referenced site or user does not exist")]
    MissingReference,
    /// SQLite maps files into memory: on a disk without any free block a write to them would end the process.
    #[error("the disk of the data directory is full: free some space, then try again")]
    DiskFull,
    /// SQLite returned an error.
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

    /// Maps a violated unique constraint to [`ControlError::AlreadyExists`].
    fn from_unique_violation(error: sqlx::Error, what: &'static str) -> Self {
        match &error {
            sqlx::Error::Database(e) if e.is_unique_violation() => Self::AlreadyExists(what),
            _ => Self::from(error),
        }
    }
}

/// What opening the database needs: the index of its write-ahead log, 32 KiB, and the file system's own blocks for it.
/// An index that a killed process left is no room: a file system may free its blocks later than they are needed again.
const FREE_BYTES_MIN: u64 = 48 << 10;

impl Control {
    /// Opens `control.sqlite` in the data directory; creates and migrates it if necessary.
    ///
    /// # Errors
    /// If the disk is full, or SQLite fails.
    pub async fn open(data_dir: &Path) -> Result<Self, ControlError> {
        let free = rustix::fs::statvfs(data_dir).map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        if free.is_ok_and(|bytes| bytes < FREE_BYTES_MIN) {
            return Err(ControlError::DiskFull);
        }
        let options = SqliteConnectOptions::new()
            .filename(data_dir.join("control.sqlite"))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(5));
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        let migrator = sqlx::migrate!("src/control/migrations");
        if let Some(copy) = before_migration::copy(&pool, &migrator, data_dir).await? {
            tracing::info!(path = %copy.display(), "the control database was copied before it is migrated");
        }
        migrator.run(&pool).await?;
        let control = Self { pool };
        control.fold_email_keys().await?;
        Ok(control)
    }

    /// Returns a named setting, such as a signing key; initializes it with `make` on first use.
    pub async fn setting(&self, name: &str, make: impl FnOnce() -> String + Send) -> Result<String, ControlError> {
        sqlx::query("INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
            .bind(name)
            .bind(make())
            .execute(&self.pool)
            .await?;
        Ok(sqlx::query_scalar("SELECT value FROM settings WHERE name = ?").bind(name).fetch_one(&self.pool).await?)
    }

    /// Returns a named setting, if it was ever set.
    pub async fn known_setting(&self, name: &str) -> Result<Option<String>, ControlError> {
        Ok(sqlx::query_scalar("SELECT value FROM settings WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.pool)
            .await?)
    }

    /// Makes new sites get ids above this one; they are always above every id ever used.
    pub async fn reserve_site_ids_up_to(&self, highest: u32) -> Result<(), ControlError> {
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

    /// Sets a named setting, replacing any previous value.
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

    /// Writes a consistent copy of the database to a new file.
    pub async fn copy_to(&self, path: &Path) -> Result<(), ControlError> {
        copy_to(&self.pool, path).await
    }

    /// Flushes and closes the file.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

async fn copy_to(pool: &SqlitePool, path: &Path) -> Result<(), ControlError> {
    let path = path.to_str().ok_or_else(|| ControlError::unreadable("path", path.display()))?;
    sqlx::query("VACUUM INTO ?").bind(path).execute(pool).await?;
    Ok(())
}
