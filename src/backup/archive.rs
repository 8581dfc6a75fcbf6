//! The archive: tar, compressed with zstd. `zstd -dc FILE | tar t` lists it.
//!
//! `manifest.json` comes first, then the files, and `checksums.json` last: the length and BLAKE3 hash of every file
//! before it, so that a truncated archive is noticed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Component, Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{BackupError, Manifest, Snapshot, manifest::FORMAT};

const MANIFEST: &str = "manifest.json";
const CHECKSUMS: &str = "checksums.json";
/// The lowest level: parts of the warehouse are compressed already.
const LEVEL: i32 = 1;
/// The manifest and the checksums may be this long.
const JSON_BYTES_MAX: u64 = 256 << 20;
/// What an archive may contain, apart from its two own files.
const CONTENTS: &[&str] =
    &["control.sqlite", "delivery.json", "dedup", "erasures.ndjson", "journal", "quarantine", "tables"];

/// Length and hash of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checksum {
    bytes: u64,
    blake3: String,
}

/// Writes the archive of a snapshot in `data_dir`. `progress` is called with the bytes of each file read.
///
/// # Errors
/// If a file cannot be read, or the archive cannot be written.
pub fn write<W: Write>(
    out: W,
    data_dir: &Path,
    snapshot: &Snapshot,
    mut progress: impl FnMut(u64),
) -> Result<W, BackupError> {
    let unwritable = BackupError::files("write", Path::new("the archive"));
    let mut archive = tar::Builder::new(zstd::Encoder::new(out, LEVEL).map_err(&unwritable)?);
    let mut checksums = BTreeMap::new();
    let manifest = serde_json::to_vec_pretty(&snapshot.manifest).map_err(io::Error::from).map_err(&unwritable)?;
    append(&mut archive, MANIFEST, manifest.len() as u64, manifest.as_slice()).map_err(&unwritable)?;
    for file in &snapshot.files {
        let source = data_dir.join(&file.source);
        let opened = File::open(&source).map_err(BackupError::files("read", &source))?;
        let mut hashing =
            Hashing { inner: BufReader::new(opened).take(file.bytes), hasher: blake3::Hasher::new(), read: 0 };
        append(&mut archive, &file.path, file.bytes, &mut hashing).map_err(BackupError::files("copy", &source))?;
        if hashing.read != file.bytes {
            let short = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(BackupError::files("read", &source)(short));
        }
        checksums.insert(file.path.clone(), hashing.checksum());
        progress(file.bytes);
    }
    let checksums = serde_json::to_vec(&checksums).map_err(io::Error::from).map_err(&unwritable)?;
    append(&mut archive, CHECKSUMS, checksums.len() as u64, checksums.as_slice()).map_err(&unwritable)?;
    archive.into_inner().and_then(zstd::Encoder::finish).map_err(&unwritable)
}

fn append(archive: &mut tar::Builder<impl Write>, path: &str, bytes: u64, content: impl Read) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o600);
    archive.append_data(&mut header, path, content)
}

/// Extracts an archive below `target` and compares it with its checksums. Returns its manifest.
///
/// # Errors
/// If the archive is damaged, incomplete, of a newer format, or contains anything unexpected.
pub fn extract(source: impl Read, target: &Path) -> Result<Manifest, BackupError> {
    let unreadable = |error: io::Error| BackupError::Archive(format!("it is damaged, or no backup of Ashna ({error})"));
    let mut archive = tar::Archive::new(zstd::Decoder::new(source).map_err(unreadable)?);
    let (mut manifest, mut listed) = (None, None);
    let mut extracted = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let name = path.to_str().unwrap_or_default().to_owned();
        if listed.is_some() {
            return Err(BackupError::Archive(format!("unexpected {name:?} at its end")));
        }
        match name.as_str() {
            MANIFEST => manifest = Some(read_manifest(&mut entry)?),
            CHECKSUMS => listed = Some(read_json::<BTreeMap<String, Checksum>>(&mut entry)?),
            _ if manifest.is_none() => return Err(BackupError::Archive("it does not begin with a manifest".into())),
            _ if !is_expected(&path) || !entry.header().entry_type().is_file() => {
                return Err(BackupError::Archive(format!("unexpected {name:?}")));
            }
            _ => drop(extracted.insert(name, extract_file(&mut entry, &target.join(&path))?)),
        }
    }
    let (Some(manifest), Some(listed)) = (manifest, listed) else {
        return Err(BackupError::Archive("it is incomplete".into()));
    };
    let names: BTreeSet<&String> = listed.keys().chain(extracted.keys()).collect();
    match names.into_iter().find(|name| listed.get(*name) != extracted.get(*name)) {
        Some(name) => Err(BackupError::Archive(format!("{name} is missing or damaged"))),
        None => Ok(manifest),
    }
}

fn read_manifest(entry: &mut impl Read) -> Result<Manifest, BackupError> {
    let value: serde_json::Value = read_json(entry)?;
    match value["format"].as_u64() {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) if format > u64::from(FORMAT) => {
            let made_by = value["version"].as_str().unwrap_or("a newer version");
            return Err(BackupError::Archive(format!(
                "it was made by Ashna {made_by} in format {format}, and this version reads {FORMAT}: restore it with that version"
            )));
        }
        _ => return Err(BackupError::Archive("its manifest has no format: it is no backup of Ashna".into())),
    }
    serde_json::from_value(value).map_err(|error| BackupError::Archive(error.to_string()))
}

