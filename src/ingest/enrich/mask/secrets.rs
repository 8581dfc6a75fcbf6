//! Masks JSON web tokens, bank accounts, values named like a secret, and the random part of links that reset, confirm or
//! invite.

use super::Replacer;

const TOKEN: &str = "[token]";
const ACCOUNT: &str = "[account]";
const HIDDEN: &str = "[hidden]";

/// Path segments of personal links; the segment that follows is the user's key.
const LINK_SEGMENTS: [&str; 22] = [
    "reset",
    "reset-password",
    "password-reset",
    "token",
    "verify",
    "verify-email",
    "confirm",
    "confirmation",
    "activate",
    "activation",
    "invite",
    "invitation",
    "magic",
    "magic-link",
    "login",
    "session",
    "sessions",
    "auth",
    "unsubscribe",
    "share",
    "key",
    "secret",
];

/// Names of parameters with secret or personal values, compared without case, `-` and `_`.
const NAMES: [&str; 36] = [
    "token",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "csrftoken",
    "apikey",
    "key",
    "secret",
    "clientsecret",
    "password",
    "passwd",
    "pwd",
    "pass",
    "pin",
    "otp",
    "code",
    "session",
    "sessionid",
    "sid",
    "jsessionid",
    "phpsessid",
    "auth",
    "authorization",
    "signature",
    "sig",
    "jwt",
    "ssn",
    "iban",
    "email",
    "mail",
    "phone",
    "mobile",
    "tel",
    "nationalid",
    "nationalcode",
];

/// `None` if there is no secret.
pub(super) fn mask(text: &str) -> Option<String> {
    let mut masked = Replacer::default();
    let mut expects_key = false;
    let mut begin = 0;
    while begin < text.len() {
        let rest = &text[begin..];
        let length = rest.bytes().position(|b| !is_part(b)).unwrap_or(rest.len());
        let word = &rest[..length];
        let end = begin + length;
        let separator = text.as_bytes().get(end).copied().unwrap_or(b' ');
        if separator == b'=' && is_name(word) {
            let value = text[end + 1..].bytes().position(ends_value).unwrap_or(text.len() - end - 1);
            if value > 0 {
                masked.replace(text, end + 1, end + 1 + value, HIDDEN);
            }
            (begin, expects_key) = (end + 1 + value, false);
            continue;
        }
        if is_web_token(word) || (expects_key && is_random(word)) {
            masked.replace(text, begin, end, TOKEN);
        } else if let Some(account) = account(text, begin, end) {
            masked.replace(text, begin, account, ACCOUNT);
            (begin, expects_key) = (account, false);
            continue;
        }
        // `/reset/KEY`, also `/reset//KEY`.
        expects_key = separator == b'/'
            && (LINK_SEGMENTS.iter().any(|known| known.eq_ignore_ascii_case(word)) || (expects_key && word.is_empty()));
        begin = end + 1;
        while !text.is_char_boundary(begin.min(text.len())) {
            begin += 1;
        }
    }
    masked.finish(text)
}

