//! Who the visitor is: the signed cookie, the tracker's proposal, or ids of the site's own.
//!
//! A cookie reads `v1.<visitor>.<session start>.<last activity>.<mac>`: 32 hexadecimal digits, two
//! times in milliseconds to the base of 36, and the first 16 bytes of an HMAC-SHA256 over the site and
//! all the former, in base64url. One that is forged, foreign or torn is simply no cookie.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::session::Session;
use crate::model::{Site, SiteId, Timestamp, VisitorId};

/// Keys that sign cookies: the first signs, all of them verify, so that keys can be rotated.
#[derive(Clone)]
pub struct Keys(Vec<Box<[u8]>>);

impl Keys {
    /// Keys, the newest first.
    ///
    /// # Panics
    /// Without any key: nothing could ever be signed.
    #[must_use]
    pub fn new(keys: Vec<Box<[u8]>>) -> Self {
        assert!(!keys.is_empty(), "at least one cookie key is needed");
        Self(keys)
    }
}

/// What a valid cookie says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieIdentity {
    /// The visitor.
    pub visitor: VisitorId,
    /// The session the visitor was in.
    pub session: Session,
}

/// Where a visitor id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A valid cookie.
    Cookie,
    /// The tracker proposed it.
    Proposal,
    /// Nothing was known: a new random id.
    Fresh,
    /// Computed from something that stands for the visitor, such as an id of the site's.
    Derived,
    /// There is no consent: nobody.
    Nobody,
}

/// The visitor of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The id.
    pub visitor: VisitorId,
    /// Where it comes from.
    pub from: Origin,
    /// The session the cookie tells of.
    pub session: Option<Session>,
}

impl Identity {
    /// The identity of those without consent.
    pub const NOBODY: Self = Self { visitor: VisitorId::NOBODY, from: Origin::Nobody, session: None };

    /// A visitor known by something of the sender's, such as an importer's client.
    #[must_use]
    pub const fn derived(visitor: VisitorId) -> Self {
        Self { visitor, from: Origin::Derived, session: None }
    }
}

/// Settles who the visitor of a request is. `fresh` is random, and used when nothing else is known.
#[must_use]
pub fn settle(cookie: Option<CookieIdentity>, proposal: &str, analytics: bool, fresh: u128) -> Identity {
    if !analytics {
        return Identity::NOBODY;
    }
    if let Some(cookie) = cookie {
        return Identity { visitor: cookie.visitor, from: Origin::Cookie, session: Some(cookie.session) };
    }
    match proposal.parse() {
        Ok(visitor) => Identity { visitor, from: Origin::Proposal, session: None },
        Err(_) => Identity { visitor: VisitorId(fresh.max(1)), from: Origin::Fresh, session: None },
    }
}

/// Reads a cookie's value; `None` when it is not one of ours for this site.
#[must_use]
pub fn parse(site: SiteId, keys: &Keys, value: &str) -> Option<CookieIdentity> {
    let (signed, mac) = value.rsplit_once('.')?;
    let mac = mac.as_bytes();
    let genuine = keys.0.iter().fold(0_u8, |found, key| found | mac.ct_eq(&sign(site, key, signed)).unwrap_u8());
    if genuine == 0 {
        return None;
    }
    let mut fields = signed.split('.');
    let (version, visitor, start, last) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if version != "v1" || fields.next().is_some() {
        return None;
    }
    let time = |text| i64::from_str_radix(text, 36).ok().map(Timestamp);
    Some(CookieIdentity { visitor: visitor.parse().ok()?, session: Session { start: time(start)?, last: time(last)? } })
}

/// Writes the value of a cookie.
#[must_use]
pub fn seal(site: SiteId, keys: &Keys, identity: &CookieIdentity) -> String {
    let mut value = format!("v1.{}.", identity.visitor);
    push_base36(&mut value, identity.session.start);
    value.push('.');
    push_base36(&mut value, identity.session.last);
    let mac = sign(site, &keys.0[0], &value);
    value.push('.');
    value.extend(mac.iter().map(|byte| char::from(*byte)));
    value
}

/// The visitor that any other text stands for: an SDK's anonymous id, or a person's user id. An id
/// that has the form of ours is taken as it is.
#[must_use]
pub fn visitor_of(site: SiteId, kind: IdKind, id: &str) -> VisitorId {
    if let (IdKind::Anonymous, Ok(visitor)) = (kind, id.parse()) {
        return visitor;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.domain());
    hasher.update(&site.0.to_le_bytes());
    hasher.update(id.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    VisitorId(u128::from_le_bytes(bytes).max(1))
}

/// What an id of the sender's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A browser or device.
    Anonymous,
    /// A person.
    User,
}

impl IdKind {
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::Anonymous => b"ashna anonymous id\0",
            Self::User => b"ashna user id\0",
        }
    }
}

/// Whether `signature` is the hexadecimal HMAC-SHA256 of the user id with the site's secret.
#[must_use]
pub fn user_is_verified(site: &Site, user_id: &str, signature: &str) -> bool {
    if user_id.is_empty() || site.secret.is_empty() || signature.len() != 64 {
        return false;
    }
    let expected = hmac(site.secret.as_bytes(), &[user_id.as_bytes()]);
    let mut differing = 0;
    for (digits, byte) in signature.as_bytes().chunks_exact(2).zip(expected) {
        let sent = std::str::from_utf8(digits).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        differing |= sent.map_or(0xff, |sent| sent ^ byte);
    }
    differing == 0
}

const MAC_TEXT_LENGTH: usize = 22;

