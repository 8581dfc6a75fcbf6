//! Settings: compiled-in defaults, overridden by the configuration file, then environment variables, then options.
//!
//! The only module that reads the environment. An unknown key is an error, with the nearest known key as a hint.
//! Example: `ASHNA__SERVER__LISTEN=0.0.0.0:80` sets `server.listen`.

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
mod loaded;
mod log;
mod membership;
mod merge;
mod network;
mod offers;
mod profiles;
mod ranges;
mod rate;
mod reports;
mod secret;
mod server;
mod smtp;
mod strings;
mod value;
mod webhooks;

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
pub use loaded::Loaded;
pub use log::{Log, LogFormat};
pub use membership::Membership;
pub use network::parse as parse_network;
pub use offers::Offers;
pub use profiles::Profiles;
pub use rate::Rate;
pub use reports::Reports;
pub use secret::{HIDDEN, Secret};
use serde::Deserialize;
pub use server::Server;
pub use smtp::Smtp;
pub use value::Value;
pub use webhooks::Webhooks;

use merge::Settings;

/// The commented defaults, as shipped.
pub const DEFAULT_TOML: &str = include_str!("../../config.default.toml");

/// Returns the directories of `PATH`.
#[must_use]
pub fn search_path() -> Vec<std::path::PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// All settings, one section per module.
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
    /// `[offers]`.
    pub offers: Offers,
    /// `[value]`.
    pub value: Value,
    /// `[access]`.
    pub access: Access,
    /// `[smtp]`.
    pub smtp: Smtp,
    /// `[checks]`.
    pub checks: Checks,
    /// `[feeds]`.
    pub feeds: Feeds,
    /// `[webhooks]`.
    pub webhooks: Webhooks,
    /// `[membership]`.
    pub membership: Membership,
    /// `[log]`.
    pub log: Log,
}

/// Why the settings are invalid. Each message names the source and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {path}: {source}")]
    Unreadable {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("the configuration file {path} is not valid TOML: {message}")]
    NotToml {
        /// The file.
        path: String,
        /// Message of the parser.
        message: String,
    },
    /// An unknown key.
    #[error("unknown setting `{key}` in {source_name}{hint}")]
    UnknownKey {
        /// The key, with its section.
        key: String,
        /// The file or environment variable.
        source_name: String,
        /// `; did you mean …?`, or empty.
        hint: String,
    },
    /// An invalid value.
    #[error("`{key}` in {source_name} {reason}")]
    BadValue {
        /// The key, with its section.
        key: String,
        /// The file, environment variable or option that set it.
        source_name: String,
        /// The expected value and the actual one.
        reason: String,
    },
}

/// A setting given on the command line: section, key, name of the option, value.
pub type OptionValue<'a> = (&'a str, &'a str, &'a str, String);

/// Keys whose values are never printed.
const SECRETS: &[(&str, &str)] = &[("clickhouse", "password"), ("smtp", "url")];

