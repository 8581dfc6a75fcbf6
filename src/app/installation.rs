//! Installation id: control database, journal and warehouse must belong together.
//!
//! A random id is stored in all three. A lost and recreated control database would assign the ids of old sites to new
//! ones, and with them the old sites' data; two installations in one warehouse would do the same to each other. A
//! mismatch is therefore refused, and taking over is a separate command.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use anyhow::{Context, bail, ensure};

use super::{lock::DataLock, parts::Warehouse};
use crate::{
    access::new_secret,
    config::Config,
    control::Control,
    delivery,
    journal::{Journal, ReadError},
    store::{Store, StoreError, rows},
    tasks::Tasks,
    telemetry::health::Health,
};

const SETTING: &str = "installation";
/// How long a takeover waits for the warehouse.
const WAREHOUSE_TIMEOUT: Duration = Duration::from_mins(1);

/// Returns the id of this installation; creates one if none exists yet.
///
/// # Errors
/// If control database and journal do not belong together.
pub async fn bind(control: &Control, journal: &Journal, data_dir: &Path) -> anyhow::Result<String> {
    let path = data_dir.join("journal").join("installation");
    let (control_id, journal_id) = (control.known_setting(SETTING).await?, read(&path)?);
    let journal_is_empty = journal.next().0 == 0;
    let control_is_empty = control.sites().await?.is_empty();
    let dir = data_dir.display();
    let id = match (control_id, journal_id) {
        (Some(control), Some(journal)) if control == journal => return Ok(control),
        (Some(control), _) if journal_is_empty => control,
        (Some(_), Some(_)) => bail!(
            "control.sqlite and journal/ in {dir} belong to different installations: restore the matching one, or run \
             `ashna adopt` to make this control database the owner of the journal and the warehouse"
        ),
        // An interrupted update, or a copy from before ids existed.
        (None, Some(journal)) if !control_is_empty || journal_is_empty => journal,
        (None, None) if !control_is_empty || journal_is_empty => new_secret(""),
        (None, _) => bail!(
            "control.sqlite in {dir} is new, but journal/ has another installation's events: restore the lost \
             control.sqlite, or run `ashna adopt` to start with new sites in addition to the old data"
        ),
        (Some(_), None) => bail!(
            "journal/ in {dir} has events but no installation id: restore the lost file journal/installation, or run \
             `ashna adopt` to make this control database the owner of the journal"
        ),
    };
    write(&path, &id).with_context(|| format!("cannot write {}", path.display()))?;
    control.put_setting(SETTING, &id).await?;
    Ok(id)
}

/// Returns whether this installation owns the warehouse. A warehouse without an owner is claimed if it is empty, has
/// events of this journal, or is in this data directory (`None`).
///
/// # Errors
/// If the warehouse cannot be reached or refuses the request.
pub async fn owns_warehouse(store: &Store, id: &str, journal: Option<u64>) -> Result<bool, StoreError> {
    Ok(store.claim_ownership(id, journal).await?.as_deref() == Some(id))
}

/// Makes this control database the owner of journal and warehouse. New sites get ids that neither has used. Returns the
/// highest used id.
///
/// # Errors
/// If anything cannot be opened, or the warehouse does not respond.
pub async fn adopt(config: &Config, data_dir: &Path) -> anyhow::Result<u32> {
    fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let _lock = DataLock::acquire(data_dir)?;
    let control = Control::open(data_dir).await?;
    let (journal, _) = Journal::open(&data_dir.join("journal"), &config.journal)?;
    let mut tasks = Tasks::default();
    let health = Health::default();
    let Warehouse { engine: _engine, endpoint } = Warehouse::open(config, data_dir, None, &health, &mut tasks)?;
    let store = Store::connect(endpoint, &config.clickhouse);
    let result = take_over(&control, &journal, &store, data_dir).await;
    control.close().await;
    tasks.stop(Duration::from_millis(config.server.shutdown_ms)).await;
    result
}

async fn take_over(control: &Control, journal: &Journal, store: &Store, data_dir: &Path) -> anyhow::Result<u32> {
    let started = tokio::time::Instant::now();
    while let Err(error) = store.migrate().await {
        ensure!(started.elapsed() < WAREHOUSE_TIMEOUT, "the warehouse cannot be taken over: {error}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let highest = store.highest_site().await?.max(highest_site(journal)?);
    control.reserve_site_ids_up_to(highest).await?;
    let (end, stored) = (journal.next(), store.highest_position(journal.id()).await?);
    let known = end.max(delivery::highest_position(data_dir, journal.id()));
    if let Some(highest) = stored.filter(|highest| *highest >= known) {
        // The journal is a restored one: its original went on.
        delivery::continue_after(data_dir, journal.id(), end, highest).context("cannot write the checkpoint")?;
    }
    let id = control.setting(SETTING, || new_secret("")).await?;
    if store.owner().await?.as_deref() != Some(&id) {
        store.take_over(&id).await?;
    }
    write(&data_dir.join("journal").join("installation"), &id)?;
    control.audit("owner", "adopt journal and warehouse", &format!("sites up to {highest}")).await?;
    Ok(highest)
}

/// Returns the highest site id in the journal.
fn highest_site(journal: &Journal) -> anyhow::Result<u32> {
    let (mut reader, mut highest) = (journal.reader(journal.first()), 0);
    loop {
        match reader.read(10_000, 16 << 20) {
            Ok(records) if records.is_empty() => return Ok(highest),
            Ok(records) => {
                let sites = records.iter().filter_map(|record| rows::decode(&record.payload).ok()).map(|e| e.site.0);
                highest = sites.fold(highest, u32::max);
            }
            Err(ReadError::Lost(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Gives a restored control database and journal a new id: the original may still own the warehouse.
pub(super) async fn renew(control: &Control, data_dir: &Path) -> anyhow::Result<String> {
    let id = new_secret("");
    control.put_setting(SETTING, &id).await?;
    write(&data_dir.join("journal").join("installation"), &id)?;
    Ok(id)
}

fn read(path: &Path) -> anyhow::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

fn write(path: &Path, id: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}
