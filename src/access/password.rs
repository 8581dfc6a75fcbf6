//! Password hashing: Argon2id with the crate's defaults, RFC 9106's second recommendation.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// Hashes a password with a random salt, in PHC format. Takes tens of milliseconds: do not call on async threads.
pub fn hash(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string()).map_err(|e| e.to_string())
}

/// Whether the password matches the stored hash. Without a hash it takes the same time and returns false.
pub fn matches(password: &str, stored: Option<&str>) -> bool {
    let Some(stored) = stored else {
        // Only the time matters.
        let _ = hash(password);
        return false;
    };
    PasswordHash::new(stored).is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_matches() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(matches("correct horse", Some(&stored)));
        assert!(!matches("wrong horse", Some(&stored)));
        assert!(!matches("correct horse", None));
        assert!(!matches("correct horse", Some("not a hash")));
    }
}
