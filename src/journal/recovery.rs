//! Opens the journal directory: verifies the newest segment, cuts a torn tail, finds the next position.

use std::{
    fs::{self, File},
    io::{self, Read},
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use super::{
    disk::{self, Disk},
    error::JournalError,
    format::{BadHeader, BlockHeader, SEGMENT_HEADER, SegmentHeader},
    scan::{Scan, scan},
    segments::{self, Segment, Segments},
    writer::ActiveSegment,
};
use crate::model::Position;

/// What was found when the journal was opened.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Records held, by the newest segment's content and the older ones' positions.
    pub records: u64,
    /// Position of the first record held.
    pub first: Position,
    /// One past the last.
    pub next: Position,
    /// Bytes of the newest segment's torn tail, which were cut: their records were never acknowledged.
    pub torn_bytes: u64,
    /// Records of the newest segment that were written and cannot be read. Readers report them again, and
    /// those of older segments, as `ReadError::Lost`.
    pub lost: Vec<Range<Position>>,
    /// Copies of damaged bytes.
    pub corrupt_copies: Vec<PathBuf>,
}

/// An opened directory.
pub(super) struct Opened {
    pub id: u64,
    pub segments: Segments,
    /// `None`: the next group begins a new segment.
    pub active: Option<ActiveSegment>,
    pub recovery: Recovery,
}

/// Opens the journal in `dir`, or creates one.
pub(super) fn open(disk: &Disk, dir: &Path) -> Result<Opened, JournalError> {
    let on_dir = |action| move |source| JournalError::Io { action, path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(on_dir("creating"))?;
    if let Some(parent) = dir.canonicalize().map_err(on_dir("finding"))?.parent() {
        disk::sync_directory(parent).map_err(on_dir("syncing the parent of"))?;
    }
    let mut segments = Segments::list(dir).map_err(on_dir("listing"))?;
    let Some(&newest) = segments.as_slice().last() else {
        return create(disk, dir, segments).map_err(on_dir("creating a segment in"));
    };
    let id = common_id(&segments)?;
    let path = segments.path(newest.first);
    let on_newest = |action| move |source| JournalError::Io { action, path: path.clone(), source };
    let file = File::options().read(true).write(true).open(segments.path(newest.first));
    let file = file.map_err(on_newest.clone()("opening"))?;
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).map_err(on_newest.clone()("reading"))?;

    let scan = scan(&bytes, id, newest.first, None);
    let mut recovery = Recovery::new(&scan, &segments);
    let header_damaged = SegmentHeader::decode(&bytes).is_err();
    let header = header_damaged.then_some(0..SEGMENT_HEADER.min(bytes.len()));
    for damaged in scan.damaged.iter().chain(&header) {
        let copy = segments::save_corrupt(dir, newest.first, &bytes, damaged);
        recovery.corrupt_copies.extend(copy.map_err(on_newest.clone()("saving damaged bytes of"))?);
    }
    make_durable(disk, &file, &bytes, &scan).map_err(on_newest("syncing"))?;
    segments.resize_newest(scan.offset as u64);
    let usable = scan.damaged.is_empty() && !header_damaged;
    let end = scan.offset as u64;
    let active = usable.then_some(ActiveSegment::new(file, end));
    recovery.log();
    Ok(Opened { id, segments, active, recovery })
}

/// Creates the first segment of a new journal.
fn create(disk: &Disk, dir: &Path, mut segments: Segments) -> io::Result<Opened> {
    let id = rand::random::<u64>().max(1);
    let first = Position(0);
    let header = SegmentHeader { id, first }.encode();
    let file = disk.create(&segments::path_of(dir, first), &header)?;
    segments.add(first, header.len() as u64);
    let end = header.len() as u64;
    let active = Some(ActiveSegment::new(file, end));
    Ok(Opened { id, segments, active, recovery: Recovery::default() })
}

/// The journal id that all segments share. A damaged header is tolerated: the position is in the file's name,
/// and the id in the other segments or in its own blocks.
fn common_id(segments: &Segments) -> Result<u64, JournalError> {
    let mut id = None;
    for &segment in segments.as_slice() {
        let path = segments.path(segment.first);
        let foreign = |reason: String| JournalError::Foreign { path: path.clone(), reason };
        match header_of(&path).map_err(|source| JournalError::Io { action: "reading", path: path.clone(), source })? {
            Err(BadHeader::Version(version)) => {
                return Err(foreign(format!("has format {version}, which this version does not read")));
            }
            Err(BadHeader::Damaged) => tracing::error!(path = %path.display(), "a journal segment's header is damaged"),
            Ok(header) if header.first != segment.first => {
                return Err(foreign(format!("begins at {} but has another name", header.first)));
            }
            Ok(header) if *id.get_or_insert(header.id) != header.id => {
                return Err(foreign("belongs to another journal".into()));
            }
            Ok(_) => {}
        }
    }
    match id {
        Some(id) => Ok(id),
        None => segments.as_slice().iter().find_map(|segment| id_from_block(segments, *segment)).ok_or_else(|| {
            let path = segments.path(segments.as_slice()[0].first);
            JournalError::Foreign { path, reason: "is not a journal segment".into() }
        }),
    }
}

fn header_of(path: &Path) -> io::Result<Result<SegmentHeader, BadHeader>> {
    let mut bytes = Vec::with_capacity(SEGMENT_HEADER);
    File::open(path)?.take(SEGMENT_HEADER as u64).read_to_end(&mut bytes)?;
    Ok(SegmentHeader::decode(&bytes))
}

/// The id in the first block's header, which has its own checksum.
fn id_from_block(segments: &Segments, segment: Segment) -> Option<u64> {
    let mut bytes = [0; super::format::BLOCK_HEADER];
    File::open(segments.path(segment.first)).ok()?.read_exact_at(&mut bytes, SEGMENT_HEADER as u64).ok()?;
    let id = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    BlockHeader::decode(&bytes, 0, id).filter(|block| block.first == segment.first)?;
    Some(id)
}

impl Recovery {
    fn new(scan: &Scan, segments: &Segments) -> Self {
        let first = segments.as_slice().first().map_or(scan.end, |segment| segment.first);
        let lost: u64 = scan.lost.iter().map(|lost| lost.end.0 - lost.start.0).sum();
        Self {
            records: scan.end.0 - first.0 - lost,
            first,
            next: scan.end,
            torn_bytes: scan.written.saturating_sub(scan.offset) as u64,
            lost: scan.lost.clone(),
            corrupt_copies: Vec::new(),
        }
    }

    fn log(&self) {
        if self.torn_bytes > 0 {
            tracing::info!(bytes = self.torn_bytes, "cut the journal's torn tail");
        }
        for lost in &self.lost {
            tracing::error!(from = %lost.start, to = %lost.end, "journal records are damaged and lost");
        }
        for path in &self.corrupt_copies {
            tracing::error!(path = %path.display(), "damaged journal bytes are copied to a file");
        }
    }
}

/// Cuts the torn tail and the preallocated zeros, and makes the rest durable. The last block is written again: if its
/// fsync failed before the process died, the page cache holds it as clean and another fsync would do nothing.
fn make_durable(disk: &Disk, file: &File, bytes: &[u8], scan: &Scan) -> io::Result<()> {
    if bytes.len() > scan.offset {
        file.set_len(scan.offset as u64)?;
    }
    disk.write(file, &bytes[scan.last_block..scan.offset], scan.last_block as u64)?;
    disk.sync(file)
}
