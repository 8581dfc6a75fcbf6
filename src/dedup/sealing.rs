//! Lifecycle of the files: open, append, seal, merge, delete.

use std::{
    fs, io, mem,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use super::{
    bucket::Bucket,
    bytes::TEMPORARY_EXTENSION,
    log::{self, Chunk, Log},
    types::{Files, OpenReport, Shared},
};
use crate::{
    config,
    model::{Position, Timestamp},
};

/// Whether the disk is full.
fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// More sealed buckets than this are merged.
const BUCKETS_MAX: usize = 16;
/// Nothing is dropped within this time after a start, milliseconds.
const GRACE_MS: i64 = 600_000;
/// A current bucket of this age is sealed, milliseconds.
const BUCKET_AGE_MAX_MS: i64 = 3_600_000;

/// An opened directory.
pub(super) struct OpenedFiles {
    pub report: OpenReport,
    pub chunks: Vec<Chunk>,
    pub sealed: Vec<Arc<Bucket>>,
    pub files: Files,
}

/// Opens the files in `dir`.
pub(super) fn open(dir: &Path, settings: &config::Dedup, journal: u64, now: Timestamp) -> io::Result<OpenedFiles> {
    fs::create_dir_all(dir)?;
    let mut report = OpenReport::default();
    let (mut sealed, mut next_bucket) = (Vec::new(), 0);
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.extension().and_then(|e| e.to_str()) {
            Some(TEMPORARY_EXTENSION) => fs::remove_file(&path)?,
            Some("bucket") => {
                let number = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse::<u64>().ok());
                next_bucket = next_bucket.max(number.unwrap_or(0) + 1);
                match Bucket::open(path.clone(), now)? {
                    Some(bucket) => sealed.push(Arc::new(bucket)),
                    None => report.damaged.push(set_aside(&path)?),
                }
            }
            _ => {}
        }
    }
    sealed.sort_by_key(|bucket| bucket.to());
    let existing = log::read(dir)?.unwrap_or_default();
    if existing.length > 0 && existing.valid_bytes == 0 {
        report.damaged.push(set_aside(&dir.join("current.log"))?);
    }
    report.torn_bytes = (existing.length - existing.valid_bytes) as u64;
    if existing.journal == journal {
        report.complete = existing.chunks.last().map_or(Position(0), |chunk| chunk.complete);
    }
    report.ids = sealed.iter().map(|bucket| bucket.keys()).sum();
    report.ids += existing.chunks.iter().map(|chunk| chunk.keys.len() as u64).sum::<u64>();
    for path in &report.damaged {
        tracing::error!(path = %path.display(), "a file of seen messages is damaged; its ids are lost");
    }
    let files = Files {
        dir: dir.to_owned(),
        journal,
        ids_max: settings.bucket_ids_max,
        window: i64::try_from(settings.window_hours).unwrap_or(i64::MAX).saturating_mul(3_600_000),
        // The existing keys are in memory; the first sync seals them and creates a new log.
        log: None,
        written: report.complete,
        since: existing.chunks.first().map(|chunk| chunk.to.min(now)),
        next_bucket,
        opened_at: now,
    };
    Ok(OpenedFiles { report, chunks: existing.chunks, sealed, files })
}

fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// See `Dedup::sync`.
pub(super) fn sync(shared: &Shared, now: Timestamp) -> io::Result<Position> {
    let files = &mut *shared.files.lock();
    let chunk = {
        let mut unwritten = shared.unwritten.lock();
        unwritten.latest = unwritten.latest.max(now);
        Chunk { keys: mem::take(&mut unwritten.keys), to: unwritten.latest, complete: unwritten.progress.complete() }
    };
    if !chunk.keys.is_empty() {
        files.since.get_or_insert(now);
    }
    if let Some(log) = &mut files.log
        && (!chunk.keys.is_empty() || chunk.complete > files.written)
        && let Err(error) = log.append(&chunk)
    {
        if is_disk_full(&error) && log.truncate().is_ok() {
            // A new log and a bucket would need even more space: retry the same chunk later.
            shared.unwritten.lock().keys.extend(chunk.keys);
            return Err(error);
        }
        // The keys are in memory; sealing them makes them durable.
        tracing::error!(%error, "cannot write the log of seen messages; starting a new one");
        files.log = None;
    }
    let aged = files.since.is_some_and(|since| now.since(since) >= BUCKET_AGE_MAX_MS);
    if files.log.is_none() || aged || shared.current.load(Ordering::Relaxed) >= files.ids_max {
        files.seal(shared, chunk.to, chunk.complete)?;
        files.since = None;
    }
    files.written = chunk.complete;
    files.delete_expired(shared, now);
    files.merge(shared)?;
    Ok(chunk.complete)
}

impl Files {
    fn bucket_path(&mut self) -> PathBuf {
        let path = self.dir.join(format!("{:020}.bucket", self.next_bucket));
        self.next_bucket += 1;
        path
    }

    /// Seals the current bucket and creates an empty log. If it fails, the next sync retries.
    fn seal(&mut self, shared: &Shared, to: Timestamp, complete: Position) -> io::Result<()> {
        self.log = None;
        shared.current.store(0, Ordering::Relaxed);
        let keys = shared.recent.start_sealing();
        if !keys.is_empty() {
            let count = keys.len() as u64;
            let bucket = Bucket::write(self.bucket_path(), to, count, keys.into_iter().map(Ok))?;
            let mut sealed = shared.sealed.load().to_vec();
            sealed.push(Arc::new(bucket));
            // Lookups check memory first and then the buckets, so a key must be in a bucket before it leaves memory.
            shared.sealed.store(Arc::new(sealed));
            shared.recent.finish_sealing();
        }
        let empty = Chunk { keys: Vec::new(), to, complete };
        self.log = Some(Log::create(&self.dir, self.journal, &empty)?);
        Ok(())
    }

    /// Deletes buckets whose latest claim is older than the window.
    fn delete_expired(&self, shared: &Shared, now: Timestamp) {
        if now.since(self.opened_at) < GRACE_MS {
            return;
        }
        let sealed = shared.sealed.load();
        let (expired, kept): (Vec<_>, Vec<_>) =
            sealed.iter().cloned().partition(|bucket| now.since(bucket.to()) > self.window);
        if !expired.is_empty() {
            shared.sealed.store(Arc::new(kept));
            for bucket in expired {
                delete(&bucket);
            }
        }
    }

    /// Merges neighbours in time, those with the fewest keys first, until at most [`BUCKETS_MAX`] are left.
    fn merge(&mut self, shared: &Shared) -> io::Result<()> {
        loop {
            let mut sealed = shared.sealed.load().to_vec();
            if sealed.len() <= BUCKETS_MAX {
                return Ok(());
            }
            let pairs = 0..sealed.len() - 1;
            let at = pairs.min_by_key(|at| sealed[*at].keys() + sealed[at + 1].keys()).expect("more than one bucket");
            let merged = Bucket::merge(self.bucket_path(), &sealed[at], &sealed[at + 1])?;
            let old: Vec<_> = sealed.splice(at..=at + 1, [Arc::new(merged)]).collect();
            shared.sealed.store(Arc::new(sealed));
            for bucket in old {
                delete(&bucket);
            }
        }
    }
}

fn delete(bucket: &Bucket) {
    if let Err(error) = bucket.delete() {
        tracing::warn!(%error, "cannot delete an old bucket of seen messages");
    }
}