impl Config {
    /// Loads the defaults, then `file` if given, then the environment.
    ///
    /// # Errors
    /// If the file is unreadable or not TOML, or has an unknown key or an invalid value.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::load_with(file, &[]).map(|loaded| loaded.config)
    }

    /// Like [`Self::load`], overridden by command-line options.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_with(file: Option<&Path>, options: &[OptionValue<'_>]) -> Result<Loaded, ConfigError> {
        let mut variables = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Some(name) = name.to_str().filter(|name| name.starts_with("ASHNA__")) else { continue };
            let value = value.into_string().map_err(|_| ConfigError::BadValue {
                key: name.trim_start_matches("ASHNA__").to_lowercase().replace("__", "."),
                source_name: name.to_owned(),
                reason: "is not valid UTF-8".into(),
            })?;
            variables.push((name.to_owned(), value));
        }
        Self::from_parts(file, variables.into_iter(), options)
    }

    /// Returns the defaults, for tests and tools.
    #[must_use]
    pub fn defaults() -> Self {
        let defaults = Self::from_parts(None, std::iter::empty(), &[]);
        defaults.expect("the compiled-in defaults are valid; a unit test loads them").config
    }

    fn from_parts(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
        options: &[OptionValue<'_>],
    ) -> Result<Loaded, ConfigError> {
        let mut settings = Settings::new(parse(DEFAULT_TOML, "config.default.toml")?);
        if let Some(path) = file {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|source| ConfigError::Unreadable { path: shown.clone(), source })?;
            settings.overlay(parse(&text, &shown)?, &shown)?;
        }
        for (name, value) in environment {
            settings.set_by_variable(&name, &value)?;
        }
        for (section, key, option, value) in options {
            settings.set(section, key, option, value)?;
        }
        let invalid = ranges::first_invalid(&settings.table).or_else(|| strings::first_invalid(&settings.table));
        if let Some((key, reason)) = invalid {
            return Err(ConfigError::BadValue { key: key.into(), source_name: settings.source_of(key).into(), reason });
        }
        let mut shown = settings.table.clone();
        for (section, key) in SECRETS {
            let value = shown.get_mut(*section).and_then(|keys| keys.get_mut(*key));
            if let Some(value) = value.filter(|value| value.as_str() != Some("")) {
                *value = HIDDEN.into();
            }
        }
        Ok(Loaded { config: read(&settings)?, shown, sources: settings.sources() })
    }
}

fn parse(text: &str, source: &str) -> Result<toml::Table, ConfigError> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map(|at| text[..at.start.min(text.len())].matches('\n').count() + 1);
        let line = line.map_or_else(String::new, |line| format!("line {line}: "));
        ConfigError::NotToml {
            path: source.to_owned(),
            message: format!("{line}{}", error.message().replace('\n', " ")),
        }
    })
}

