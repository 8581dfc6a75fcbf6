//! Merges settings from several sources, key by key, and records the source of each value.

use std::collections::{BTreeMap, HashMap};

use toml::{Table, Value};

use super::ConfigError;

/// The merged settings, before deserialization.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) table: Table,
    /// By `section.key`: the file, variable or option that set it. Defaults are not listed.
    sources: HashMap<String, String>,
}

impl Settings {
    pub(super) fn new(defaults: Table) -> Self {
        Self { table: defaults, sources: HashMap::new() }
    }

    /// Returns the source of a key's value, for messages.
    pub(super) fn source_of(&self, key: &str) -> &str {
        self.sources.get(key).map_or("config.default.toml", String::as_str)
    }

    /// The source of every key's value: `default`, or the file, variable or option that set it.
    pub(super) fn sources(&self) -> BTreeMap<String, String> {
        let mut sources = BTreeMap::new();
        for (section, keys) in &self.table {
            for key in keys.as_table().into_iter().flat_map(Table::keys) {
                let name = [section.as_str(), ".", key.as_str()].concat();
                let source = self.sources.get(&name).map_or("default", String::as_str).to_owned();
                sources.insert(name, source);
            }
        }
        sources
    }

    /// Overrides settings by those of a file; every key must exist, with a value of the same type.
    pub(super) fn overlay(&mut self, overrides: Table, source: &str) -> Result<(), ConfigError> {
        for (section, value) in overrides {
            if !self.table.contains_key(&section) {
                return Err(unknown(&section, source, self.table.keys(), ""));
            }
            let Value::Table(keys) = value else {
                let reason = format!("is a section: write [{section}] on a line of its own, and its keys below");
                return Err(ConfigError::BadValue { key: section, source_name: source.to_owned(), reason });
            };
            for (key, value) in keys {
                let current = self.entry(&section, &key, source)?;
                let fitted = fit(current, value).map_err(|reason| ConfigError::BadValue {
                    key: format!("{section}.{key}"),
                    source_name: source.to_owned(),
                    reason,
                })?;
                *current = fitted;
                self.sources.insert(format!("{section}.{key}"), source.to_owned());
            }
        }
        Ok(())
    }

    /// Applies one `ASHNA__SECTION__KEY=value`, parsed as the type of the default.
    pub(super) fn set_by_variable(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let path = name.trim_start_matches("ASHNA__").to_lowercase();
        let (section, key) = path.split_once("__").unwrap_or((&path, ""));
        self.set(section, key, name, text)
    }

    /// Sets one key from text; `source` is the variable or option.
    pub(super) fn set(&mut self, section: &str, key: &str, source: &str, text: &str) -> Result<(), ConfigError> {
        if !self.table.contains_key(section) {
            return Err(unknown(section, source, self.table.keys(), ""));
        }
        let current = self.entry(section, key, source)?;
        let bad = |expected: &str| ConfigError::BadValue {
            key: format!("{section}.{key}"),
            source_name: source.to_owned(),
            // Never prints a secret: secrets are strings, and any string is accepted.
            reason: format!("must be {expected}, not \"{}\"", truncated(text)),
        };
        *current = match current {
            Value::String(_) => Value::String(text.to_owned()),
            Value::Integer(_) => Value::Integer(text.trim().parse().map_err(|_| bad("a whole number"))?),
            Value::Float(_) => Value::Float(text.trim().parse().map_err(|_| bad("a number"))?),
            Value::Boolean(_) => Value::Boolean(text.trim().parse().map_err(|_| bad("true or false"))?),
            Value::Array(_) => Value::Array(
                text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(|t| Value::String(t.to_owned())).collect(),
            ),
            Value::Table(_) | Value::Datetime(_) => return Err(bad("a plain value")),
        };
        self.sources.insert(format!("{section}.{key}"), source.to_owned());
        Ok(())
    }

    fn entry(&mut self, section: &str, key: &str, source: &str) -> Result<&mut Value, ConfigError> {
        let keys = self.table.get_mut(section).and_then(Value::as_table_mut);
        let Some(keys) = keys else { return Err(unknown(section, source, [].into_iter(), "")) };
        if !keys.contains_key(key) {
            return Err(unknown(&format!("{section}.{key}"), source, keys.keys(), &format!("{section}.")));
        }
        Ok(keys.get_mut(key).expect("checked above"))
    }
}

/// Checks that a value has the default's type; an integer is accepted for a float.
fn fit(default: &Value, value: Value) -> Result<Value, String> {
    let expected = match (default, &value) {
        (Value::Float(_), Value::Integer(whole)) => return Ok(Value::Float(*whole as f64)),
        (Value::Array(_), Value::Array(list)) => match list.iter().find(|element| !element.is_str()) {
            Some(_) => "a list of strings, such as [\"a\", \"b\"]",
            None => return Ok(value),
        },
        (Value::Array(_), _) => "a list of strings, such as [\"a\", \"b\"]",
        (Value::String(_), Value::String(_))
        | (Value::Integer(_), Value::Integer(_))
        | (Value::Float(_), Value::Float(_))
        | (Value::Boolean(_), Value::Boolean(_)) => return Ok(value),
        (Value::String(_), _) => "a string in quotes",
        (Value::Integer(_), _) => "a whole number, without quotes",
        (Value::Float(_), _) => "a number, without quotes",
        _ => "true or false, without quotes",
    };
    Err(format!("must be {expected}, not {}", truncated(&value.to_string())))
}

fn truncated(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

fn unknown<'a>(key: &str, source: &str, known: impl Iterator<Item = &'a String>, prefix: &str) -> ConfigError {
    let bare = key.strip_prefix(prefix).unwrap_or(key);
    let nearest = known.map(|k| (distance(bare, k), k)).min().filter(|(d, k)| *d <= k.len() / 3 + 1);
    let hint = nearest.map_or_else(String::new, |(_, k)| format!("; did you mean `{prefix}{k}`?"));
    ConfigError::UnknownKey { key: key.to_owned(), source_name: source.to_owned(), hint }
}

/// Levenshtein distance in bytes (Levenshtein 1966, the two-row form).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
