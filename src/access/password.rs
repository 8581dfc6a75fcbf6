//! Passwords: Argon2id with the parameters of RFC 9106's second recommendation as the crate sets them.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};

/// Hashes a password with a random salt, in PHC form. Takes tens of milliseconds; not for async threads.
pub fn hash(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string()).map_err(|e| e.to_string())
}

/// Whether the password belongs to the stored hash. Without one the same time is spent for nothing.
pub fn matches(password: &str, stored: Option<&str>) -> bool {
    let Some(stored) = stored else {
        // The result is thrown away: only the time matters.
        let _ = hash(password);
        return false;
    };
    PasswordHash::new(stored).is_ok_and(|h| Argon2::default().verify_password(password.as_bytes(), &h).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_opens() {
        let stored = hash("correct horse").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(matches("correct horse", Some(&stored)));
        assert!(!matches("wrong horse", Some(&stored)));
        assert!(!matches("correct horse", None));
        assert!(!matches("correct horse", Some("not a hash")));
    }
}
