//! Password policy: length limits, and no commonly guessed passwords (NIST SP 800-63B, 3.1.1.2). There are no character
//! class rules: they make passwords worse.

use std::{collections::HashSet, sync::LazyLock};

use super::AccessError;

const CHARACTERS_MIN: usize = 8;
/// Shorter local parts of an address are not compared.
const NAME_MIN: usize = 4;
/// Longer passwords are no safer, and hashing them takes longer.
pub(super) const BYTES_MAX: usize = 1000;
/// Sequences of keys or letters that are refused, forwards and backwards.
const RUNS: [&str; 8] = [
    "01234567890",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "йцукенгшщзхъфывапролджэячсмитьбю",
    "ضصثقفغعهخحجچشسیبلاتنمکگظطزرذدپو",
];

/// Commonly guessed passwords and their parts, lowercase.
static COMMON: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("data/common_passwords.txt").lines().filter(|line| !line.is_empty()).collect());

/// Checks a new password.
///
/// # Errors
/// If it is too short, too long or easily guessed; one line says why.
pub fn check(password: &str, email: &str) -> Result<(), AccessError> {
    let unusable = |message| Err(AccessError::Unusable(message));
    if password.len() > BYTES_MAX {
        return unusable("a password has at most 1000 bytes");
    }
    if password.trim().is_empty() {
        return unusable("a password cannot be blank");
    }
    if password.chars().count() < CHARACTERS_MIN {
        return unusable("a password needs at least 8 characters");
    }
    let lower = password.trim().to_lowercase();
    if repeats(&lower) {
        return unusable("that password is one pattern repeated; choose another");
    }
    if is_run(&lower) {
        return unusable("that password is a sequence of keys or letters; choose another");
    }
    let email = super::email_key(email);
    let name = email.split('@').next().unwrap_or_default();
    let is_name = core(name).chars().count() >= NAME_MIN && core(&lower) == core(name);
    if lower == email || is_name {
        return unusable("a password cannot be the e-mail address; choose another");
    }
    if COMMON.contains(&*lower) || COMMON.contains(core(&lower)) {
        return unusable("that password is commonly guessed; choose another");
    }
    Ok(())
}

/// The text without the digits and signs around it.
fn core(text: &str) -> &str {
    text.trim_matches(|c: char| !c.is_alphabetic())
}

/// Whether the text repeats a pattern of one to four characters.
fn repeats(text: &str) -> bool {
    let letters: Vec<char> = text.chars().collect();
    (1..=4)
        .any(|length| letters.iter().zip(&letters[length.min(letters.len())..]).all(|(first, second)| first == second))
}

fn is_run(text: &str) -> bool {
    let backwards: String = text.chars().rev().collect();
    RUNS.iter().any(|run| run.contains(text) || run.contains(&backwards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_passwords_are_refused_and_others_accepted() {
        let email = "marta.owner@shop.example";
        for bad in [
            "short",
            "12345678",
            "password",
            "Password1!",
            "PASSWORD2026",
            "        ",
            "\t\t\t\t\t\t\t\t\t",
            "aaaaaaaa",
            "abababab",
            "abcabcabc",
            "abcd1234",
            "qwertyuiop",
            "poiuytre",
            "23456789",
            "sunshine99",
            "iloveyou!!",
            "marta.owner@shop.example",
            "Marta.Owner",
            "marta.owner1",
            "ashna-2026",
            "letmein123",
            "ظطزرذدپو",
        ] {
            assert!(check(bad, email).is_err(), "{bad:?}");
        }
        assert!(check(&"a1".repeat(501), email).is_err());
        for good in [
            "long enough",
            "a long enough password",
            "correct horse battery",
            "Tr0ub4dor&3",
            "گذرواژه‌ی خوب",
            "k9#vLq2x",
        ] {
            assert!(check(good, email).is_ok(), "{good:?}");
        }
    }
}