fn sign(site: SiteId, key: &[u8], signed: &str) -> [u8; MAC_TEXT_LENGTH] {
    let mac = hmac(key, &[b"ashna visitor cookie\0", &site.0.to_le_bytes(), signed.as_bytes()]);
    base64url(mac.first_chunk().expect("an HMAC-SHA256 has 32 bytes"))
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn base64url(bytes: &[u8; 16]) -> [u8; MAC_TEXT_LENGTH] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // 128 bits are 21 digits of six bits and one of two, which are padded with zeros on the right.
    let value = u128::from_be_bytes(*bytes);
    std::array::from_fn(|i| {
        let six = if i < 21 { value >> (122 - 6 * i) } else { value << 4 };
        ALPHABET[(six & 63) as usize]
    })
}

fn push_base36(text: &mut String, at: Timestamp) {
    let mut rest = at.0.max(0).unsigned_abs();
    let mut digits = [0; 13];
    let mut length = 0;
    loop {
        digits[length] = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        length += 1;
        rest /= 36;
        if rest == 0 {
            break;
        }
    }
    text.extend(digits[..length].iter().rev().map(|digit| char::from(*digit)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ingest::fixture;

    fn keys(names: &[&str]) -> Keys {
        Keys::new(names.iter().map(|name| name.as_bytes().into()).collect())
    }

    fn identity(visitor: u128, start: i64, last: i64) -> CookieIdentity {
        let session = Session { start: Timestamp(start), last: Timestamp(last) };
        CookieIdentity { visitor: VisitorId(visitor), session }
    }

    #[test]
    fn a_cookie_survives_a_rotation_of_keys_and_nothing_else() {
        let sealed = identity(7, 1_763_798_000_000, 1_763_798_400_250);
        let value = seal(SiteId(1), &keys(&["old"]), &sealed);
        assert!(value.starts_with("v1.00000000000000000000000000000007."), "{value}");
        assert_eq!(parse(SiteId(1), &keys(&["new", "old"]), &value), Some(sealed));
        assert_eq!(parse(SiteId(1), &keys(&["new"]), &value), None);
        assert_eq!(parse(SiteId(2), &keys(&["old"]), &value), None);
        for forged in ["", ".", "v1", "v1....", &value[1..], &value[..value.len() - 1], &value.replace("07.", "08.")] {
            assert_eq!(parse(SiteId(1), &keys(&["old"]), forged), None, "{forged}");
        }
    }

    #[test]
    fn the_mac_is_base64url() {
        assert_eq!(&base64url(&[0xff; 16]), b"_____________________w");
        assert_eq!(&base64url(b"0123456789abcdef"), b"MDEyMzQ1Njc4OWFiY2RlZg");
    }

    #[test]
    fn a_cookie_wins_then_the_proposal_then_a_new_id() {
        let check = |cookie: Option<u128>, proposal: &str, analytics, expected: (u128, Origin)| {
            let settled = settle(cookie.map(|id| identity(id, 1, 2)), proposal, analytics, 9);
            assert_eq!((settled.visitor.0, settled.from), expected);
        };
        let proposal = "000000000000000000000000000000ff";
        check(Some(7), proposal, true, (7, Origin::Cookie));
        check(None, proposal, true, (255, Origin::Proposal));
        check(None, "mine", true, (9, Origin::Fresh));
        check(Some(7), proposal, false, (0, Origin::Nobody));
    }

    #[test]
    fn any_sdks_id_names_one_visitor_of_one_site() {
        let of = |site, kind, id| visitor_of(SiteId(site), kind, id);
        assert_eq!(of(1, IdKind::Anonymous, "00000000-0000-0000-0000-0000000000ff"), VisitorId(255));
        assert_eq!(of(1, IdKind::Anonymous, "anon"), of(1, IdKind::Anonymous, "anon"));
        assert_ne!(of(1, IdKind::Anonymous, "anon"), of(2, IdKind::Anonymous, "anon"));
        assert_ne!(of(1, IdKind::Anonymous, "anon"), of(1, IdKind::User, "anon"));
        assert_ne!(of(1, IdKind::User, "000000000000000000000000000000ff"), VisitorId(255));
    }

    #[test]
    fn a_user_id_is_believed_with_the_sites_signature_only() {
        // RFC 4231, test case 2.
        let site = Site { secret: "Jefe".into(), ..fixture::site() };
        let said = "what do ya want for nothing?";
        let signature = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert!(user_is_verified(&site, said, signature));
        assert!(user_is_verified(&site, said, &signature.to_uppercase()));
        assert!(!user_is_verified(&site, "another", signature));
        assert!(!user_is_verified(&site, said, &signature.replace('5', "6")));
        assert!(!user_is_verified(&site, said, ""));
        assert!(!user_is_verified(&site, said, &"+".repeat(64)));
        assert!(!user_is_verified(&site, said, &"é".repeat(32)));
        assert!(!user_is_verified(&Site { secret: String::new(), ..fixture::site() }, said, signature));
    }

    proptest! {
        #[test]
        fn every_identity_survives_its_cookie(visitor in 1..=u128::MAX, start in 0..=i64::MAX, last in 0..=i64::MAX) {
            let sealed = identity(visitor, start, last);
            let value = seal(SiteId(3), &keys(&["k"]), &sealed);
            prop_assert!(value.len() <= 120 && value.is_ascii());
            prop_assert_eq!(parse(SiteId(3), &keys(&["k"]), &value), Some(sealed));
        }

        #[test]
        fn no_text_is_a_cookie_by_chance(value in ".{0,80}") {
            prop_assert_eq!(parse(SiteId(3), &keys(&["k"]), &value), None);
        }
    }
}
