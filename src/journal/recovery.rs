//! Opening: what is there, what of it can be believed, and where to go on.

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
    writer::Newest,
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
    /// Bytes of the newest segment's torn tail, which were cut: records nobody was promised.
    pub torn_bytes: u64,
    /// Records of the newest segment that were there and cannot be read. Readers report them again, and
    /// those of older segments, as `ReadError::Lost`.
    pub lost: Vec<Range<Position>>,
    /// Copies of damaged bytes, kept as evidence.
    pub set_aside: Vec<PathBuf>,
}

/// An opened directory.
pub(super) struct Found {
    pub id: u64,
    pub segments: Segments,
    /// None: the next group begins a new segment.
    pub newest: Option<Newest>,
    pub report: Recovery,
}

/// Opens the journal in `dir`, or gives birth to one.
pub(super) fn open(disk: &Disk, dir: &Path) -> Result<Found, JournalError> {
    let on_dir = |action| move |source| JournalError::Io { action, path: dir.to_owned(), source };
    fs::create_dir_all(dir).map_err(on_dir("creating"))?;
    if let Some(parent) = dir.canonicalize().map_err(on_dir("finding"))?.parent() {
        disk::sync_directory(parent).map_err(on_dir("syncing the parent of"))?;
    }
    let mut segments = Segments::list(dir).map_err(on_dir("listing"))?;
    let Some(&newest) = segments.as_slice().last() else {
        return birth(disk, dir, segments).map_err(on_dir("creating a segment in"));
    };
    let id = identify(&segments)?;
    let path = segments.path(newest.first);
    let on_newest = |action| move |source| JournalError::Io { action, path: path.clone(), source };
    let file = File::options().read(true).write(true).open(segments.path(newest.first));
    let file = file.map_err(on_newest.clone()("opening"))?;
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes).map_err(on_newest.clone()("reading"))?;

    let found = scan(&bytes, id, newest.first, None);
    let mut report = report(&found, &segments);
    let header_damaged = SegmentHeader::decode(&bytes).is_err();
    let header = header_damaged.then_some(0..SEGMENT_HEADER.min(bytes.len()));
    for bad in found.bad.iter().chain(&header) {
        let kept = segments::set_aside(dir, newest.first, &bytes, bad).map_err(on_newest.clone()("setting aside"))?;
        report.set_aside.extend(kept);
    }
    secure(disk, &file, &bytes, &found).map_err(on_newest("syncing"))?;
    segments.resize_newest(found.offset as u64);
    let usable = found.bad.is_empty() && !header_damaged;
    let end = found.offset as u64;
    let newest = usable.then_some(Newest::at(file, end));
    tell(&report);
    Ok(Found { id, segments, newest, report })
}

/// The very first segment of a new journal.
fn birth(disk: &Disk, dir: &Path, mut segments: Segments) -> io::Result<Found> {
    let id = rand::random::<u64>().max(1);
    let first = Position(0);
    let header = SegmentHeader { id, first }.encode();
    let file = disk.create(&segments::path_of(dir, first), &header)?;
    segments.begin(first, header.len() as u64);
    let end = header.len() as u64;
    let newest = Some(Newest::at(file, end));
    Ok(Found { id, segments, newest, report: Recovery::default() })
}

/// The journal id that all segments agree on. One header that does not hold is forgiven: its file's name
/// tells the position, and the others, or its own blocks, tell the id.
fn identify(segments: &Segments) -> Result<u64, JournalError> {
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
                return Err(foreign(format!("begins at {} and carries another name", header.first)));
            }
            Ok(header) if *id.get_or_insert(header.id) != header.id => {
                return Err(foreign("belongs to another journal".into()));
            }
            Ok(_) => {}
        }
    }
    match id {
        Some(id) => Ok(id),
        None => segments.as_slice().iter().find_map(|segment| id_by_block(segments, *segment)).ok_or_else(|| {
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

/// The id in the first block's header, which has a checksum of its own.
fn id_by_block(segments: &Segments, segment: Segment) -> Option<u64> {
    let mut bytes = [0; super::format::BLOCK_HEADER];
    File::open(segments.path(segment.first)).ok()?.read_exact_at(&mut bytes, SEGMENT_HEADER as u64).ok()?;
    let id = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes"));
    BlockHeader::decode(&bytes, 0, id).filter(|block| block.first == segment.first)?;
    Some(id)
}

fn report(found: &Scan, segments: &Segments) -> Recovery {
    let first = segments.as_slice().first().map_or(found.end, |segment| segment.first);
    let lost: u64 = found.lost.iter().map(|lost| lost.end.0 - lost.start.0).sum();
    Recovery {
        records: found.end.0 - first.0 - lost,
        first,
        next: found.end,
        torn_bytes: found.written.saturating_sub(found.offset) as u64,
        lost: found.lost.clone(),
        set_aside: Vec::new(),
    }
}

/// Cuts the torn tail, and the zeros that were written ahead, and makes what is left durable. The last block is written again: should its fsync
/// have failed before the process died, the page cache would call it clean and a mere fsync do nothing.
fn secure(disk: &Disk, file: &File, bytes: &[u8], found: &Scan) -> io::Result<()> {
    if bytes.len() > found.offset {
        file.set_len(found.offset as u64)?;
    }
    disk.write(file, &bytes[found.last_block..found.offset], found.last_block as u64)?;
    disk.sync(file)
}

/// Says loudly what is wrong.
fn tell(report: &Recovery) {
    if report.torn_bytes > 0 {
        tracing::info!(bytes = report.torn_bytes, "cut the journal's torn tail");
    }
    for lost in &report.lost {
        tracing::error!(from = %lost.start, to = %lost.end, "journal records are damaged and lost");
    }
    for path in &report.set_aside {
        tracing::error!(path = %path.display(), "damaged journal bytes are set aside");
    }
}