fn read_json<T: serde::de::DeserializeOwned>(entry: &mut impl Read) -> Result<T, BackupError> {
    serde_json::from_reader(entry.take(JSON_BYTES_MAX)).map_err(|error| BackupError::Archive(error.to_string()))
}

/// Whether a path is one that backups contain, and leads nowhere else.
fn is_expected(path: &Path) -> bool {
    let mut components = path.components();
    let begins_well =
        matches!(components.next(), Some(Component::Normal(first)) if CONTENTS.iter().any(|name| first == *name));
    begins_well && components.all(|component| matches!(component, Component::Normal(_)))
}

fn extract_file(entry: &mut impl Read, path: &PathBuf) -> Result<Checksum, BackupError> {
    let failed = BackupError::files("write", path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(&failed)?;
    }
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(&failed)?;
    let mut hashing = Hashing { inner: entry, hasher: blake3::Hasher::new(), read: 0 };
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = match hashing.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(BackupError::Archive(format!("it is damaged or incomplete ({error})"))),
        };
        file.write_all(&buffer[..read]).map_err(&failed)?;
    }
    file.sync_all().map_err(&failed)?;
    Ok(hashing.checksum())
}

/// Hashes what is read.
struct Hashing<R> {
    inner: R,
    hasher: blake3::Hasher,
    read: u64,
}

impl<R> Hashing<R> {
    fn checksum(&self) -> Checksum {
        Checksum { bytes: self.read, blake3: self.hasher.finalize().to_hex().to_string() }
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        self.read += read as u64;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        backup::{SnapshotFile, WarehouseKind},
        model::Timestamp,
    };

    fn snapshot(files: &[(&str, u64)]) -> Snapshot {
        let manifest = Manifest {
            format: FORMAT,
            version: "0".into(),
            created_at: Timestamp(0),
            journal: String::new(),
            delivered: 0,
            journal_end: 0,
            warehouse: WarehouseKind::Embedded,
            migrations: vec![1],
            tables: Vec::new(),
        };
        let file = |(path, bytes): &(&str, u64)| SnapshotFile {
            source: Path::new("source").join(path),
            path: (*path).to_owned(),
            bytes: *bytes,
        };
        Snapshot { manifest, files: files.iter().map(file).collect() }
    }

    fn archive() -> (tempfile::TempDir, Vec<u8>) {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(data.path().join("source/journal")).unwrap();
        fs::write(data.path().join("source/journal/1.journal"), "0123456789 and what came later").unwrap();
        fs::write(data.path().join("source/control.sqlite"), "c").unwrap();
        let files = snapshot(&[("journal/1.journal", 10), ("control.sqlite", 1)]);
        let bytes = write(Vec::new(), data.path(), &files, |_| {}).unwrap();
        (data, bytes)
    }

    #[test]
    fn what_was_written_is_read_back_up_to_its_length() {
        let (data, bytes) = archive();
        let manifest = extract(bytes.as_slice(), &data.path().join("new")).unwrap();
        assert_eq!(manifest.migrations, [1]);
        assert_eq!(fs::read(data.path().join("new/journal/1.journal")).unwrap(), b"0123456789");
        assert_eq!(fs::read(data.path().join("new/control.sqlite")).unwrap(), b"c");
    }

    #[test]
    fn a_damaged_or_truncated_archive_is_refused() {
        let (data, bytes) = archive();
        for length in [0, 10, bytes.len() / 2, bytes.len() - 1] {
            let target = data.path().join(format!("at{length}"));
            assert!(extract(&bytes[..length], &target).is_err(), "{length} of {} bytes", bytes.len());
        }
        let plain = zstd::decode_all(bytes.as_slice()).unwrap();
        let at = plain.windows(10).position(|window| window == b"0123456789").unwrap();
        let mut changed = plain;
        changed[at] = b'X';
        let changed = zstd::encode_all(changed.as_slice(), 1).unwrap();
        let error = extract(changed.as_slice(), &data.path().join("changed")).unwrap_err().to_string();
        assert!(error.contains("journal/1.journal is missing or damaged"), "{error}");
    }

    #[test]
    fn a_foreign_or_newer_file_is_refused_by_name() {
        let target = tempfile::tempdir().unwrap();
        let refusal = |bytes: &[u8]| extract(bytes, &target.path().join("new")).unwrap_err().to_string();
        assert!(refusal(b"PK\x03\x04 a file of another program").contains("no backup of Ashna"));
        let packed = |manifest: &str| {
            let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), LEVEL).unwrap());
            append(&mut tar, MANIFEST, manifest.len() as u64, manifest.as_bytes()).unwrap();
            tar.into_inner().and_then(zstd::Encoder::finish).unwrap()
        };
        let newer = refusal(&packed(r#"{"format": 2, "version": "9.1.0"}"#));
        assert!(newer.contains("9.1.0") && newer.contains("format 2"), "{newer}");
        assert!(refusal(&packed("{}")).contains("no backup of Ashna"));
        let mut tar = tar::Builder::new(zstd::Encoder::new(Vec::new(), LEVEL).unwrap());
        append(&mut tar, "notes.txt", 1, b"x".as_slice()).unwrap();
        let other = tar.into_inner().and_then(zstd::Encoder::finish).unwrap();
        assert!(refusal(&other).contains("does not begin with a manifest"));
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for path in ["../control.sqlite", "/etc/passwd", "journal/../../x", "daily-salts", "engine/secret", ""] {
            assert!(!is_expected(Path::new(path)), "{path}");
        }
        assert!(is_expected(Path::new("tables/events/202601_1_1_0/data.bin")));
    }
}
