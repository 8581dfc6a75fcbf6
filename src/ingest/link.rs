//! Cross-domain links: a signed token carries the visitor from one origin of a site to another.
//!
//! A token reads `<time>.<masked visitor>.<nonce>.<mac>`: milliseconds in base 36, then hexadecimal digits. The
//! visitor id is masked with a keyed hash of time and nonce, because knowing the id is the right to use it and URLs end
//! up in logs; the MAC covers all the rest and the site. It is valid for [`LIFE_MS`] and for this site only.

use super::identify::Keys;
use crate::model::{
    SiteId, Timestamp, VisitorId,
    signature::{self, hmac_sha256},
};

/// How long a token is valid.
pub const LIFE_MS: i64 = 120_000;
/// Bytes of the longest token.
const LENGTH_MAX: usize = 120;

/// Signs a token. `nonce` is random.
#[must_use]
pub fn sign(site: SiteId, keys: &Keys, visitor: VisitorId, now: Timestamp, nonce: u64) -> String {
    let mask = first_16(&hmac_sha256(
        keys.newest(),
        &[b"ashna link mask\0", &site_bytes(site), &time_bytes(now), &nonce.to_le_bytes()],
    ));
    let signed = format!("{}.{:032x}.{nonce:016x}", base36(now), visitor.0 ^ mask);
    let mac = first_16(&hmac_sha256(keys.newest(), &[b"ashna link\0", &site_bytes(site), signed.as_bytes()]));
    format!("{signed}.{mac:032x}")
}

/// Returns the visitor of a token that this service signed for this site within the last two minutes.
#[must_use]
pub fn verify(site: SiteId, keys: &Keys, token: &str, now: Timestamp) -> Option<VisitorId> {
    if token.len() > LENGTH_MAX || !token.is_ascii() {
        return None;
    }
    let (signed, mac) = token.rsplit_once('.')?;
    let mac = hexadecimal::<32>(mac)?;
    let key = keys.all().find(|key| {
        let expected = first_16(&hmac_sha256(key, &[b"ashna link\0", &site_bytes(site), signed.as_bytes()]));
        signature::is_equal(&expected.to_le_bytes(), &mac.to_le_bytes())
    })?;
    let mut fields = signed.split('.');
    let created = Timestamp(i64::from_str_radix(fields.next()?, 36).ok()?);
    let masked = hexadecimal::<32>(fields.next()?)?;
    let nonce = u64::try_from(hexadecimal::<16>(fields.next()?)?).ok()?;
    // Another machine's clock may be slightly ahead.
    if fields.next().is_some() || now.since(created) > LIFE_MS || created.since(now) > LIFE_MS {
        return None;
    }
    let mask = first_16(&hmac_sha256(
        key,
        &[b"ashna link mask\0", &site_bytes(site), &time_bytes(created), &nonce.to_le_bytes()],
    ));
    let visitor = VisitorId(masked ^ mask);
    visitor.is_identified().then_some(visitor)
}

const fn site_bytes(site: SiteId) -> [u8; 4] {
    site.0.to_le_bytes()
}

const fn time_bytes(at: Timestamp) -> [u8; 8] {
    at.0.to_le_bytes()
}

fn first_16(mac: &[u8; 32]) -> u128 {
    u128::from_le_bytes(*mac.first_chunk().expect("an HMAC-SHA256 has 32 bytes"))
}

/// Exactly this many lowercase digits, as [`sign`] writes them.
fn hexadecimal<const DIGITS: usize>(text: &str) -> Option<u128> {
    let digits = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (digits && text.len() == DIGITS).then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

fn base36(at: Timestamp) -> String {
    let mut text = String::new();
    super::identify::push_base36(&mut text, at);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_763_798_400_000);

    fn keys(names: &[&str]) -> Keys {
        Keys::new(names.iter().map(|name| name.as_bytes().into()).collect())
    }

    #[test]
    fn a_token_is_valid_for_two_minutes_and_one_site() {
        let token = sign(SiteId(1), &keys(&["old"]), VisitorId(7), NOW, 42);
        let check = |site, names: &[&str], after: i64, expected: Option<u128>| {
            let verified = verify(SiteId(site), &keys(names), &token, NOW.plus(after));
            assert_eq!(verified.map(|v| v.0), expected, "{site} {names:?} {after}");
        };
        check(1, &["old"], 0, Some(7));
        check(1, &["new", "old"], 120_000, Some(7));
        check(1, &["old"], 120_001, None);
        check(1, &["old"], -120_001, None);
        check(1, &["new"], 0, None);
        check(2, &["old"], 0, None);
    }

    #[test]
    fn the_id_is_masked_and_any_change_invalidates_the_token() {
        let token = sign(SiteId(1), &keys(&["k"]), VisitorId(0xabcd), NOW, 42);
        assert!(!token.contains("abcd") && token.len() <= LENGTH_MAX, "{token}");
        for at in 0..token.len() {
            let other = if token.as_bytes()[at] == b'1' { "2" } else { "1" };
            let forged = format!("{}{other}{}", &token[..at], &token[at + 1..]);
            assert_eq!(verify(SiteId(1), &keys(&["k"]), &forged, NOW), None, "{forged}");
        }
    }

    proptest! {
        #[test]
        fn every_visitor_survives_the_token(visitor in 1..=u128::MAX, nonce: u64) {
            let token = sign(SiteId(3), &keys(&["k"]), VisitorId(visitor), NOW, nonce);
            prop_assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.'));
            prop_assert_eq!(verify(SiteId(3), &keys(&["k"]), &token, NOW), Some(VisitorId(visitor)));
        }

        #[test]
        fn arbitrary_text_is_not_a_token(text in ".{0,140}") {
            prop_assert_eq!(verify(SiteId(3), &keys(&["k"]), &text, NOW), None);
        }
    }
}
