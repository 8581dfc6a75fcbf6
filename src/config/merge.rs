//! Laying one set of settings over another, key by known key.

use toml::{Table, Value};

use super::ConfigError;

/// Lays `theirs` over `settings`; every key must already exist there.
pub fn overlay(settings: &mut Table, theirs: Table, place: &str) -> Result<(), ConfigError> {
    for (section, value) in theirs {
        let Some(Value::Table(known)) = settings.get_mut(&section) else {
            return Err(unknown(&section, place, settings.keys(), ""));
        };
        let Value::Table(keys) = value else {
            return Err(ConfigError::BadValue(format!("`{section}` in {place} must be a section")));
        };
        for (key, value) in keys {
            if !known.contains_key(&key) {
                return Err(unknown(&format!("{section}.{key}"), place, known.keys(), &format!("{section}.")));
            }
            known.insert(key, value);
        }
    }
    Ok(())
}

/// Applies one `ASHNA__SECTION__KEY=value`, read as the type that the default has.
pub fn set_by_variable(settings: &mut Table, name: &str, text: &str) -> Result<(), ConfigError> {
    let path = name.trim_start_matches("ASHNA__").to_lowercase();
    let (section, key) = path.split_once("__").unwrap_or((&path, ""));
    let Some(Value::Table(known)) = settings.get_mut(section) else {
        return Err(unknown(section, name, settings.keys(), ""));
    };
    let Some(value) = known.get_mut(key) else {
        return Err(unknown(&format!("{section}.{key}"), name, known.keys(), &format!("{section}.")));
    };
    let bad = |expected: &str| ConfigError::BadValue(format!("{name} must be {expected}, not \"{text}\""));
    *value = match value {
        Value::String(_) => Value::String(text.to_owned()),
        Value::Integer(_) => Value::Integer(text.parse().map_err(|_| bad("a whole number"))?),
        Value::Float(_) => Value::Float(text.parse().map_err(|_| bad("a number"))?),
        Value::Boolean(_) => Value::Boolean(text.parse().map_err(|_| bad("true or false"))?),
        Value::Array(_) => Value::Array(
            text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(|t| Value::String(t.to_owned())).collect(),
        ),
        Value::Table(_) | Value::Datetime(_) => return Err(bad("a plain value")),
    };
    Ok(())
}

fn unknown<'a>(key: &str, place: &str, known: impl Iterator<Item = &'a String>, prefix: &str) -> ConfigError {
    let bare = key.strip_prefix(prefix).unwrap_or(key);
    let nearest = known.map(|k| (distance(bare, k), k)).min().filter(|(d, k)| *d <= k.len() / 3 + 1);
    let hint = nearest.map_or_else(String::new, |(_, k)| format!("; did you mean `{prefix}{k}`?"));
    ConfigError::UnknownKey { key: key.to_owned(), place: place.to_owned(), hint }
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
