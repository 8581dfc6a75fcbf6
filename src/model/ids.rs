//! Identifiers. Each has its own type, so that a site cannot be mistaken for a visitor.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A site, numbered from 1 by the control database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SiteId(pub u32);

impl fmt::Display for SiteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A browser or device on one site: 128 random bits, written as 32 lowercase hexadecimal digits.
/// Knowing the id is enough to use it, so it never appears in logs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VisitorId(pub u128);

impl VisitorId {
    /// The visitor of events that may not be linked to anyone (no consent).
    pub const ANONYMOUS: Self = Self(0);

    /// Whether events with this id may be linked to each other.
    #[must_use]
    pub const fn is_identified(self) -> bool {
        self.0 != 0
    }
}

impl fmt::Display for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = |i: usize| b"0123456789abcdef"[(self.0 >> (124 - 4 * i) & 15) as usize];
        let digits: [u8; 32] = std::array::from_fn(digit);
        f.pad(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for VisitorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VisitorId({:04x}…)", self.0 >> 112)
    }
}

/// The text is not a visitor id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a visitor id is 32 hexadecimal digits, not all zero")]
pub struct NotAVisitorId;

impl FromStr for VisitorId {
    type Err = NotAVisitorId;

    /// Parses 32 hexadecimal digits, with or without the dashes of a UUID; refuses the all-zero id.
    fn from_str(text: &str) -> Result<Self, NotAVisitorId> {
        let mut value: u128 = 0;
        let mut digits = 0;
        for byte in text.bytes().filter(|b| *b != b'-') {
            let digit = (byte as char).to_digit(16).ok_or(NotAVisitorId)?;
            digits += 1;
            if digits > 32 {
                return Err(NotAVisitorId);
            }
            value = value << 4 | u128::from(digit);
        }
        if digits == 32 && value != 0 { Ok(Self(value)) } else { Err(NotAVisitorId) }
    }
}

/// Identity of a message: 128 bits of BLAKE3 over (site, message id). Equal hashes mean the same message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MessageHash(pub u128);

impl MessageHash {
    /// Hashes a message id within its site: the same id on another site is another message.
    #[must_use]
    pub fn new(site: SiteId, message_id: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&site.0.to_le_bytes());
        hasher.update(message_id);
        let mut bytes = [0; 16];
        hasher.finalize_xof().fill(&mut bytes);
        Self(u128::from_le_bytes(bytes))
    }
}

/// Position of a record in the journal: 0 for the first ever written, then consecutive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position `n` records further on; saturates, in case a damaged file leads beyond the last.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An item id as the shop assigns it. Cheap to clone.
pub type ItemId = Arc<str>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visitor_ids_are_32_hex_digits_and_never_zero() {
        let id: VisitorId = "00112233445566778899aabbccddeeff".parse().unwrap();
        assert_eq!(id.to_string(), "00112233445566778899aabbccddeeff");
        assert_eq!("00112233-4455-6677-8899-AABBCCDDEEFF".parse(), Ok(id));
        for bad in [
            "",
            "1",
            "00000000000000000000000000000000",
            "zz112233445566778899aabbccddeeff",
            "00112233445566778899aabbccddeeff0",
        ] {
            assert_eq!(bad.parse::<VisitorId>(), Err(NotAVisitorId), "{bad}");
        }
    }

    #[test]
    fn one_message_id_is_another_message_on_another_site() {
        assert_ne!(MessageHash::new(SiteId(1), b"m"), MessageHash::new(SiteId(2), b"m"));
        assert_eq!(MessageHash::new(SiteId(1), b"m"), MessageHash::new(SiteId(1), b"m"));
    }
}
