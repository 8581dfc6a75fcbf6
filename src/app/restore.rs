//! Restores a backup into an empty data directory.
//!
//! The restored service has an installation id of its own, so it does not deliver to a warehouse that the original one
//! uses, unless the settings say so, or later `ashna adopt`. Tables are created as they were at the time of the backup, their parts attached and
//! compared with the manifest; the next start migrates them. A file marks the directory as unfinished until all is done.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use serde::Serialize;

use super::{App, StartOptions, installation, lock::DataLock, parts::Warehouse, private};
use crate::{
    backup::{Manifest, TableManifest, WarehouseKind, archive},
    clock,
    config::Config,
    control::Control,
    erasures::{self, Erasures},
    operate::Operation,
    store::Store,
    tasks::Tasks,
    telemetry::health::Health,
};

/// Marks a directory whose restore did not finish.
const UNFINISHED: &str = "restore-unfinished";
/// How long the engine may take to start, and the restored journal to be delivered.
const WAREHOUSE_TIMEOUT: Duration = Duration::from_mins(2);
const DELIVERY_TIMEOUT: Duration = Duration::from_mins(30);

/// How a backup is restored.
#[derive(Debug, Clone, Default)]
pub struct RestoreSettings {
    /// A newer list of erased people than the one in the backup.
    pub erasures: Option<PathBuf>,
    /// Take over the external warehouse of the original, which must not run any more.
    pub adopt: bool,
}

/// The result of a restore.
#[derive(Debug, Serialize)]
pub struct Restored {
    /// What the backup contained.
    pub manifest: Manifest,
    /// Visitors whose data was removed, because they were erased after the backup.
    pub erased_visitors: u64,
}

/// Fails if a restore into this directory did not finish.
pub(super) fn ensure_finished(data_dir: &Path) -> anyhow::Result<()> {
    ensure!(
        !data_dir.join(UNFINISHED).exists(),
        "restoring into {} did not finish: remove the directory and restore again",
        data_dir.display()
    );
    Ok(())
}

/// Restores an archive into `data_dir`, which must be empty or not exist, and applies the tombstones of erased people in
/// the archive and in the settings.
///
/// # Errors
/// If the archive is damaged, the warehouse does not respond, or a restored table differs from the manifest.
pub async fn restore(
    config: &Config,
    source: Box<dyn Read + Send>,
    data_dir: &Path,
    settings: &RestoreSettings,
) -> anyhow::Result<Restored> {
    let is_empty = fs::read_dir(data_dir).map_or(true, |mut entries| entries.next().is_none());
    ensure!(is_empty, "{} is not empty: restore into a new directory", data_dir.display());
    let added = settings
        .erasures
        .as_deref()
        .map(erasures::read)
        .transpose()
        .context("cannot read the list of erased people")?;
    private::prepare(data_dir)?;
    let unfinished = data_dir.join(UNFINISHED);
    fs::write(&unfinished, "").context("cannot write to the data directory")?;
    let manifest = fill(config, source, data_dir).await?;
    let list = Erasures::open(data_dir, clock::now()).context("cannot read the list of erased people")?;
    list.add(&added.unwrap_or_default()).context("cannot write the list of erased people")?;
    drop(list);
    if settings.adopt && manifest.warehouse == WarehouseKind::External {
        installation::adopt(config, data_dir).await?;
    }
    fs::remove_file(&unfinished).context("cannot finish the restore")?;
    let has_erasures = fs::metadata(data_dir.join(erasures::FILE)).is_ok_and(|file| file.len() > 0);
    let erased_visitors = match manifest.warehouse {
        WarehouseKind::Embedded if has_erasures => apply_erasures(config, data_dir).await?,
        WarehouseKind::Embedded | WarehouseKind::External => 0,
    };
    Ok(Restored { manifest, erased_visitors })
}

