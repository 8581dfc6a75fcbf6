//! What was shown, by the service's own word: the token that a decision carries and its impressions bring back.
//!
//! PURE. Which model ranked a slot, which place was left to chance and with what probability is decided by
//! the service and judged by it later; in between it travels through a browser. So the decision carries 35
//! bytes in base64url: version, moment, nonce, the draw ([`Exposure`]), and a MAC (keyed BLAKE3, 96 bits)
//! over all of it together with the site, the visitor, the slot and the items. Where places are pinned eight
//! bytes tell which, and the version is 2. Nothing of it can be made up, moved to another visitor, slot or
//! list, or kept for long; and the service need not remember anything.
//! The first half of the MAC is the decision's number: however often an impression is sent, it is of one decision.
//!
//! Example: `close` for the slot `home-recs` gives `"AWk…"`; `Slot Viewed` with `{"slot", "exposure", "items"}` as
//! they were answered is stored with model and probabilities, with one item exchanged it is stored without.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::{Setting, limits};
use crate::{
    model::{Action, Event, Exposure, SiteId, Timestamp, VisitorId, exposure::Explored},
    wire::collect::Text,
};

/// Every word of a model, by its place: those that offers name and those that tuning tells. Tokens are signed
/// with places, so words are only added at the end.
const MODELS: [&str; 15] = [
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
const LENGTH_MAX: usize = ((BODY_MAX + MAC) * 4).div_ceil(3);
/// A page may stay open this long before what it shows is seen…
const LIFE_MS: i64 = 24 * 3_600_000;
/// …and what was seen offline may arrive this long afterwards.
const ARRIVAL_MS: i64 = 72 * 3_600_000;
/// Clocks of pages may be behind by this much.
const BEHIND_MS: i64 = 10 * 60_000;

/// Signs draws and knows them again.
#[derive(Clone)]
pub struct TokenSigner {
    key: [u8; 32],
    dice: [u8; 32],
}

impl std::fmt::Debug for TokenSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenSigner")
    }
}

/// To whom and where something is shown.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The site.
    pub site: SiteId,
    /// The visitor by whose id it was decided; nobody without consent.
    pub visitor: VisitorId,
    /// The slot.
    pub slot: &'a str,
}

/// What a genuine token says.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Number of the decision.
    pub decision: u64,
    /// When it was decided.
    pub at: Timestamp,
    /// How.
    pub exposure: Exposure,
}

/// Why an impression is counted without its draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExposureIssue {
    /// Not this service's token, or of another visitor, slot or list.
    Foreign,
    /// Decided too long before it was seen, or after.
    OutOfTime,
    /// A click on a place that the slot does not have; counted without the place.
    NoSuchPosition,
}

impl ExposureIssue {
    /// The words in the report on data quality.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Foreign => "exposure: not of this service, visitor, slot and items",
            Self::OutOfTime => "exposure: out of time",
            Self::NoSuchPosition => "position: not one of the slot's",
        }
    }

    /// The word in metrics.
    #[must_use]
    pub const fn counted_as(self) -> &'static str {
        match self {
            Self::Foreign => "exposure_foreign",
            Self::OutOfTime => "exposure_out_of_time",
            Self::NoSuchPosition => "exposure_no_such_position",
        }
    }

    /// The flaw with these words.
    #[must_use]
    pub fn of_words(words: &str) -> Option<Self> {
        [Self::Foreign, Self::OutOfTime, Self::NoSuchPosition].into_iter().find(|flaw| flaw.as_str() == words)
    }
}

impl TokenSigner {
    /// From a secret that nobody else knows.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self {
            key: blake3::derive_key("ashna 2026 exposure token", secret.as_bytes()),
            dice: blake3::derive_key("ashna 2026 exposure dice", secret.as_bytes()),
        }
    }

    /// The dice of one visitor on one page in one stretch of time: the same for the same question, and nobody
    /// can tell them beforehand.
    #[must_use]
    pub fn dice(&self, site: SiteId, visitor: VisitorId, page: &str, item: &str, stretch: i64) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.dice);
        hasher.update(&site.0.to_le_bytes()).update(&visitor.0.to_le_bytes()).update(&stretch.to_le_bytes());
        hasher.update(&(page.len() as u64).to_le_bytes()).update(page.as_bytes()).update(item.as_bytes());
        u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    /// Signs the draw of a slot and its items.
    #[must_use]
    pub fn close<'i>(
        &self,
        place: Place<'_>,
        exposure: &Exposure,
        items: impl Iterator<Item = &'i str>,
        now: Timestamp,
        nonce: u32,
    ) -> String {
        let mut bytes = [0; BODY_MAX + MAC];
        let (body, length) = body(exposure, now, nonce);
        bytes[..BODY_MAX].copy_from_slice(&body);
        let mac = self.mac(&body[..length], place, items);
        bytes[length..length + MAC].copy_from_slice(&mac);
        BASE64.encode(&bytes[..length + MAC])
    }

    /// What a token says, if it was signed for this place and these items.
    #[must_use]
    pub fn open<'i>(
        &self,
        token: &str,
        place: Place<'_>,
        items: &(impl Iterator<Item = &'i str> + Clone),
    ) -> Option<Opened> {
        let mut bytes = [0; BODY_MAX + MAC];
        if token.len() > LENGTH_MAX {
            return None;
        }
        let length = BASE64.decode_slice(token, &mut bytes).ok()?.checked_sub(MAC)?;
        if !matches!((bytes[0], length), (PLAIN, BODY) | (WITH_PINS, BODY_MAX)) {
            return None;
        }
        let (body, mac) = bytes[..length + MAC].split_at(length);
        // What was decided for nobody in particular may be seen by somebody: consent has two halves.
        let signed = [place.visitor, VisitorId::NOBODY].into_iter().any(|visitor| {
            let expected = self.mac(body, Place { visitor, ..place }, items.clone());
            bool::from(expected[..].ct_eq(mac))
        });
        if !signed {
            return None;
        }
        let decision = u64::from_le_bytes(*mac.first_chunk()?);
        Some(Opened { decision, at: moment(body), exposure: exposure(body)? })
    }

    fn mac<'i>(&self, body: &[u8], place: Place<'_>, items: impl Iterator<Item = &'i str>) -> [u8; MAC] {
        let put = |hasher: &mut blake3::Hasher, text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(body).update(&place.site.0.to_le_bytes()).update(&place.visitor.0.to_le_bytes());
        put(&mut hasher, place.slot);
        items.for_each(|item| put(&mut hasher, item));
        *hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes")
    }
}

