//! A secret text.

use std::{fmt, ops::Deref};

/// A secret: dereferences to its text, and `Debug` hides it, so that it cannot get into logs by accident.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Deref for Secret {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_hides_it() {
        let secret = Secret::from("abcdef");
        assert!(!format!("{secret:?}").contains("abc"));
        assert_eq!(&*secret, "abcdef");
    }
}
