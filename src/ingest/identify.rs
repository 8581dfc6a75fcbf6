//! Who the visitor is: the signed cookie, the tracker's proposal, or ids of the site's own.
//!
//! A cookie reads `v1.<visitor>.<session start>.<last activity>.<mac>`: 32 hexadecimal digits, two
//! times in milliseconds to the base of 36, and the first 16 bytes of an HMAC-SHA256 over the site and
//! all the former, in base64url. One that is forged, foreign, torn or older than browsers keep cookies
//! is simply no cookie.

use std::{borrow::Cow, net::IpAddr};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::{limits, session::Session, text};
use crate::model::{Site, SiteId, Timestamp, VisitorId};

/// The longest that a browser keeps a cookie, days (RFC 6265bis).
pub const COOKIE_DAYS: i64 = 400;
const COOKIE_MS: i64 = COOKIE_DAYS * 86_400_000;
/// The longest value that is looked at; ours are shorter.
const COOKIE_BYTES_MAX: usize = 120;
/// A session may seem to lie this far ahead, when the clock was set back meanwhile.
const AHEAD_MS_MAX: i64 = 5 * 60_000;

/// Keys that sign cookies: the first signs, all of them verify, so that keys can be rotated.
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
    /// Without any key: nothing could ever be signed.
    #[must_use]
    pub fn new(keys: Vec<Box<[u8]>>) -> Self {
        assert!(!keys.is_empty(), "at least one cookie key is needed");
        Self(keys)
    }

    /// The one that signs.
    pub(super) fn newest(&self) -> &[u8] {
        &self.0[0]
    }

    /// Those that verify.
    pub(super) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.0.iter().map(|key| &**key)
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

/// A cookie that was read and is genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadCookie {
    /// What it says.
    pub identity: CookieIdentity,
    /// Whether an older key signed it: it is to be written anew.
    pub outdated: bool,
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
    /// Computed from something that stands for the visitor, such as an importer's client.
    Derived,
    /// Computed from address and user agent under the salt of the day: no id is given or taken.
    Daily,
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
    /// Whether the cookie is to be written anew whatever happened.
    pub outdated: bool,
}

impl Identity {
    /// The identity of those without consent.
    pub const NOBODY: Self = Self::new(VisitorId::NOBODY, Origin::Nobody);

    /// A visitor known by something of the sender's, such as an importer's client.
    #[must_use]
    pub const fn derived(visitor: VisitorId) -> Self {
        Self::new(visitor, Origin::Derived)
    }

    /// A visitor known for a day, on sites that keep nothing in browsers.
    #[must_use]
    pub const fn daily(visitor: VisitorId) -> Self {
        Self::new(visitor, Origin::Daily)
    }

    /// A visitor of whom no session is known.
    #[must_use]
    pub const fn new(visitor: VisitorId, from: Origin) -> Self {
        Self { visitor, from, session: None, outdated: false }
    }
}

/// Settles who the visitor of a request is. `fresh` is random, and used when nothing else is known.
#[must_use]
pub fn settle(cookie: Option<ReadCookie>, proposal: &str, analytics: bool, fresh: u128, now: Timestamp) -> Identity {
    if !analytics {
        return Identity::NOBODY;
    }
    if let Some(ReadCookie { identity: CookieIdentity { visitor, session }, outdated }) = cookie {
        // Written before the clock was set back: the id holds, the session would never end.
        let session = Some(session).filter(|s| s.last.since(now) <= AHEAD_MS_MAX && s.start <= s.last);
        return Identity { visitor, from: Origin::Cookie, session, outdated };
    }
    match proposal.parse() {
        Ok(visitor) => Identity::new(visitor, Origin::Proposal),
        Err(_) => Identity::new(VisitorId(fresh.max(1)), Origin::Fresh),
    }
}

/// Reads a cookie's value; `None` when it is not one of ours for this site, or so old that no browser
/// would have kept it.
#[must_use]
pub fn parse(site: SiteId, keys: &Keys, value: &str, now: Timestamp) -> Option<ReadCookie> {
    if value.len() > COOKIE_BYTES_MAX {
        return None;
    }
    let (signed, mac) = value.rsplit_once('.')?;
    let by_key = keys.0.iter().position(|key| bool::from(mac.as_bytes().ct_eq(&sign(site, key, signed))))?;
    let mut fields = signed.split('.');
    let (version, visitor, start, last) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    if version != "v1" || fields.next().is_some() {
        return None;
    }
    let time = |text| i64::from_str_radix(text, 36).ok().map(Timestamp);
    let session = Session { start: time(start)?, last: time(last)? };
    let identity = CookieIdentity { visitor: visitor.parse().ok()?, session };
    (now.since(session.last) <= COOKIE_MS).then_some(ReadCookie { identity, outdated: by_key > 0 })
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

/// The visitor that any other text stands for: an SDK's anonymous id, or a person's user id. An
/// anonymous id that has the form of ours is taken as it is. All others are hashed with the site's
/// secret: a user id can be guessed, and knowing a visitor's id is the right to use it.
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

/// What an id of the sender's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdKind {
    /// A browser or device.
    Anonymous,
    /// A person, as anybody with the write key may claim.
    User,
    /// A person, by the site's own word.
    ProvenUser,
    /// A client of an imported log, by address and user agent.
    LogClient,
}

impl IdKind {
    const fn domain(self) -> &'static [u8] {
        match self {
            Self::Anonymous => b"ashna anonymous id\0",
            Self::User => b"ashna user id\0",
            Self::ProvenUser => b"ashna proven user id\0",
            Self::LogClient => b"ashna client of a log\0",
        }
    }
}

/// The visitor that an address and a user agent stand for under the salt of a day. Of an IPv6 address
/// the network counts (/64), because systems change the rest several times a day.
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

/// Whether an id is the text of a value that was not there, as pages and apps write it before somebody has logged in.
#[must_use]
pub fn is_placeholder(id: &str) -> bool {
    const WORDS: [&str; 21] = [
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
    // The longest of them; most ids are longer or no word at all.
    let id = id.trim();
    id.len() <= 36
        && !id.is_empty()
        && (WORDS.iter().any(|word| word.eq_ignore_ascii_case(id))
            || id.bytes().all(|byte| matches!(byte, b'0' | b'-')) && id.len() >= 32)
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

/// A user id as it is kept: without what no stored text holds.
#[must_use]
pub fn kept_user_id(said: &str) -> String {
    text::clean(&Cow::Borrowed(said), usize::MAX).into_owned()
}

const MAC_TEXT_LENGTH: usize = 22;

fn sign(site: SiteId, key: &[u8], signed: &str) -> [u8; MAC_TEXT_LENGTH] {
    let mac = hmac(key, &[b"ashna visitor cookie\0", &site.0.to_le_bytes(), signed.as_bytes()]);
    base64url(mac.first_chunk().expect("an HMAC-SHA256 has 32 bytes"))
}

pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
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
