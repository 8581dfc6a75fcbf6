//! `ashna backup` and `ashna restore`.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use serde_json::{Value, json};

use super::{Common, chunk_sender::progress, import_source::open_source, print_answer, service};
use crate::{
    app,
    backup::{Snapshot, Workspace, archive},
    config::Config,
    operate::Operation,
};

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct Options {
    /// The new file, or a directory, where the file is named by the time; `-` for standard output, for example into a
    /// program that encrypts it.
    #[arg(value_name = "FILE|DIR")]
    file: PathBuf,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct RestoreOptions {
    /// The backup; `-` for standard input.
    file: PathBuf,
    /// A newer `erasures.ndjson`: people who were erased after the backup.
    #[arg(long, value_name = "FILE")]
    erasures: Option<PathBuf>,
    /// Take over the ClickHouse server that the original used, which must not run any more.
    #[arg(long)]
    adopt: bool,
}

/// Writes a backup of the data directory, beside a running service or without one.
pub async fn run(config: &Config, common: &Common, options: &Options) -> anyhow::Result<()> {
    if !common.data_dir.join("control.sqlite").exists() {
        bail!("{} is no data directory", common.data_dir.display());
    }
    let workspace = Workspace::of(&common.data_dir);
    let Some(lock) = workspace.try_lock()? else { bail!("another backup is running") };
    let service = service::Service::open(config, &common.data_dir).await?;
    let written = match service.operate(Operation::Snapshot).await {
        Ok(answer) => write(common, &options.file, answer).await,
        Err(error) => Err(error),
    };
    let cleared = workspace.clear();
    drop(lock);
    service.close().await;
    let Written { snapshot, file, bytes } = written?;
    cleared?;
    let manifest = &snapshot.manifest;
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    let answer = json!({
        "file": file, "bytes": bytes, "files": snapshot.files.len(), "version": manifest.version,
        "created_at": manifest.created_at, "warehouse": manifest.warehouse, "journal_end": manifest.journal_end,
        "tables": table_rows(manifest),
    });
    let text =
        format!("{} files, {rows} rows in {} tables, {bytes} bytes", snapshot.files.len(), manifest.tables.len());
    if is_stream(&file) {
        // Standard output has the backup.
        writeln!(io::stderr(), "{}", if common.json { answer.to_string() } else { text })?;
        return Ok(());
    }
    print_answer(common, &answer, &text)
}

fn table_rows(manifest: &crate::backup::Manifest) -> Value {
    manifest
        .tables
        .iter()
        .map(|table| (table.name.clone(), Value::from(table.rows)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn is_stream(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// What was written.
struct Written {
    snapshot: Snapshot,
    file: PathBuf,
    bytes: u64,
}

/// Copies the snapshot's files into the archive.
async fn write(common: &Common, target: &Path, answer: Value) -> anyhow::Result<Written> {
    let snapshot: Snapshot = serde_json::from_value(answer).context("the running service is of another version")?;
    let bar = progress(snapshot.files.iter().map(|file| file.bytes).sum(), "{bytes}/{total_bytes}", common.json);
    let (data_dir, file) = (common.data_dir.clone(), file_of(target, &snapshot));
    let copying = bar.clone();
    let written = tokio::task::spawn_blocking(move || {
        let bytes = write_file(&file, &data_dir, &snapshot, |bytes| copying.inc(bytes))?;
        Ok(Written { snapshot, file, bytes })
    });
    let written = written.await?;
    bar.finish_and_clear();
    written
}

/// In a directory each backup is a file of its own.
fn file_of(target: &Path, snapshot: &Snapshot) -> PathBuf {
    if !target.is_dir() {
        return target.to_owned();
    }
    let time: String = snapshot.manifest.created_at.to_string().chars().filter(|c| !matches!(c, ':' | '.')).collect();
    target.join(["ashna-", &time, ".tar.zst"].concat())
}

/// A file appears under its name only when it is complete and on disk; readable by its owner only.
fn write_file(file: &Path, data_dir: &Path, snapshot: &Snapshot, progress: impl FnMut(u64)) -> anyhow::Result<u64> {
    if is_stream(file) {
        let mut out = Counting { inner: io::stdout().lock(), bytes: 0 };
        archive::write(&mut out, data_dir, snapshot, progress)?.flush()?;
        return Ok(out.bytes);
    }
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let created = File::options().write(true).create(true).truncate(true).mode(0o600).open(&partial);
    let created = created.with_context(|| format!("cannot write {}", partial.display()))?;
    let written = archive::write(BufWriter::new(created), data_dir, snapshot, progress)
        .map_err(anyhow::Error::from)
        .and_then(|out| Ok(out.into_inner().map_err(io::IntoInnerError::into_error)?))
        .and_then(|out| Ok(out.sync_all().and_then(|()| out.metadata())?.len()))
        .and_then(|bytes| fs::rename(&partial, file).map(|()| bytes).context("cannot name the backup"));
    if written.is_err() {
        // What failed is reported; the incomplete file is of no use.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Counts what is written.
struct Counting<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Restores a backup into a new data directory.
pub async fn restore(config: &Config, common: &Common, options: &RestoreOptions) -> anyhow::Result<()> {
    let (source, length) = open_source(&options.file)?;
    let bar = progress(length, if length == 0 { "{bytes}" } else { "{bytes}/{total_bytes}" }, common.json);
    let source = Box::new(bar.wrap_read(source));
    let settings = app::RestoreSettings { erasures: options.erasures.clone(), adopt: options.adopt };
    let restored = app::restore(config, source, &common.data_dir, &settings).await;
    bar.finish_and_clear();
    let restored = restored?;
    let manifest = &restored.manifest;
    let rows: u64 = manifest.tables.iter().map(|table| table.rows).sum();
    let answer = json!({
        "restored": true, "version": manifest.version, "created_at": manifest.created_at, "warehouse": manifest.warehouse,
        "tables": table_rows(manifest), "undelivered": manifest.journal_end.saturating_sub(manifest.delivered),
        "erased_visitors": restored.erased_visitors,
    });
    let text = format!(
        "restored the backup of {}: {rows} rows verified, {} visitors erased since then removed",
        manifest.created_at, restored.erased_visitors
    );
    print_answer(common, &answer, &text)
}
