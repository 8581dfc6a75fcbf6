//! Exposures: how the items of a shown slot were selected, from the signed token that the decision carried and its
//! impressions and clicks return. Without a valid token the event is stored without an exposure.
//!
//! Example: `Slot Viewed` with the `slot`, `exposure` and `items` of the response is stored with model and
//! probabilities; if one item is exchanged, without.

pub(super) mod token;

use std::borrow::Cow;

use serde::Deserialize;
pub use token::{SlotContext, TokenSigner, VerifiedToken};

use super::{limits, types::RequestContext};
use crate::{
    model::{Action, Event, exposure::Explored},
    wire::collect::Text,
};

/// A page may stay open this long before what it shows is seen…
const LIFE_MS: i64 = 24 * 3_600_000;
/// …and what was seen offline may arrive this long after the decision.
const ARRIVAL_MS: i64 = 72 * 3_600_000;
/// Clocks of pages may be behind by this much.
const BEHIND_MS: i64 = 10 * 60_000;

/// Why an impression or click is counted without its exposure or position. The texts are stored as violations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr, strum::EnumString)]
pub enum ExposureIssue {
    /// Not this service's token, or for another visitor, slot or list of items.
    #[strum(serialize = "exposure: not of this service, visitor, slot and items")]
    Foreign,
    /// Decided too long before it was seen, or after.
    #[strum(serialize = "exposure: out of time")]
    OutOfTime,
    /// A click on a position that the slot does not have; counted without the position.
    #[strum(serialize = "position: not one of the slot's")]
    NoSuchPosition,
}

impl ExposureIssue {
    /// The text in the report on data quality.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The name in metrics.
    #[must_use]
    pub const fn counted_as(self) -> &'static str {
        match self {
            Self::Foreign => "exposure_foreign",
            Self::OutOfTime => "exposure_out_of_time",
            Self::NoSuchPosition => "exposure_no_such_position",
        }
    }

    /// The issue with this stored text.
    #[must_use]
    pub fn from_violation(violation: &str) -> Option<Self> {
        violation.parse().ok()
    }
}

/// The properties of an impression or click that describe its slot.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SlotProperties<'a> {
    #[serde(borrow)]
    slot: Text<'a>,
    #[serde(borrow)]
    exposure: Text<'a>,
    #[serde(borrow)]
    position: Text<'a>,
}

/// Sets the exposure of an impression or click of a slot, if its token is valid; else adds the reason as a violation.
pub(super) fn set_exposure(event: &mut Event<'_>, request: &RequestContext<'_>) {
    if !matches!(event.action, Action::SlotViewed | Action::SlotClicked) || event.items.is_empty() {
        return;
    }
    let properties: SlotProperties<'_> = serde_json::from_str(&event.properties).unwrap_or_default();
    if properties.exposure.is_empty() || properties.slot.as_str().len() > limits::SLOT {
        return;
    }
    let slot = SlotContext { site: event.site, visitor: event.visitor, slot: properties.slot.as_str() };
    let items = event.items.iter().map(|line| &*line.id);
    let Some(token) = request.token_signer.verify(properties.exposure.as_str(), slot, &items) else {
        // Without consent to analytics the visitor is unknown here, so a token of theirs cannot be verified.
        if event.visitor.is_identified() {
            event.violations.push(ExposureIssue::Foreign.as_str().into());
        }
        return;
    };
    let (age, delay) = (event.occurred_at.since(token.at), event.received_at.since(token.at));
    if !(-BEHIND_MS..=LIFE_MS).contains(&age) || !(-BEHIND_MS..=ARRIVAL_MS).contains(&delay) {
        event.violations.push(ExposureIssue::OutOfTime.as_str().into());
        return;
    }
    let mut position = 0;
    if event.action == Action::SlotClicked && !properties.position.is_empty() {
        position = properties.position.as_str().parse().unwrap_or(usize::MAX);
        if position == 0 || position > event.items.len() {
            event.violations.push(ExposureIssue::NoSuchPosition.as_str().into());
            position = 0;
        }
    }
    event.exposure = Cow::Owned(to_json(&token, properties.slot.as_str(), position));
}

/// The exposure as stored; `exposures_view` of the warehouse reads it. Pins are given by their positions, from 1.
fn to_json(token: &VerifiedToken, slot: &str, position: usize) -> String {
    let VerifiedToken { decision, exposure, .. } = token;
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
        "pinned": (1..=u64::BITS as usize).filter(|position| exposure.is_pinned(*position)).collect::<Vec<_>>(),
    })
    .to_string()
}

#[cfg(test)]
mod tests;
