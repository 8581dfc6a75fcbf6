//! The copy of an existing database that is made before its schema changes, so that an update can be undone.

use std::{
    collections::HashSet,
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use sqlx::{SqlitePool, migrate::Migrator};

use super::ControlError;

/// Copies that are kept, newest first.
const COPIES_MAX: usize = 3;
const PREFIX: &str = "control-before-";

/// Copies the database to `backup/control-before-NUMBER.sqlite`, NUMBER being the first migration to come, if it exists
/// and needs migrations. Returns the copy.
///
/// # Errors
/// If the database is of a newer version, or cannot be copied: it is not migrated then.
pub(super) async fn copy(
    pool: &SqlitePool,
    migrator: &Migrator,
    data_dir: &Path,
) -> Result<Option<PathBuf>, ControlError> {
    let exists: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_one(pool)
        .await?;
    if exists == 0 {
        return Ok(None);
    }
    let applied: Vec<i64> =
        sqlx::query_scalar("SELECT version FROM _sqlx_migrations ORDER BY version").fetch_all(pool).await?;
    let known: HashSet<i64> = migrator.iter().map(|migration| migration.version).collect();
    if let Some(newer) = applied.iter().find(|version| !known.contains(version)) {
        return Err(ControlError::TooNew(*newer));
    }
    let Some(next) = migrator.iter().map(|migration| migration.version).find(|version| !applied.contains(version))
    else {
        return Ok(None);
    };
    if applied.is_empty() {
        return Ok(None);
    }
    let copied = write(pool, &data_dir.join("backup"), next).await;
    copied.map(Some).map_err(|error| match error {
        ControlError::Copy(_) => error,
        other => ControlError::Copy(io::Error::other(other)),
    })
}

async fn write(pool: &SqlitePool, directory: &Path, next: i64) -> Result<PathBuf, ControlError> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(ControlError::Copy)?;
    let path = directory.join(format!("{PREFIX}{next:04}.sqlite"));
    let partial = directory.join(format!("{PREFIX}{next:04}.partial"));
    // Left by an interrupted start.
    match fs::remove_file(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(ControlError::Copy(error)),
        _ => {}
    }
    super::copy_to(pool, &partial).await?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o600)).map_err(ControlError::Copy)?;
    fs::File::open(&partial).and_then(|file| file.sync_all()).map_err(ControlError::Copy)?;
    fs::rename(&partial, &path).map_err(ControlError::Copy)?;
    remove_old(directory).map_err(ControlError::Copy)?;
    Ok(path)
}

/// Removes all but the newest copies.
fn remove_old(directory: &Path) -> io::Result<()> {
    let mut copies = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(PREFIX) && path.extension().is_some_and(|extension| extension == "sqlite") {
            copies.push(path);
        }
    }
    copies.sort();
    for path in copies.iter().rev().skip(COPIES_MAX) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

    use super::*;
    use crate::control::Control;

    async fn database(directory: &Path, name: &str) -> SqlitePool {
        let options = SqliteConnectOptions::new().filename(directory.join(name)).create_if_missing(true);
        SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap()
    }

    fn copies(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory.join("backup")).into_iter().flatten();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[tokio::test]
    async fn an_existing_database_is_copied_before_it_is_migrated_and_only_then() {
        let directory = tempfile::tempdir().unwrap();
        let pool = database(directory.path(), "control.sqlite").await;
        let mut old = sqlx::migrate!("src/control/migrations");
        let next = old.migrations.last().unwrap().version;
        old.migrations = old.migrations.iter().filter(|migration| migration.version < next).cloned().collect();
        old.run(&pool).await.unwrap();
        sqlx::query("INSERT INTO sites (name, origins, write_key, secret, created_at) VALUES ('S', '[]', 'w', 's', 1)")
            .execute(&pool)
            .await
            .unwrap();
        pool.close().await;
        for _ in 0..2 {
            Control::open(directory.path()).await.unwrap().close().await;
            assert_eq!(copies(directory.path()).len(), 1);
        }
        let copy = copies(directory.path()).remove(0);
        assert_eq!(copy.file_name().unwrap().to_str().unwrap(), format!("{PREFIX}{next:04}.sqlite"));
        assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        let pool = database(&directory.path().join("backup"), copy.file_name().unwrap().to_str().unwrap()).await;
        let newest: i64 =
            sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations").fetch_one(&pool).await.unwrap();
        assert!(newest < next, "the copy is of the old version");
        let sites: i64 = sqlx::query_scalar("SELECT count(*) FROM sites").fetch_one(&pool).await.unwrap();
        assert_eq!(sites, 1);

        let new = tempfile::tempdir().unwrap();
        Control::open(new.path()).await.unwrap().close().await;
        assert!(copies(new.path()).is_empty(), "a new database needs no copy");
    }

    #[tokio::test]
    async fn a_database_of_a_newer_version_is_refused_and_stays_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        Control::open(directory.path()).await.unwrap().close().await;
        let pool = database(directory.path(), "control.sqlite").await;
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                     VALUES (9000, 'newer', 1, x'00', 1)";
        sqlx::query(newer).execute(&pool).await.unwrap();
        pool.close().await;
        let refusal = Control::open(directory.path()).await.unwrap_err().to_string();
        assert!(refusal.contains("newer version") && refusal.contains("9000"), "{refusal}");
        assert!(copies(directory.path()).is_empty());
    }
}
