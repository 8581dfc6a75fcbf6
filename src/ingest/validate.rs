//! Is it an event at all, and which.

use serde_json::value::RawValue;

use super::{Progress, RejectReason, Setting, Verdict, limits, text};
use crate::{
    model::{Event, Kind, MessageHash},
    wire::collect::{self, Batch},
};

pub(super) fn reject_unreadable<'a>(
    setting: &Setting<'_>,
    raw: &'a RawValue,
) -> Result<collect::Event<'a>, Verdict<'a>> {
    if raw.get().len() > setting.limits.event_bytes_max {
        return Err(Verdict::Reject(RejectReason::TooLarge));
    }
    collect::event(raw).map_err(|_| Verdict::Reject(RejectReason::Malformed))
}

pub(super) fn reject_unknown_type<'a>(batch: &Batch<'a>, call: &collect::Event<'a>) -> Result<Kind, Verdict<'a>> {
    let named = match call.kind.as_str() {
        "track" => Some(Kind::Track),
        "page" => Some(Kind::Page),
        "screen" => Some(Kind::Screen),
        "identify" => Some(Kind::Identify),
        "group" => Some(Kind::Group),
        "alias" => Some(Kind::Alias),
        _ => None,
    };
    batch.call.or(named).ok_or(Verdict::Reject(RejectReason::UnknownType))
}

/// Rejects what has no name, or a name or id too long to keep; puts the name.
pub(super) fn reject_unfit<'a>(event: &mut Event<'a>, call: &collect::Event<'a>) -> Result<(), Verdict<'a>> {
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

/// A message without an id is one of its own: its identity is random.
pub(super) fn put_message(
    event: &mut Event<'_>,
    setting: &Setting<'_>,
    call: &collect::Event<'_>,
    progress: &mut Progress,
) {
    event.message = if call.message_id.is_empty() {
        let mut id = [0; 24];
        id[..16].copy_from_slice(&setting.entropy.to_le_bytes());
        id[16..].copy_from_slice(&progress.unnamed.to_le_bytes());
        progress.unnamed += 1;
        MessageHash::of(setting.site.id, &id)
    } else {
        MessageHash::of(setting.site.id, call.message_id.as_str().as_bytes())
    };
}
