//! Codes of the second factor (TOTP, RFC 6238: SHA-1, six digits, 30 seconds, one step of tolerance either way) and
//! recovery codes for a lost device.

use totp_rs::{Builder, Secret, Totp};

use super::hash;
use crate::model::Timestamp;

/// Recovery codes of one user.
const RECOVERY_CODES: usize = 10;
const ISSUER: &str = "Ashna";
/// Letters and digits that are not easily confused.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// A new secret, base32: 160 bits, as RFC 4226 recommends.
pub fn new_secret() -> String {
    Secret::from(rand::random::<[u8; 20]>().to_vec()).to_base32()
}

/// The URL that an authenticator reads from a QR code.
pub fn otpauth_url(secret: &str, email: &str) -> Option<String> {
    // A colon separates issuer and name in the URL.
    let name = email.replace(':', " ");
    builder(secret)?.with_issuer(Some(ISSUER)).with_account_name(name).build().ok()?.to_url().ok()
}

/// The time step of a code, if it is valid now.
pub fn step_of(secret: &str, code: &str, now: Timestamp) -> Option<u64> {
    let digits: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let totp: Totp = builder(secret)?.build().ok()?;
    totp.check(&digits, u64::try_from(now.0 / 1000).ok()?)
}

fn builder(secret: &str) -> Option<Builder> {
    Some(Builder::new().with_secret(Secret::try_from_base32(secret).ok()?))
}

/// New recovery codes.
pub struct RecoveryCodes {
    /// As they are shown.
    pub codes: Vec<String>,
    /// The hashes to store.
    pub hashes: Vec<String>,
}

impl RecoveryCodes {
    /// Generates random codes.
    pub fn generate() -> Self {
        let code = || {
            let letters = rand::random::<[u8; 16]>().map(|byte| char::from(ALPHABET[usize::from(byte % 31)]));
            letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join("-")
        };
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| code()).collect();
        let hashes = codes.iter().filter_map(|code| recovery_hash(code)).collect();
        Self { codes, hashes }
    }
}

/// The hash of a recovery code, ignoring case, blanks and hyphens; `None` for other lengths. Codes have some 79 random
/// bits, so an unsalted hash is safe.
pub fn recovery_hash(code: &str) -> Option<String> {
    let letters: String =
        code.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    (letters.len() == 16).then(|| hash(&letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// "12345678901234567890", the secret of RFC 6238's test vectors.
    const RFC_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (20_000_000_000, "353130")]
        {
            let step = u64::try_from(seconds / 30).unwrap();
            assert_eq!(step_of(RFC_SECRET, code, Timestamp(seconds * 1000)), Some(step), "{seconds}");
            assert_eq!(step_of(RFC_SECRET, code, Timestamp((seconds + 30) * 1000)), Some(step), "one step late");
            assert_eq!(step_of(RFC_SECRET, code, Timestamp((seconds + 60) * 1000)), None, "two steps late");
        }
        assert_eq!(step_of(RFC_SECRET, " 287 082 ", Timestamp(59_000)), Some(1));
        for bad in ["", "28708", "2870822", "abcdef", "２８７０８２", "-87082"] {
            assert_eq!(step_of(RFC_SECRET, bad, Timestamp(59_000)), None, "{bad}");
        }
    }

    #[test]
    fn a_secret_has_a_url_for_authenticators() {
        let secret = new_secret();
        let url = otpauth_url(&secret, "owner@shop.example").unwrap();
        assert!(url.starts_with("otpauth://totp/Ashna:owner%40shop.example?"), "{url}");
        assert!(url.contains(&format!("secret={secret}")) && url.contains("issuer=Ashna"), "{url}");
        assert_eq!(secret.len(), 32);
    }

    #[test]
    fn recovery_codes_differ_and_are_recognized_in_any_spelling() {
        let RecoveryCodes { codes, hashes } = RecoveryCodes::generate();
        let different: std::collections::HashSet<_> = hashes.iter().collect();
        assert_eq!((codes.len(), different.len()), (RECOVERY_CODES, RECOVERY_CODES));
        let typed = codes[0].replace('-', " ").to_uppercase();
        assert_eq!(recovery_hash(&typed).as_ref(), Some(&hashes[0]), "{typed}");
        assert_eq!(recovery_hash("123456"), None);
    }
}
