//! Identifies the visitor: by the signed cookie, the id that the tracker proposes, or the site's own ids.
//!
//! A cookie reads `v1.<visitor>.<session start>.<last activity>.<mac>`: 32 hexadecimal digits, two times in
//! milliseconds in base 36, and the first 16 bytes of an HMAC-SHA256 over the site and all before, in base64url. A
//! cookie that is forged, of another site, truncated or older than browsers keep cookies is ignored.

use std::{borrow::Cow, net::IpAddr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{limits, session::Session, text};
use crate::model::{
    Site, SiteId, Timestamp, VisitorId,
    signature::{self, hmac_sha256},
};

/// The longest that a browser keeps a cookie, days (RFC 6265bis).
pub const COOKIE_DAYS: i64 = 400;
const COOKIE_MS: i64 = COOKIE_DAYS * 86_400_000;
/// Longer values are not read; ours are shorter.
const COOKIE_BYTES_MAX: usize = 120;
/// A session may be this far in the future, if the clock was set back since.
const AHEAD_MS_MAX: i64 = 5 * 60_000;

/// Cookie keys: the first signs, all of them verify, so that keys can be rotated.
#[derive(Clone)]
pub struct Keys(Vec<Box<[u8]>>);

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", self.0.len())
    }
}

impl Keys {
    /// Keys, the newest first.
    ///
    /// # Panics
    /// Without any key.
    #[must_use]
    pub fn new(keys: Vec<Box<[u8]>>) -> Self {
        assert!(!keys.is_empty(), "at least one cookie key is needed");
        Self(keys)
    }

    /// The key that signs.
    pub(super) fn newest(&self) -> &[u8] {
        &self.0[0]
    }

    /// The keys that verify.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|key| &**key)
    }
}

/// The content of a valid cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CookieIdentity {
    /// The visitor.
    pub visitor: VisitorId,
    /// The session the visitor was in.
    pub session: Session,
}

/// A verified cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedCookie {
    /// Its content.
    pub identity: CookieIdentity,
    /// Whether an older key signed it: it is to be renewed.
    pub outdated: bool,
}

/// Where a visitor id comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A valid cookie.
    Cookie,
    /// The tracker proposed it.
    Proposal,
    /// None was known: a new random id.
    Fresh,
    /// Derived from an id of the sender, such as an imported log's client.
    Derived,
    /// Hash of address and user agent with the salt of the day; no id is stored in the browser.
    Daily,
    /// No id, because there is no consent.
    Anonymous,
}

/// The visitor of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The id.
    pub visitor: VisitorId,
    /// Where it comes from.
    pub from: Origin,
    /// The session in the cookie.
    pub session: Option<Session>,
    /// Whether the cookie is to be renewed in any case.
    pub outdated: bool,
}

impl Identity {
    /// No identity, because there is no consent.
    pub const ANONYMOUS: Self = Self::new(VisitorId::ANONYMOUS, Origin::Anonymous);

    /// A visitor derived from an id of the sender, such as an imported log's client.
    #[must_use]
    pub const fn derived(visitor: VisitorId) -> Self {
        Self::new(visitor, Origin::Derived)
    }

    /// A visitor known for a day, on cookieless sites.
    #[must_use]
    pub const fn daily(visitor: VisitorId) -> Self {
        Self::new(visitor, Origin::Daily)
    }

    /// A visitor without a known session.
    #[must_use]
    pub const fn new(visitor: VisitorId, from: Origin) -> Self {
        Self { visitor, from, session: None, outdated: false }
    }
}

/// Resolves the visitor of a request: by the cookie, else the proposal, else the random id `fresh`.
#[must_use]
pub fn resolve(
    cookie: Option<VerifiedCookie>,
    proposal: &str,
    analytics: bool,
    fresh: u128,
    now: Timestamp,
) -> Identity {
    if !analytics {
        return Identity::ANONYMOUS;
    }
    if let Some(VerifiedCookie { identity: CookieIdentity { visitor, session }, outdated }) = cookie {
        // Written before the clock was set back: the id is valid, but the session would never end.
        let session = Some(session).filter(|s| s.last.since(now) <= AHEAD_MS_MAX && s.start <= s.last);
        return Identity { visitor, from: Origin::Cookie, session, outdated };
    }
    match proposal.parse() {
        Ok(visitor) => Identity::new(visitor, Origin::Proposal),
        Err(_) => Identity::new(VisitorId(fresh.max(1)), Origin::Fresh),
    }
}

/// Verifies a cookie's value; `None` if it is not signed for this site, or older than [`COOKIE_DAYS`].
#[must_use]
pub fn verify_cookie(site: SiteId, keys: &Keys, value: &str, now: Timestamp) -> Option<VerifiedCookie> {
    if value.len() > COOKIE_BYTES_MAX {
        return None;
    }
    let (signed, mac) = value.rsplit_once('.')?;
    let by_key = keys.0.iter().position(|key| signature::is_equal(&cookie_mac(site, key, signed), mac.as_bytes()))?;
    let mut fields = signed.split('.');
    let (version, visitor, start, last) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if version != "v1" || fields.next().is_some() {
        return None;
    }
    let time = |text| i64::from_str_radix(text, 36).ok().map(Timestamp);
    let session = Session { start: time(start)?, last: time(last)? };
    let identity = CookieIdentity { visitor: visitor.parse().ok()?, session };
    (now.since(session.last) <= COOKIE_MS).then_some(VerifiedCookie { identity, outdated: by_key > 0 })
}