/// Characters of words, keys and tokens.
const fn is_part(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

const fn ends_value(byte: u8) -> bool {
    matches!(byte, b'&' | b';' | b'/' | b'?' | b'#' | b' ' | b',' | b'"' | b'\'' | b')' | b']' | b'|')
}

fn is_name(word: &str) -> bool {
    let mut plain = word.bytes().filter(|b| !matches!(b, b'-' | b'_')).map(|b| b.to_ascii_lowercase());
    let mut normalized = [0; 16];
    let mut length = 0;
    for byte in plain.by_ref() {
        let Some(slot) = normalized.get_mut(length) else { return false };
        (*slot, length) = (byte, length + 1);
    }
    NAMES.iter().any(|name| name.as_bytes() == &normalized[..length])
}

/// A JSON web token: three parts in base64url, of which the first two are JSON objects; `{"` is `eyJ` (RFC 7519).
fn is_web_token(word: &str) -> bool {
    let mut parts = word.split('.');
    let (head, claims) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    head.len() >= 10 && head.starts_with("eyJ") && claims.starts_with("eyJ") && parts.next().is_some()
}

/// Long, and a mix of letters and digits unlike words.
fn is_random(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let letters = word.bytes().filter(u8::is_ascii_alphabetic).count();
    word.len() >= 16 && digits >= 3 && letters >= 3 && digits + letters + 4 >= word.len()
}

/// Returns the end of an international bank account number (IBAN, ISO 13616) that begins at `begin`, undivided or in
/// groups of four: two letters, two check digits, up to thirty more characters, and a valid checksum.
fn account(text: &str, begin: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let is_start = end - begin >= 4
        && bytes[begin..begin + 2].iter().all(u8::is_ascii_uppercase)
        && bytes[begin + 2..begin + 4].iter().all(u8::is_ascii_digit);
    if !is_start {
        return None;
    }
    let mut characters = [0; 34];
    let (mut count, mut at, mut last) = (0, begin, None);
    while at < bytes.len() {
        if bytes[at].is_ascii_uppercase() || bytes[at].is_ascii_digit() {
            let Some(character) = characters.get_mut(count) else { break };
            (*character, count, at) = (bytes[at], count + 1, at + 1);
            let ends = bytes.get(at).is_none_or(|next| !next.is_ascii_alphanumeric());
            if ends && (15..=34).contains(&count) && has_valid_checksum(&characters[..count]) {
                last = Some(at);
            }
            continue;
        }
        let space =
            if bytes[at..].starts_with(b"%20") { 3 } else { usize::from(matches!(bytes[at], b' ' | b'-' | b'+')) };
        // Groups have four characters; otherwise another word begins.
        if space == 0 || !count.is_multiple_of(4) {
            break;
        }
        at += space;
    }
    last
}

/// With the first four characters moved to the end and letters as 10 to 35, the number modulo 97 is 1.
fn has_valid_checksum(account: &[u8]) -> bool {
    let (head, rest) = account.split_at(4);
    let remainder = rest.iter().chain(head).fold(0_u32, |sum, character| match character {
        b'0'..=b'9' => (sum * 10 + u32::from(character - b'0')) % 97,
        _ => (sum * 100 + u32::from(character - b'A') + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_and_ordinary_words_stay() {
        let check = |text: &str, expected: &str| {
            assert_eq!(mask(text).as_deref().unwrap_or(text), expected, "{text}");
        };
        let jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl-_x";
        check(&format!("/in/{jwt}/x"), "/in/[token]/x");
        check(&format!("Bearer {jwt}"), "Bearer [token]");
        check("eyJ is how it begins", "eyJ is how it begins");
        check("/reset/9f86d081884c7d659a2f", "/reset/[token]");
        check("/account/verify-email/AbC123xyz789QQ00/done", "/account/verify-email/[token]/done");
        check("/reset//9f86d081884c7d659a2f", "/reset//[token]");
        check("/reset/instructions-for-everybody", "/reset/instructions-for-everybody");
        check("/p/9f86d081884c7d659a2f", "/p/9f86d081884c7d659a2f");
        check("/share/best-coffee-of-2026-in-town", "/share/best-coffee-of-2026-in-town");
        check("/cb;jsessionid=AB12CD34/x", "/cb;jsessionid=[hidden]/x");
        check("Login token=abc&next=1", "Login token=[hidden]&next=1");
        check("access_token=abc def", "access_token=[hidden] def");
        check("E-Mail=jo phone=123", "E-Mail=[hidden] phone=[hidden]");
        check("token=", "token=");
        check("token= of love", "token= of love");
        check("color=red", "color=red");
        check("/pay/DE89370400440532013000", "/pay/[account]");
        check("IBAN GB82 WEST 1234 5698 7654 32 please", "IBAN [account] please");
        check("شبا IR062960000000100324200001", "شبا [account]");
        check("DE89370400440532013001", "DE89370400440532013001");
        check("AB12 is a model", "AB12 is a model");
        check("قهوه/تازه é", "قهوه/تازه é");
        check("", "");
    }
}