/// Deserializes the merged settings; errors name the key.
fn read(settings: &Settings) -> Result<Config, ConfigError> {
    serde_path_to_error::deserialize(toml::Value::Table(settings.table.clone())).map_err(|error| {
        let path = error.path().to_string();
        let key = path.split('[').next().unwrap_or(&path).to_owned();
        let reason = format!("cannot be used: {}", error.inner().message());
        ConfigError::BadValue { source_name: settings.source_of(&key).to_owned(), key, reason }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_variables(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let variables = variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Config::from_parts(None, variables, &[]).map(|loaded| loaded.config)
    }

    fn from_file(text: &str) -> Result<Loaded, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let read = Config::from_parts(Some(file.path()), std::iter::empty(), &[]);
        read.map_err(|error| error.to_string().replace(file.path().to_str().unwrap(), "FILE"))
    }

    #[test]
    fn the_shipped_defaults_are_complete() {
        let config = Config::defaults();
        assert_eq!(config.server.listen, "127.0.0.1:8080");
        assert!(config.server.trusted_proxies.is_empty());
    }

    #[test]
    fn the_environment_sets_any_key_and_unknown_keys_are_refused_with_a_hint() {
        let config =
            from_variables(&[("ASHNA__JOURNAL__DISK_BYTES_MAX", "70000"), ("ASHNA__SERVER__LISTEN", "[::1]:9")])
                .unwrap();
        assert_eq!((config.journal.disk_bytes_max, config.server.listen.as_str()), (70_000, "[::1]:9"));
        let error = from_variables(&[("ASHNA__JOURNAL__DISK_BYTE_MAX", "7")]).unwrap_err().to_string();
        assert!(error.contains("did you mean `journal.disk_bytes_max`"), "{error}");
        assert!(from_variables(&[("ASHNA__JOURNAL__DISK_BYTES_MAX", "lots")]).is_err());
    }

    #[test]
    fn a_file_overrides_only_what_it_names() {
        let config = from_file("[server]\ntrusted_proxies = [\"10.0.0.0/8\", \"127.0.0.1\"]\n").unwrap().config;
        assert_eq!(config.server.trusted_proxies.len(), 2);
        let error = from_file("[serve]\nlisten = \"x\"\n").unwrap_err();
        assert!(error.contains("unknown setting `serve`") && error.contains("`server`"), "{error}");
    }

    #[test]
    fn single_addresses_are_networks_everywhere() {
        let text = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n[checks]\ninside_networks = [\"::1\"]\n\
                    [feeds]\ninside_networks = [\"10.1.2.3\"]\n";
        let config = from_file(text).unwrap().config;
        assert!(config.server.trusted_proxies[0].contains(&"127.0.0.1".parse::<std::net::IpAddr>().unwrap()));
        assert_eq!((config.checks.inside_networks.len(), config.feeds.inside_networks.len()), (1, 1));
    }

    #[test]
    fn an_invalid_value_names_its_key_its_source_and_what_is_expected() {
        let check = |text: &str, expected: &str| assert_eq!(from_file(text).unwrap_err(), expected, "{text}");
        check(
            "[server]\ntrusted_proxies = [\"127.0.0.300\"]",
            "`server.trusted_proxies` in FILE cannot be used: \"127.0.0.300\" is neither an address such as 10.0.0.5 \
             nor a network such as 10.0.0.0/8",
        );
        check(
            "[server]\nlisten = \"nonsense\"",
            "`server.listen` in FILE must be an address with a port such as 127.0.0.1:8080, not \"nonsense\"",
        );
        check("[engine]\nniceness = 99", "`engine.niceness` in FILE must be between 0 and 19, not 99");
        check("[decide]\nexplore_items = 0.9", "`decide.explore_items` in FILE must be between 0 and 0.5, not 0.9");
        check("[access]\nsession_hours = 0", "`access.session_hours` in FILE must be between 1 and 87600, not 0");
        check(
            "[journal]\nsegment_bytes = 1",
            "`journal.segment_bytes` in FILE must be between 4096 and 4294967296, not 1",
        );
        check(
            "[journal]\nsegment_bytes = -1",
            "`journal.segment_bytes` in FILE must be between 4096 and 4294967296, not -1",
        );
        check(
            "[server]\nshutdown_ms = \"8000\"",
            "`server.shutdown_ms` in FILE must be a whole number, without quotes, not \"8000\"",
        );
        check(
            "[clickhouse]\nurl = \"ftp://x\"",
            "`clickhouse.url` in FILE must be an address such as http://10.0.0.5:8123, beginning with http:// or \
             https://, not \"ftp://x\"",
        );
        check("[log]\nformat = \"xml\"", "`log.format` in FILE must be text or json, not \"xml\"");
        check("server = 1", "`server` in FILE is a section: write [server] on a line of its own, and its keys below");
        let error = from_file("[server]\nlisten = ").unwrap_err();
        assert!(error.starts_with("the configuration file FILE is not valid TOML: line 2: "), "{error}");
    }

    #[test]
    fn a_password_is_never_in_output_or_errors() {
        let loaded = from_file("[clickhouse]\npassword = \"hunter2\"").unwrap();
        assert_eq!(loaded.config.clickhouse.password.expose(), "hunter2");
        assert!(!format!("{loaded:?} {}", loaded.shown).contains("hunter2"));
        let error = from_file("[clickhouse]\nurl = \"http//ashna:hunter2@db:8123\"").unwrap_err();
        assert!(!error.contains("hunter2"), "{error}");
        let error = from_file("[clickhouse]\nurl = \"http://ashna:hunter2@db:8123\"").unwrap_err();
        assert!(error.contains("separate keys") && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn an_option_overrides_the_environment_and_is_named_in_errors() {
        let variable = || [("ASHNA__SERVER__LISTEN".to_owned(), "[::1]:9".to_owned())].into_iter();
        let option = |value: &str| [("server", "listen", "--listen", value.to_owned())];
        let loaded = Config::from_parts(None, variable(), &option("[::1]:10")).unwrap();
        assert_eq!(loaded.config.server.listen, "[::1]:10");
        let error = Config::from_parts(None, variable(), &option("here")).unwrap_err().to_string();
        assert!(error.starts_with("`server.listen` in --listen must be"), "{error}");
    }
}
