//! The effective settings with the source of each value, for `check-config`.

use std::collections::BTreeMap;

use super::Config;

/// Effective settings.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Typed settings.
    pub config: Config,
    /// All keys with their values; secrets are hidden.
    pub shown: toml::Table,
    /// Where each value is from, by `section.key`: `default`, a file, an environment variable or an option.
    pub sources: BTreeMap<String, String>,
}

impl Loaded {
    /// All keys with their values as TOML, each with its source as a comment; secrets are hidden.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        for (section, keys) in &self.shown {
            text.push_str(&["[", section, "]\n"].concat());
            for (key, value) in keys.as_table().into_iter().flatten() {
                let name = [section.as_str(), ".", key.as_str()].concat();
                let source = self.sources.get(&name).map_or("default", String::as_str);
                text.push_str(&[key.as_str(), " = ", &value.to_string(), "  # ", source, "\n"].concat());
            }
            text.push('\n');
        }
        text
    }
}
