//! Secret setting values.

use serde::Deserialize;

/// A secret, such as a password; `Debug` hides it.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Shown instead of a secret.
pub const HIDDEN: &str = "(hidden)";

impl Secret {
    /// Returns the value itself, for code that must send it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "(none)" } else { HIDDEN })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        assert_eq!(format!("{:?} {:#?}", Secret::from("hunter2"), Secret::from("")), "(hidden) (none)");
        assert_eq!(Secret::from("hunter2").expose(), "hunter2");
    }
}
