//! Message authentication codes: the one place where tokens, cookies and calls are signed and compared.
//!
//! Two algorithms, because what browsers and receivers hold must stay valid: HMAC-SHA256 (RFC 2104) where the key is a
//! site's or an operator's, and keyed BLAKE3 where it is derived from the installation's secret.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// HMAC-SHA256 over the concatenated parts.
///
/// # Panics
/// Never: HMAC takes keys of any length.
#[must_use]
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two codes are equal, in time that does not depend on where they differ.
#[must_use]
pub fn is_equal(expected: &[u8], given: &[u8]) -> bool {
    expected.ct_eq(given).into()
}

/// A key for one purpose, derived from the installation's secret.
#[derive(Clone)]
pub struct DerivedKey([u8; 32]);

impl std::fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DerivedKey")
    }
}

impl DerivedKey {
    /// Derives the key. `purpose` is a fixed text of its own for each use (BLAKE3's `derive_key` context).
    #[must_use]
    pub fn new(purpose: &'static str, secret: &str) -> Self {
        Self(blake3::derive_key(purpose, secret.as_bytes()))
    }

    /// A hasher for a code over several parts.
    #[must_use]
    pub fn hasher(&self) -> blake3::Hasher {
        blake3::Hasher::new_keyed(&self.0)
    }

    /// The code of one text.
    #[must_use]
    pub fn mac(&self, text: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.0, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hmac_is_the_standard_one() {
        // RFC 4231, test case 2.
        let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(blake3::Hash::from_bytes(mac).to_hex().as_str(), expected);
        assert!(is_equal(&mac, &mac) && !is_equal(&mac, &mac[1..]));
    }

    #[test]
    fn keys_of_different_purposes_differ() {
        let (one, other) = (DerivedKey::new("one", "secret"), DerivedKey::new("other", "secret"));
        assert_ne!(one.mac("text"), other.mac("text"));
        assert_eq!(one.mac("text"), one.hasher().update(b"te").update(b"xt").finalize());
    }
}
