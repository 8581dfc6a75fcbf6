//! Compiles one offer.

use super::{CompileError, ITEMS_MAX, NAME_BYTES_MAX, compile_segment_rule, is_id, schedule, shown};
use crate::{
    catalog::{
        condition::Condition,
        snapshot::{CompiledCap, CompiledOffer, Model, Recommend},
    },
    model::{FrequencyCap, Offer},
    segments::SegmentSet,
};

/// Maximum number of frequency caps of an offer.
const CAPS_MAX: usize = 5;
/// Maximum number of impressions of a frequency cap: a profile keeps a limited number of past events.
const CAP_COUNT_MAX: u32 = 100;
/// Maximum number of impressions of a budget.
const BUDGET_MAX: u64 = 1_000_000_000_000;
/// Maximum weight.
const WEIGHT_MAX: f64 = 1_000_000.0;
/// Maximum cost of an impression, minor units.
const COST_MAX: i64 = 1_000_000_000_000;

/// Compiles one offer; `catalog` calls this before storing one.
///
/// # Errors
/// If its rule, content or times are unusable.
pub fn compile_offer(offer: &Offer, segments: &SegmentSet) -> Result<CompiledOffer, CompileError> {
    let refuse = |message: String| CompileError { which: shown(&offer.id), message };
    if !is_id(&offer.id) {
        return Err(refuse(format!("an id has 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`")));
    }
    if offer.slot.is_empty() || offer.slot.len() > NAME_BYTES_MAX || offer.slot.chars().any(char::is_control) {
        return Err(refuse(format!("`slot` must have 1 to {NAME_BYTES_MAX} bytes")));
    }
    let condition = compile_segment_rule(&offer.when, segments).map_err(refuse)?;
    if let (Some(start), Some(end)) = (offer.starts_at, offer.ends_at)
        && end <= start
    {
        return Err(refuse(format!("it ends ({end}) before it starts ({start})")));
    }
    check_goal(offer).map_err(refuse)?;
    check_numbers(offer).map_err(refuse)?;
    let schedule = offer.schedule.as_ref().map(schedule::compile).transpose().map_err(refuse)?;
    let mut content = offer.content.clone();
    let recommend = take_recommend(&mut content).map_err(refuse)?;
    Ok(CompiledOffer {
        id: offer.id.as_str().into(),
        priority: offer.priority,
        weight: offer.weight,
        condition,
        content,
        recommend,
        starts_at: offer.starts_at,
        ends_at: offer.ends_at,
        schedule,
        caps: offer.caps.iter().copied().map(compiled_cap).collect(),
        budget: offer.budget.map(|budget| budget.impressions),
        coupons: offer.coupons,
        exclusion_group: offer.exclusion_group.as_deref().map(Into::into),
        control_share: offer.control_percent / 100.0,
    })
}

/// Removes `recommend` and `k` from the content: they are instructions, not texts for the page.
fn take_recommend(content: &mut crate::model::Content) -> Result<Option<Recommend>, String> {
    let Some(name) = content.remove("recommend") else { return Ok(None) };
    let model = name.as_str().and_then(Model::parse).ok_or_else(|| {
        let known: Vec<_> = Model::NAMES.iter().map(|(name, _)| *name).collect();
        format!("`recommend` is {name}; known are {}", known.join(", "))
    })?;
    let k = match content.remove("k") {
        None => Recommend::K_DEFAULT,
        Some(k) => k
            .as_u64()
            .and_then(|k| usize::try_from(k).ok())
            .filter(|k| (1..=ITEMS_MAX).contains(k))
            .ok_or_else(|| format!("`k` is {k}; it must be a whole number from 1 to {ITEMS_MAX}"))?,
    };
    Ok(Some(Recommend { model, k }))
}

fn compiled_cap(cap: FrequencyCap) -> CompiledCap {
    CompiledCap { count: cap.count, per: cap.per }
}

fn check_goal(offer: &Offer) -> Result<(), String> {
    let Some(goal) = &offer.goal else { return Ok(()) };
    let rule = crate::model::Rule::Event(crate::model::EventRule {
        event: goal.event.clone(),
        conditions: goal.conditions.clone(),
        within_days: None,
        count: None,
        sum: None,
        not_followed_by: None,
    });
    compile_segment_rule(&rule, &SegmentSet::default())
        .map(|_: Condition| ())
        .map_err(|message| format!("`goal`: {message}"))
}

fn check_numbers(offer: &Offer) -> Result<(), String> {
    if offer.weight.is_some_and(|weight| !(weight > 0.0 && weight <= WEIGHT_MAX)) {
        return Err(format!("`weight` must be a number above 0, at most {WEIGHT_MAX}"));
    }
    if !(0.0..=100.0).contains(&offer.control_percent) {
        return Err("`control_percent` must be 0 to 100".into());
    }
    if offer.caps.len() > CAPS_MAX {
        return Err(format!("`caps` may have at most {CAPS_MAX} limits"));
    }
    if offer.caps.iter().any(|cap| !(1..=CAP_COUNT_MAX).contains(&cap.count)) {
        return Err(format!("`count` of `caps` must be 1 to {CAP_COUNT_MAX}"));
    }
    if offer.budget.is_some_and(|budget| !(1..=BUDGET_MAX).contains(&budget.impressions)) {
        return Err(format!("`impressions` of `budget` must be 1 to {BUDGET_MAX}"));
    }
    if offer.cost_minor.is_some_and(|cost| !(0..=COST_MAX).contains(&cost)) {
        return Err(format!("`cost_minor` must be 0 to {COST_MAX}"));
    }
    if offer.exclusion_group.as_deref().is_some_and(|group| !is_id(group)) {
        return Err(format!("`exclusion_group` has 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`"));
    }
    if offer.coupons && offer.content.contains_key(Offer::COUPON) {
        return Err("`content.coupon` is filled from the pool of `coupons`: leave it out".into());
    }
    if offer.ranking == crate::model::Ranking::ExpectedValue {
        return Err("`ranking` by `expected_value` is not available yet: use `priority`".into());
    }
    Ok(())
}
