//! A consistent copy of the journal for a backup: hard links of its segments, each with its durable length.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{Journal, Shared, segments};
use crate::model::Position;

/// Keeps every segment until it is dropped.
#[derive(Debug)]
pub struct SegmentHold(Arc<Shared>);

/// A linked segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedSegment {
    /// Its file name.
    pub name: String,
    /// Its durable bytes; the file may be longer.
    pub bytes: u64,
}

impl Journal {
    /// Keeps all segments, delivered ones too, until the returned guard is dropped.
    #[must_use]
    pub fn hold_segments(&self) -> SegmentHold {
        self.shared.holds.fetch_add(1, Ordering::SeqCst);
        // A release that runs now ends first.
        drop(self.shared.segments.lock());
        SegmentHold(Arc::clone(&self.shared))
    }

    /// Links every segment into the directory `target`. All records below the returned position are in them. Blocks on
    /// the disk.
    ///
    /// # Errors
    /// If a file cannot be linked.
    pub fn link_segments(&self, target: &Path) -> io::Result<(Vec<LinkedSegment>, Position)> {
        let end = self.next();
        let list = self.shared.segments.lock().as_slice().to_vec();
        let mut linked = Vec::with_capacity(list.len());
        for segment in list {
            let path = segments::path_of(&self.shared.dir, segment.first);
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            fs::hard_link(&path, target.join(&name))?;
            linked.push(LinkedSegment { name, bytes: segment.bytes });
        }
        Ok((linked, end))
    }
}

impl Drop for SegmentHold {
    fn drop(&mut self) {
        self.0.holds.fetch_sub(1, Ordering::SeqCst);
    }
}
