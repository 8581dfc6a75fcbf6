//! The files over time: opened, appended to, sealed, merged, dropped.

use std::{
    fs, io, mem,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
};

use super::{
    Opened, Shared,
    bucket::Bucket,
    log::{self, Chunk, Log},
    recent::lock,
};
use crate::{
    config,
    model::{Position, Timestamp},
};

/// The disk has no room left.
fn is_no_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// More sealed buckets than this are merged.
const BUCKETS_MAX: usize = 16;
/// Nothing is forgotten so soon after a start, milliseconds.
const GRACE: i64 = 600_000;
/// A current bucket this old is sealed, milliseconds.
const BUCKET_AGE: i64 = 3_600_000;

/// What a sync works on.
#[derive(Debug)]
pub(super) struct Files {
    dir: PathBuf,
    journal: u64,
    ids_max: usize,
    window: i64,
    /// None after a failed write: only a new log, with all keys sealed before it, is to be trusted. A
    /// full disk is no such failure.
    log: Option<Log>,
    /// Position the log is complete through.
    written: Position,
    /// When the current bucket got its first key.
    since: Option<Timestamp>,
    next_bucket: u64,
    opened_at: Timestamp,
}

/// An opened directory.
pub(super) struct Found {
    pub opened: Opened,
    pub chunks: Vec<Chunk>,
    pub sealed: Vec<Arc<Bucket>>,
    pub files: Files,
}

/// Opens the files in `dir`.
pub(super) fn open(dir: &Path, settings: &config::Dedup, journal: u64, now: Timestamp) -> io::Result<Found> {
    fs::create_dir_all(dir)?;
    let mut opened = Opened::default();
    let (mut sealed, mut next_bucket) = (Vec::new(), 0);
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("unborn") => fs::remove_file(&path)?,
            Some("bucket") => {
                let number = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse::<u64>().ok());
                next_bucket = next_bucket.max(number.unwrap_or(0) + 1);
                match Bucket::open(path.clone(), now)? {
                    Some(bucket) => sealed.push(Arc::new(bucket)),
                    None => opened.damaged.push(put_aside(&path)?),
                }
            }
            _ => {}
        }
    }
    sealed.sort_by_key(|bucket| bucket.to());
    let left = log::read(dir)?.unwrap_or_default();
    if left.length > 0 && left.good == 0 {
        opened.damaged.push(put_aside(&dir.join("current.log"))?);
    }
    opened.torn_bytes = (left.length - left.good) as u64;
    if left.journal == journal {
        opened.complete = left.chunks.last().map_or(Position(0), |chunk| chunk.complete);
    }
    opened.ids = sealed.iter().map(|bucket| bucket.keys()).sum();
    opened.ids += left.chunks.iter().map(|chunk| chunk.keys.len() as u64).sum::<u64>();
    for path in &opened.damaged {
        tracing::error!(path = %path.display(), "a file of seen messages is damaged; its ids are forgotten");
    }
    let files = Files {
        dir: dir.to_owned(),
        journal,
        ids_max: settings.bucket_ids_max,
        window: i64::try_from(settings.window_hours).unwrap_or(i64::MAX).saturating_mul(3_600_000),
        // What is left is known in memory; the first sync seals it and begins a log of its own.
        log: None,
        written: opened.complete,
        since: left.chunks.first().map(|chunk| chunk.to.min(now)),
        next_bucket,
        opened_at: now,
    };
    Ok(Found { opened, chunks: left.chunks, sealed, files })
}

fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = path.with_extension("damaged");
    fs::rename(path, &aside)?;
    Ok(aside)
}

/// See `Dedup::sync`.
pub(super) fn sync(shared: &Shared, now: Timestamp) -> io::Result<Position> {
    let files = &mut *lock(&shared.files);
    let chunk = {
        let mut unwritten = lock(&shared.unwritten);
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
        if is_no_space(&error) && log.cut().is_ok() {
            // A new log and a bucket would need more room still: the same chunk again later.
            lock(&shared.unwritten).keys.extend(chunk.keys);
            return Err(error);
        }
        // The keys are in memory; sealing them under a new log makes them durable.
        tracing::error!(%error, "cannot write the log of seen messages; it is begun anew");
        files.log = None;
    }
    let aged = files.since.is_some_and(|since| now.since(since) >= BUCKET_AGE);
    if files.log.is_none() || aged || shared.current.load(Ordering::Relaxed) >= files.ids_max {
        files.seal(shared, chunk.to, chunk.complete)?;
        files.since = None;
    }
    files.written = chunk.complete;
    files.drop_expired(shared, now);
    files.merge(shared)?;
    Ok(chunk.complete)
}

impl Files {
    fn bucket_path(&mut self) -> PathBuf {
        let path = self.dir.join(format!("{:020}.bucket", self.next_bucket));
        self.next_bucket += 1;
        path
    }

    /// Seals the current bucket and begins an empty log. Should it fail, the next sync tries again.
    fn seal(&mut self, shared: &Shared, to: Timestamp, complete: Position) -> io::Result<()> {
        self.log = None;
        shared.current.store(0, Ordering::Relaxed);
        let keys = shared.recent.freeze();
        if !keys.is_empty() {
            let count = keys.len() as u64;
            let bucket = Bucket::write(self.bucket_path(), to, count, keys.into_iter().map(Ok))?;
            let mut sealed = shared.sealed.load().to_vec();
            sealed.push(Arc::new(bucket));
            // A key is looked for in memory first and then here, so it must be here before it leaves there.
            shared.sealed.store(Arc::new(sealed));
            shared.recent.thaw();
        }
        let empty = Chunk { keys: Vec::new(), to, complete };
        self.log = Some(Log::create(&self.dir, self.journal, &empty)?);
        Ok(())
    }

    /// Drops the buckets whose latest claim is older than the window.
    fn drop_expired(&self, shared: &Shared, now: Timestamp) {
        if now.since(self.opened_at) < GRACE {
            return;
        }
        let sealed = shared.sealed.load();
        let (expired, left): (Vec<_>, Vec<_>) =
            sealed.iter().cloned().partition(|bucket| now.since(bucket.to()) > self.window);
        if !expired.is_empty() {
            shared.sealed.store(Arc::new(left));
            for bucket in expired {
                delete(&bucket);
            }
        }
    }

    /// Merges neighbours in time, those with the fewest keys first, until there are few enough.
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