/// The draw in bytes, and how many of them count.
fn body(exposure: &Exposure, now: Timestamp, nonce: u32) -> ([u8; BODY_MAX], usize) {
    let mut bytes = [0; BODY_MAX];
    let (version, length) = if exposure.pinned == 0 { (PLAIN, BODY) } else { (WITH_PINS, BODY_MAX) };
    let seconds = u32::try_from(now.0.div_euclid(1000)).unwrap_or_default();
    let model = MODELS.iter().position(|word| *word == exposure.model).unwrap_or(usize::from(u8::MAX));
    let (position, probability) = exposure.explored.map_or((0, 0.0), |e| (e.position, e.probability));
    bytes[0] = version;
    bytes[1..5].copy_from_slice(&seconds.to_le_bytes());
    bytes[5..9].copy_from_slice(&nonce.to_le_bytes());
    bytes[9] = u8::try_from(model).unwrap_or(u8::MAX);
    bytes[10..14].copy_from_slice(&single(exposure.model_probability));
    bytes[14..18].copy_from_slice(&single(exposure.explore));
    bytes[18] = position;
    bytes[19..23].copy_from_slice(&single(probability));
    bytes[BODY..].copy_from_slice(&exposure.pinned.to_le_bytes());
    (bytes, length)
}

#[expect(clippy::cast_possible_truncation, reason = "seven digits of a probability are enough")]
fn single(probability: f64) -> [u8; 4] {
    (probability as f32).to_le_bytes()
}

fn moment(body: &[u8]) -> Timestamp {
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

/// What an impression or a click says of its slot.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told<'a> {
    #[serde(borrow)]
    slot: Text<'a>,
    #[serde(borrow)]
    exposure: Text<'a>,
    #[serde(borrow)]
    position: Text<'a>,
}

/// Puts the draw behind an impression or a click of a slot, if the service itself made it; notes why not.
pub(super) fn put_exposure(event: &mut Event<'_>, setting: &Setting<'_>) {
    if !matches!(event.action, Action::SlotViewed | Action::SlotClicked) || event.items.is_empty() {
        return;
    }
    let told: Told<'_> = serde_json::from_str(&event.properties).unwrap_or_default();
    if told.exposure.is_empty() || told.slot.as_str().len() > limits::SLOT {
        return;
    }
    let place = Place { site: event.site, visitor: event.visitor, slot: told.slot.as_str() };
    let items = event.items.iter().map(|line| &*line.id);
    let Some(opened) = setting.seal.open(told.exposure.as_str(), place, &items) else {
        // Without consent to measuring the visitor is nobody here, and what was decided for them is not told.
        if event.visitor.is_somebody() {
            event.violations.push(ExposureIssue::Foreign.as_str().into());
        }
        return;
    };
    let (age, delay) = (event.occurred_at.since(opened.at), event.received_at.since(opened.at));
    if !(-BEHIND_MS..=LIFE_MS).contains(&age) || !(-BEHIND_MS..=ARRIVAL_MS).contains(&delay) {
        event.violations.push(ExposureIssue::OutOfTime.as_str().into());
        return;
    }
    let mut position = 0;
    if event.action == Action::SlotClicked && !told.position.is_empty() {
        position = told.position.as_str().parse().unwrap_or(usize::MAX);
        if position == 0 || position > event.items.len() {
            event.violations.push(ExposureIssue::NoSuchPosition.as_str().into());
            position = 0;
        }
    }
    event.exposure = Cow::Owned(written(&opened, told.slot.as_str(), position));
}

/// The draw as it is stored; `exposures_view` of the warehouse reads it. Pins are told by their positions, from 1.
fn written(opened: &Opened, slot: &str, position: usize) -> String {
    let Opened { decision, exposure, .. } = opened;
    let explored = exposure.explored.unwrap_or(Explored { position: 0, probability: 0.0 });
    serde_json::json!({
        "decision": decision.to_string(),
        "slot": slot,
        "model": exposure.model,
        "model_probability": exposure.model_probability,
        "explore": exposure.explore,
        "explored": explored.position,
        "drawn": explored.probability,
        "position": position,
        "pinned": (1..=u64::BITS as usize).filter(|place| exposure.is_pinned(*place)).collect::<Vec<_>>(),
    })
    .to_string()
}

#[cfg(test)]
mod tests;
