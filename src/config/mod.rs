//! Settings: the defaults compiled in, the owner's file over them, the environment over both.
//!
//! This is the only room that reads the environment. It never guesses: an unknown key is refused,
//! with the nearest known one as a hint. Example: `ASHNA__SERVER__LISTEN=0.0.0.0:80` sets `server.listen`.

mod access;
mod checks;
mod clickhouse;
mod decide;
mod dedup;
mod delivery;
mod engine;
mod feeds;
mod geo;
mod ingest;
mod journal;
mod learn;
mod merge;
mod profiles;
mod rate;
mod reports;
mod server;
mod smtp;

use std::path::Path;

pub use access::Access;
pub use checks::Checks;
pub use clickhouse::{Clickhouse, Endpoint};
pub use decide::Decide;
pub use dedup::Dedup;
pub use delivery::Delivery;
pub use engine::Engine;
pub use feeds::Feeds;
pub use geo::Geo;
pub use ingest::Ingest;
pub use journal::Journal;
pub use learn::Learn;
pub use profiles::Profiles;
pub use rate::Rate;
pub use reports::Reports;
use serde::Deserialize;
pub use server::Server;
pub use smtp::Smtp;

/// The commented defaults, as shipped.
pub const DEFAULT_TOML: &str = include_str!("../../config.default.toml");

/// The directories in which programs are looked for (`PATH`).
#[must_use]
pub fn search_path() -> Vec<std::path::PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// All settings, one section a room.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `[server]`.
    pub server: Server,
    /// `[engine]`.
    pub engine: Engine,
    /// `[rate]`.
    pub rate: Rate,
    /// `[clickhouse]`.
    pub clickhouse: Clickhouse,
    /// `[reports]`.
    pub reports: Reports,
    /// `[journal]`.
    pub journal: Journal,
    /// `[dedup]`.
    pub dedup: Dedup,
    /// `[delivery]`.
    pub delivery: Delivery,
    /// `[ingest]`.
    pub ingest: Ingest,
    /// `[geo]`.
    pub geo: Geo,
    /// `[profiles]`.
    pub profiles: Profiles,
    /// `[learn]`.
    pub learn: Learn,
    /// `[decide]`.
    pub decide: Decide,
    /// `[access]`.
    pub access: Access,
    /// `[smtp]`.
    pub smtp: Smtp,
    /// `[checks]`.
    pub checks: Checks,
    /// `[feeds]`.
    pub feeds: Feeds,
}

/// Why the settings cannot be used. Each message names the place and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not valid TOML: {message}")]
    NotToml {
        /// Which file.
        path: String,
        /// What the parser says.
        message: String,
    },
    /// A key nobody knows.
    #[error("unknown setting `{key}` in {place}{hint}")]
    UnknownKey {
        /// The key, with its section.
        key: String,
        /// The file or the environment variable.
        place: String,
        /// `; did you mean …?`, or empty.
        hint: String,
    },
    /// A value that does not fit its key.
    #[error("a setting has an unusable value: {0}")]
    BadValue(String),
}

impl Config {
    /// Reads defaults, then `file` if given, then the process environment.
    ///
    /// # Errors
    /// When the file is unreadable, no TOML, has an unknown key or a value of the wrong type.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let environment = std::env::vars().filter(|(name, _)| name.starts_with("ASHNA__"));
        Self::from_parts(file, environment)
    }

    /// The defaults alone, for tests and tools.
    #[must_use]
    pub fn defaults() -> Self {
        Self::from_parts(None, std::iter::empty()).expect("the compiled-in defaults are valid; a unit test reads them")
    }

    fn from_parts(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut settings: toml::Table = DEFAULT_TOML.parse().map_err(|e: toml::de::Error| ConfigError::NotToml {
            path: "config.default.toml".into(),
            message: e.message().to_owned(),
        })?;
        if let Some(path) = file {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
            let theirs: toml::Table = text.parse().map_err(|e: toml::de::Error| ConfigError::NotToml {
                path: shown.clone(),
                message: e.message().to_owned(),
            })?;
            merge::overlay(&mut settings, theirs, &shown)?;
        }
        for (name, value) in environment {
            merge::set_by_variable(&mut settings, &name, &value)?;
        }
        toml::Value::Table(settings)
            .try_into()
            .map_err(|e: toml::de::Error| ConfigError::BadValue(e.message().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::from_parts(None, variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())))
    }

    #[test]
    fn the_shipped_defaults_are_complete() {
        let config = Config::defaults();
        assert_eq!(config.server.listen, "127.0.0.1:8080");
        assert!(config.server.trusted_proxies.is_empty());
    }

    #[test]
    fn the_environment_sets_any_key_and_misspelling_is_refused_with_a_hint() {
        let config = with(&[("ASHNA__JOURNAL__DISK_BYTES_MAX", "7"), ("ASHNA__SERVER__LISTEN", "[::1]:9")]).unwrap();
        assert_eq!((config.journal.disk_bytes_max, config.server.listen.as_str()), (7, "[::1]:9"));
        let error = with(&[("ASHNA__JOURNAL__DISK_BYTE_MAX", "7")]).unwrap_err().to_string();
        assert!(error.contains("did you mean `journal.disk_bytes_max`"), "{error}");
        assert!(with(&[("ASHNA__JOURNAL__DISK_BYTES_MAX", "lots")]).is_err());
    }

    #[test]
    fn a_file_overrides_only_what_it_names() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n").unwrap();
        let config = Config::from_parts(Some(file.path()), std::iter::empty()).unwrap();
        assert_eq!(config.server.trusted_proxies.len(), 1);
        std::fs::write(file.path(), "[serve]\nlisten = \"x\"\n").unwrap();
        let error = Config::from_parts(Some(file.path()), std::iter::empty()).unwrap_err().to_string();
        assert!(error.contains("unknown setting `serve`") && error.contains("`server`"), "{error}");
    }
}
