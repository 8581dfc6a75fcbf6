//! The segment files of a journal directory: names, sizes, deletion.

use std::{
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use super::disk::TEMPORARY_EXTENSION;
use crate::model::Position;

/// Maximum number of files with copies of damaged bytes; further damage is only logged.
const CORRUPT_FILES_MAX: usize = 64;

/// One segment file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Segment {
    /// Position of its first record, which is its file name.
    pub first: Position,
    /// Its length.
    pub bytes: u64,
}

/// The segments in order, the newest last. Never empty once the journal is open.
#[derive(Debug)]
pub(super) struct Segments {
    dir: PathBuf,
    list: Vec<Segment>,
}

impl Segments {
    /// Lists the segments in `dir`; removes temporary files of interrupted creations.
    pub(super) fn list(dir: &Path) -> io::Result<Self> {
        let mut list = Vec::new();
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            match path.extension().and_then(|e| e.to_str()) {
                Some(TEMPORARY_EXTENSION) => fs::remove_file(&path)?,
                Some("journal") => {
                    if let Some(first) = path.file_stem().and_then(|s| s.to_str()).and_then(|s| s.parse().ok()) {
                        list.push(Segment { first: Position(first), bytes: fs::metadata(&path)?.len() });
                    }
                }
                _ => {}
            }
        }
        list.sort_by_key(|segment| segment.first);
        Ok(Self { dir: dir.to_owned(), list })
    }

    pub(super) fn as_slice(&self) -> &[Segment] {
        &self.list
    }

    pub(super) fn path(&self, first: Position) -> PathBuf {
        path_of(&self.dir, first)
    }

    /// Adds the newest segment; replaces one with the same or a higher position, whose records never became durable.
    pub(super) fn add(&mut self, first: Position, bytes: u64) {
        self.list.retain(|segment| segment.first < first);
        self.list.push(Segment { first, bytes });
    }

    /// Sets the length of the newest segment.
    pub(super) fn resize_newest(&mut self, bytes: u64) {
        if let Some(newest) = self.list.last_mut() {
            newest.bytes = bytes;
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.list.iter().map(|segment| segment.bytes).sum()
    }

    /// The segment that holds `position`, and where the next one begins.
    pub(super) fn holding(&self, position: Position) -> Option<(Segment, Option<Position>)> {
        let after = self.list.partition_point(|segment| segment.first <= position);
        let segment = *self.list.get(after.checked_sub(1)?)?;
        Some((segment, self.list.get(after).map(|next| next.first)))
    }

    /// Deletes, oldest first, the segments with all records below `below`, but never the newest.
    pub(super) fn release(&mut self, below: Position) -> io::Result<()> {
        while self.list.len() > 1 && self.list[1].first <= below {
            match fs::remove_file(self.path(self.list[0].first)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.list.remove(0),
            };
        }
        Ok(())
    }
}

/// The file of the segment that begins at `first`. Twenty digits fit every u64, so names sort by position.
pub(super) fn path_of(dir: &Path, first: Position) -> PathBuf {
    dir.join(format!("{:020}.journal", first.0))
}

/// Copies damaged bytes of a segment to `corrupt/`, named after the segment and their offset, so that the
/// same damage found again is the same file. Returns the file; `None` if there are too many already.
pub(super) fn save_corrupt(
    dir: &Path,
    first: Position,
    bytes: &[u8],
    damaged: &Range<usize>,
) -> io::Result<Option<PathBuf>> {
    let corrupt = dir.join("corrupt");
    fs::create_dir_all(&corrupt)?;
    let path = corrupt.join(format!("{:020}-{}.bytes", first.0, damaged.start));
    if !path.exists() && fs::read_dir(&corrupt)?.count() >= CORRUPT_FILES_MAX {
        return Ok(None);
    }
    fs::write(&path, bytes.get(damaged.clone()).unwrap_or_default())?;
    Ok(Some(path))
}
