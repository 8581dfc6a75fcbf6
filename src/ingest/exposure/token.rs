//! The signed token of a decision.
//!
//! The service decides which model ranks a slot, which position is explored and with what probability, and evaluates it
//! later; in between this travels through a browser. So the decision carries 35 bytes in base64url: version, time,
//! nonce, the draw ([`Exposure`]), and a MAC (keyed BLAKE3, 96 bits) over these together with the site, the visitor, the
//! slot and the items. With pinned positions eight more bytes list them, and the version is 2. A token cannot be forged,
//! moved to another visitor, slot or list, or used for long; and the service need not store anything.
//! The first half of the MAC is the decision's id: repeated impressions belong to one decision.
//!
//! Example: `sign` for the slot `home-recs` returns `"AWk…"`.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};

use crate::model::{
    Exposure, SiteId, Timestamp, VisitorId,
    exposure::Explored,
    signature::{self, DerivedKey},
};

/// Names of all models, those of offers and those of tuning. Tokens hold the index, so names are only added at the end.
pub(super) const MODELS: [&str; 15] = [
    "auto",
    "blend",
    "session_neighbours",
    "sequential_rules",
    "next_click",
    "viewed_together",
    "walks",
    "trending",
    "popular",
    "recently_viewed",
    "affinity",
    "bought_together",
    "cross_sell",
    "up_sell",
    "similar_items",
];

const PLAIN: u8 = 1;
const WITH_PINS: u8 = 2;
/// Bytes of the draw, without and with pins.
const BODY: usize = 23;
const BODY_MAX: usize = BODY + 8;
const MAC: usize = 12;
/// Characters of the longest token.
pub(super) const LENGTH_MAX: usize = ((BODY_MAX + MAC) * 4).div_ceil(3);
/// Signs and verifies tokens, and derives seeds.
#[derive(Debug, Clone)]
pub struct TokenSigner {
    key: DerivedKey,
    seed_key: DerivedKey,
}

/// What a token is valid for, besides the items.
#[derive(Debug, Clone, Copy)]
pub struct SlotContext<'a> {
    /// The site.
    pub site: SiteId,
    /// The visitor for whom it was decided; [`VisitorId::ANONYMOUS`] without consent.
    pub visitor: VisitorId,
    /// The slot.
    pub slot: &'a str,
}

/// The content of a valid token.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedToken {
    /// Id of the decision.
    pub decision: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// How the items were selected.
    pub exposure: Exposure,
}