/// Extracts the archive and attaches its tables.
async fn fill(config: &Config, source: Box<dyn Read + Send>, data_dir: &Path) -> anyhow::Result<Manifest> {
    let _lock = DataLock::acquire(data_dir)?;
    let target = data_dir.to_owned();
    let manifest = tokio::task::spawn_blocking(move || archive::extract(source, &target)).await??;
    let is_embedded = manifest.warehouse == WarehouseKind::Embedded;
    if is_embedded && config.clickhouse.endpoint().is_some() {
        bail!("the backup has the tables of an embedded engine: restore it without `clickhouse.url`");
    }
    let checkpoint = data_dir.join("delivery.json");
    fs::copy(&checkpoint, data_dir.join("journal").join("delivery.json")).context("the backup has no checkpoint")?;
    let control = Control::open(data_dir).await?;
    let id = installation::renew(&control, data_dir).await?;
    if is_embedded {
        let mut tasks = Tasks::default();
        let health = Health::default();
        let warehouse = Warehouse::open(config, data_dir, None, &health, &mut tasks)?;
        let store = Store::connect(warehouse.endpoint.clone(), &config.clickhouse);
        let attached = attach_tables(&store, &manifest, data_dir, &id).await;
        let highest = store.highest_site().await;
        drop(store);
        tasks.stop(Duration::from_millis(config.server.shutdown_ms)).await;
        attached?;
        control.reserve_site_ids_up_to(highest?).await?;
        // Only empty folders are left.
        fs::remove_dir_all(data_dir.join("tables")).or_else(ignore_missing).context("cannot remove extracted files")?;
    }
    let subject = ["made at ", &manifest.created_at.to_string()].concat();
    control.audit("owner", "restore backup", &subject).await?;
    control.close().await;
    Ok(manifest)
}

fn ignore_missing(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) }
}

/// Creates the tables, attaches their parts and compares them with the manifest.
async fn attach_tables(store: &Store, manifest: &Manifest, data_dir: &Path, id: &str) -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    while let Err(error) = store.migrate_up_to(&manifest.migrations).await {
        ensure!(
            error.fault().may_pass() && started.elapsed() < WAREHOUSE_TIMEOUT,
            "the tables cannot be created: {error}"
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Merged parts could not be compared.
    store.stop_merges().await?;
    for table in &manifest.tables {
        attach(store, table, data_dir).await.with_context(|| format!("table {} cannot be restored", table.name))?;
    }
    store.take_over(id).await?;
    Ok(())
}

async fn attach(store: &Store, table: &TableManifest, data_dir: &Path) -> anyhow::Result<()> {
    let path = store.table_path(&table.name).await?.context("this version does not create it")?;
    let detached = PathBuf::from(path).join("detached");
    fs::create_dir_all(&detached)?;
    for part in &table.parts {
        let extracted = data_dir.join("tables").join(&table.name).join(&part.name);
        fs::rename(&extracted, detached.join(&part.name))
            .with_context(|| format!("part {} is missing in the backup", part.name))?;
        store.attach_part(&table.name, &part.name).await?;
    }
    let mut parts = store.table_parts(&table.name).await?;
    parts.retain(|part| part.is_active == 1);
    let restored = TableManifest::new(&table.name, &parts);
    ensure!(
        table.is_same(&restored),
        "it has {} rows (hash {}), the backup has {} (hash {})",
        restored.rows,
        restored.hash,
        table.rows,
        table.hash
    );
    Ok(())
}

/// Delivers the restored journal, then removes people who were erased.
async fn apply_erasures(config: &Config, data_dir: &Path) -> anyhow::Result<u64> {
    let app = App::start(config, data_dir, StartOptions::default()).await?;
    let applied = async {
        let mut ready = app.warehouse_ready.clone();
        let waited = tokio::time::timeout(WAREHOUSE_TIMEOUT, ready.wait_for(|ready| *ready)).await;
        ensure!(waited.is_ok_and(|waited| waited.is_ok()), "the restored warehouse did not start in time");
        let operator = app.state.operator();
        let limit_ms = u64::try_from(DELIVERY_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        operator.run(Operation::Settle { limit_ms }).await?;
        let answer = operator.run(Operation::ApplyErasures).await?;
        Ok(answer["erased_visitors"].as_u64().unwrap_or_default())
    }
    .await;
    app.stop().await;
    applied.context("people who were erased after the backup may still be in the restored copy; restore again")
}
