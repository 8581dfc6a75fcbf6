//! Validates the outer form of an event and its required fields.

use serde_json::value::RawValue;

use super::{
    limits, text,
    types::{Progress, RequestContext},
    verdict::{RejectReason, Verdict},
};
use crate::{
    model::{Event, Kind, MessageHash},
    wire::collect::{self, Batch},
};

pub(super) fn reject_unreadable<'a>(
    request: &RequestContext<'_>,
    raw: &'a RawValue,
) -> Result<collect::Event<'a>, Verdict<'a>> {
    if raw.get().len() > request.limits.event_bytes_max {
        return Err(Verdict::Reject(RejectReason::TooLarge));
    }
    collect::event(raw).map_err(|_| Verdict::Reject(RejectReason::Malformed))
}

pub(super) fn reject_unknown_type<'a>(batch: &Batch<'a>, call: &collect::Event<'a>) -> Result<Kind, Verdict<'a>> {
    let kind = match call.kind.as_str() {
        "track" => Some(Kind::Track),
        "page" => Some(Kind::Page),
        "screen" => Some(Kind::Screen),
        "identify" => Some(Kind::Identify),
        "group" => Some(Kind::Group),
        "alias" => Some(Kind::Alias),
        _ => None,
    };
    batch.call.or(kind).ok_or(Verdict::Reject(RejectReason::UnknownType))
}

/// Rejects a missing name or id and one that is too long; sets the name.
pub(super) fn reject_invalid<'a>(event: &mut Event<'a>, call: &collect::Event<'a>) -> Result<(), Verdict<'a>> {
    let name = match event.kind {
        Kind::Track => &call.event.or(&call.name).0,
        Kind::Page | Kind::Screen => &call.name.0,
        Kind::Identify | Kind::Group | Kind::Alias => &event.name,
    };
    let cleaned = text::clean(name, usize::MAX);
    let user_id_needed = matches!(event.kind, Kind::Alias);
    let reason = if event.kind == Kind::Track && cleaned.is_empty() {
        RejectReason::NameMissing
    } else if text::longer_than(&cleaned, limits::NAME_CHARS) {
        RejectReason::NameTooLong
    } else if text::longer_than(call.message_id.as_str(), limits::MESSAGE_ID_CHARS) {
        RejectReason::MessageIdTooLong
    } else if text::longer_than(call.user_id.as_str(), limits::USER_ID_CHARS) {
        RejectReason::UserIdTooLong
    } else if user_id_needed && call.user_id.as_str().trim().is_empty() {
        RejectReason::UserIdMissing
    } else {
        event.name = cleaned;
        return Ok(());
    };
    Err(Verdict::Reject(reason))
}

/// Sets the message hash; a random one without a message id, so that the message is never a duplicate.
pub(super) fn set_message_hash(
    event: &mut Event<'_>,
    request: &RequestContext<'_>,
    call: &collect::Event<'_>,
    progress: &mut Progress,
) {
    event.message = if call.message_id.is_empty() {
        let mut id = [0; 24];
        id[..16].copy_from_slice(&request.entropy.to_le_bytes());
        id[16..].copy_from_slice(&progress.without_id.to_le_bytes());
        progress.without_id += 1;
        MessageHash::new(request.site.id, &id)
    } else {
        MessageHash::new(request.site.id, call.message_id.as_str().as_bytes())
    };
}