impl TokenSigner {
    /// Derives the keys from a secret of the service.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            key: DerivedKey::new("ashna 2026 exposure token", secret),
            seed_key: DerivedKey::new("ashna 2026 exposure seed", secret),
        }
    }

    /// Returns the random seed of a visitor on a page in a period: the same for repeated requests, and unpredictable.
    #[must_use]
    pub fn seed(&self, site: SiteId, visitor: VisitorId, page: &str, item: &str, period: i64) -> u64 {
        let mut hasher = self.seed_key.hasher();
        hasher.update(&site.0.to_le_bytes()).update(&visitor.0.to_le_bytes()).update(&period.to_le_bytes());
        hasher.update(&(page.len() as u64).to_le_bytes()).update(page.as_bytes()).update(item.as_bytes());
        u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    /// Signs the exposure of a slot and its items.
    #[must_use]
    pub fn sign<'i>(
        &self,
        slot: SlotContext<'_>,
        exposure: &Exposure,
        items: impl Iterator<Item = &'i str>,
        now: Timestamp,
        nonce: u32,
    ) -> String {
        let mut bytes = [0; BODY_MAX + MAC];
        let (body, length) = body(exposure, now, nonce);
        bytes[..BODY_MAX].copy_from_slice(&body);
        let mac = self.mac(&body[..length], slot, items);
        bytes[length..length + MAC].copy_from_slice(&mac);
        BASE64.encode(&bytes[..length + MAC])
    }

    /// Returns the content of a token, if it was signed for this slot, visitor and items.
    #[must_use]
    pub fn verify<'i>(
        &self,
        token: &str,
        slot: SlotContext<'_>,
        items: &(impl Iterator<Item = &'i str> + Clone),
    ) -> Option<VerifiedToken> {
        let mut bytes = [0; BODY_MAX + MAC];
        if token.len() > LENGTH_MAX {
            return None;
        }
        let length = BASE64.decode_slice(token, &mut bytes).ok()?.checked_sub(MAC)?;
        if !matches!((bytes[0], length), (PLAIN, BODY) | (WITH_PINS, BODY_MAX)) {
            return None;
        }
        let (body, mac) = bytes[..length + MAC].split_at(length);
        // Consent may cover analytics and not personalization: decided for an anonymous visitor, seen by an identified one.
        let signed = [slot.visitor, VisitorId::ANONYMOUS].into_iter().any(|visitor| {
            let expected = self.mac(body, SlotContext { visitor, ..slot }, items.clone());
            signature::is_equal(&expected, mac)
        });
        if !signed {
            return None;
        }
        let decision = u64::from_le_bytes(*mac.first_chunk()?);
        Some(VerifiedToken { decision, at: decided_at(body), exposure: exposure(body)? })
    }

    fn mac<'i>(&self, body: &[u8], slot: SlotContext<'_>, items: impl Iterator<Item = &'i str>) -> [u8; MAC] {
        let add = |hasher: &mut blake3::Hasher, text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        let mut hasher = self.key.hasher();
        hasher.update(body).update(&slot.site.0.to_le_bytes()).update(&slot.visitor.0.to_le_bytes());
        add(&mut hasher, slot.slot);
        items.for_each(|item| add(&mut hasher, item));
        *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
    }
}

/// The bytes of an exposure, and how many of them are used.
fn body(exposure: &Exposure, now: Timestamp, nonce: u32) -> ([u8; BODY_MAX], usize) {
    let mut bytes = [0; BODY_MAX];
    let (version, length) = if exposure.pinned == 0 { (PLAIN, BODY) } else { (WITH_PINS, BODY_MAX) };
    let seconds = u32::try_from(now.0.div_euclid(1000)).unwrap_or_default();
    let model = MODELS.iter().position(|name| *name == exposure.model).unwrap_or(usize::from(u8::MAX));
    let (position, probability) = exposure.explored.map_or((0, 0.0), |e| (e.position, e.probability));
    bytes[0] = version;
    bytes[1..5].copy_from_slice(&seconds.to_le_bytes());
    bytes[5..9].copy_from_slice(&nonce.to_le_bytes());
    bytes[9] = u8::try_from(model).unwrap_or(u8::MAX);
    bytes[10..14].copy_from_slice(&to_f32_bytes(exposure.model_probability));
    bytes[14..18].copy_from_slice(&to_f32_bytes(exposure.explore));
    bytes[18] = position;
    bytes[19..23].copy_from_slice(&to_f32_bytes(probability));
    bytes[BODY..].copy_from_slice(&exposure.pinned.to_le_bytes());
    (bytes, length)
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits of a probability are enough")]
fn to_f32_bytes(probability: f64) -> [u8; 4] {
    (probability as f32).to_le_bytes()
}

fn decided_at(body: &[u8]) -> Timestamp {
    let seconds = body[1..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
    Timestamp(i64::from(seconds) * 1000)
}

fn exposure(body: &[u8]) -> Option<Exposure> {
    let probability = |at: usize| body[at..].first_chunk().map(|bytes| f64::from(f32::from_le_bytes(*bytes)));
    let model = MODELS.get(usize::from(body[9]))?;
    let explored = Explored { position: body[18], probability: probability(19)? };
    Some(Exposure {
        model,
        model_probability: probability(10)?,
        explore: probability(14)?,
        explored: (explored.position > 0).then_some(explored),
        pinned: body.get(BODY..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes)),
    })
}