/// Returns the signed value of a cookie.
#[must_use]
pub fn sign_cookie(site: SiteId, keys: &Keys, identity: &CookieIdentity) -> String {
    let mut value = format!("v1.{}.", identity.visitor);
    push_base36(&mut value, identity.session.start);
    value.push('.');
    push_base36(&mut value, identity.session.last);
    let mac = cookie_mac(site, &keys.0[0], &value);
    value.push('.');
    value.extend(mac.iter().map(|byte| char::from(*byte)));
    value
}

/// Returns the visitor of an SDK's anonymous id or a user id. An anonymous id in the form of ours is used as it is. All
/// others are hashed with the site's secret: a user id can be guessed, and knowing a visitor id is the right to use
/// it.
#[must_use]
pub fn visitor_of(site: &Site, kind: IdKind, id: &str) -> VisitorId {
    if let (IdKind::Anonymous, Ok(visitor)) = (kind, id.parse()) {
        return visitor;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(kind.domain());
    hasher.update(&site.id.0.to_le_bytes());
    hasher.update(&(site.secret.len() as u64).to_le_bytes());
    hasher.update(site.secret.as_bytes());
    hasher.update(id.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    VisitorId(u128::from_le_bytes(bytes).max(1))
}

/// What an id of the sender identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A browser or device.
    Anonymous,
    /// A user, as anyone with the write key may claim.
    User,
    /// A user verified by the site.
    VerifiedUser,
    /// A client of an imported log, by address and user agent.
    LogClient,
}

impl IdKind {
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::Anonymous => b"ashna anonymous id\0",
            Self::User => b"ashna user id\0",
            Self::VerifiedUser => b"ashna proven user id\0",
            Self::LogClient => b"ashna client of a log\0",
        }
    }
}

/// Returns the visitor of an address and a user agent under the salt of a day. Of an IPv6 address only the /64 network
/// counts, because devices change the rest several times a day.
#[must_use]
pub fn daily_visitor(salt: &[u8; 32], site: SiteId, address: IpAddr, user_agent: &str) -> VisitorId {
    let mut hasher = blake3::Hasher::new_keyed(salt);
    hasher.update(&site.0.to_le_bytes());
    match address.to_canonical() {
        IpAddr::V4(v4) => hasher.update(&[4]).update(&v4.octets()),
        IpAddr::V6(v6) => hasher.update(&[6]).update(&v6.octets()[..8]),
    };
    hasher.update(text::cut(user_agent, limits::USER_AGENT).as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    VisitorId(u128::from_le_bytes(bytes).max(1))
}

/// Whether an id is a placeholder for a missing value, as pages and apps send before login.
#[must_use]
pub fn is_placeholder(id: &str) -> bool {
    const PLACEHOLDERS: [&str; 21] = [
        "undefined",
        "null",
        "(null)",
        "nil",
        "none",
        "nan",
        "true",
        "false",
        "[object object]",
        "undefined undefined",
        "anonymous",
        "guest",
        "unknown",
        "not_authenticated",
        "not set",
        "(not set)",
        "n/a",
        "distinct_id",
        "0",
        "-1",
        "-",
    ];
    // A UUID of zeros, the longest placeholder, has 36 characters.
    let id = id.trim();
    id.len() <= 36
        && !id.is_empty()
        && (PLACEHOLDERS.iter().any(|placeholder| placeholder.eq_ignore_ascii_case(id))
            || id.bytes().all(|byte| matches!(byte, b'0' | b'-')) && id.len() >= 32)
}

/// Whether `signature` is the hexadecimal HMAC-SHA256 of the user id with the site's secret.
#[must_use]
pub fn user_is_verified(site: &Site, user_id: &str, signature: &str) -> bool {
    if user_id.is_empty() || site.secret.is_empty() || signature.len() != 64 {
        return false;
    }
    let expected = hmac_sha256(site.secret.as_bytes(), &[user_id.as_bytes()]);
    let mut differing = 0;
    for (digits, byte) in signature.as_bytes().chunks_exact(2).zip(expected) {
        let sent = std::str::from_utf8(digits).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
        differing |= sent.map_or(0xff, |sent| sent ^ byte);
    }
    differing == 0
}

/// Returns a user id as it is stored: without control characters.
#[must_use]
pub fn clean_user_id(user_id: &str) -> String {
    text::clean(&Cow::Borrowed(user_id), usize::MAX).into_owned()
}

const MAC_TEXT_LENGTH: usize = 22;

fn cookie_mac(site: SiteId, key: &[u8], signed: &str) -> [u8; MAC_TEXT_LENGTH] {
    let mac = hmac_sha256(key, &[b"ashna visitor cookie\0", &site.0.to_le_bytes(), signed.as_bytes()]);
    base64url(mac.first_chunk().expect("an HMAC-SHA256 has 32 bytes"))
}

fn base64url(bytes: &[u8; 16]) -> [u8; MAC_TEXT_LENGTH] {
    let mut text = [0; MAC_TEXT_LENGTH];
    URL_SAFE_NO_PAD.encode_slice(bytes, &mut text).expect("16 bytes are 22 characters");
    text
}

pub(super) fn push_base36(text: &mut String, at: Timestamp) {
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
mod tests;
