//! Whose event it is, and in which session.

use super::{
    Origin, RejectReason, Sender, Session, Sessions, Setting, Verdict,
    identify::{self, IdKind},
    session, text,
};
use crate::{
    model::{Event, VisitorId},
    wire::collect::{self, Batch},
};

/// Puts the visitor: the request's, unless nothing is known of it and the event has ids of its own.
pub(super) fn reject_nobody_in_particular<'a>(
    event: &mut Event<'a>,
    setting: &Setting<'_>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    if !setting.consent.analytics {
        return Ok(());
    }
    let named = |kind, id: &str| {
        let id = id.trim();
        (!id.is_empty()).then(|| identify::visitor_of(setting.site.id, kind, id))
    };
    event.visitor = match setting.identity.from {
        Origin::Cookie | Origin::Proposal | Origin::Derived => setting.identity.visitor,
        Origin::Nobody => VisitorId::NOBODY,
        Origin::Fresh => {
            let anonymous = named(IdKind::Anonymous, call.anonymous_id.as_str());
            match (anonymous, setting.sender) {
                (Some(visitor), _) => visitor,
                (None, Sender::Browser) => setting.identity.visitor,
                (None, Sender::Server | Sender::Import) => {
                    named(IdKind::User, call.user_id.as_str()).ok_or(Verdict::Reject(RejectReason::IdentityMissing))?
                }
            }
        }
    };
    Ok(())
}

pub(super) fn put_user<'a>(event: &mut Event<'a>, setting: &Setting<'_>, call: &collect::Event<'a>) {
    if !event.visitor.is_somebody() {
        return;
    }
    event.user_id = text::clean(&call.user_id.0, usize::MAX);
    event.user_verified = !event.user_id.is_empty()
        && (setting.server_key
            || identify::user_is_verified(setting.site, call.user_id.as_str(), call.signature.as_str()));
}

pub(super) fn put_session<'a>(
    event: &mut Event<'a>,
    setting: &Setting<'_>,
    batch: &Batch<'a>,
    sessions: &mut Sessions,
) {
    if !event.visitor.is_somebody() {
        return;
    }
    let pause_ms = i64::try_from(setting.limits.session_minutes).unwrap_or(i64::MAX).saturating_mul(60_000);
    let placed = sessions.place(event.visitor, event.occurred_at, pause_ms, || {
        let of_request = (event.visitor == setting.identity.visitor)
            .then(|| session::latest(setting.identity.session, hinted(setting, batch)))
            .flatten();
        session::latest(of_request, (setting.session_of)(event.visitor))
    });
    event.session_start = placed.start;
}

/// The tracker's idea of the session, by the server's clock, if it is a possible one.
fn hinted(setting: &Setting<'_>, batch: &Batch<'_>) -> Option<Session> {
    let skew = super::clock::skew(setting, batch.sent_at);
    let (start, last) = (batch.session.start.known()?.plus(skew), batch.session.last.known()?.plus(skew));
    let day_ago = setting.now.plus(-86_400_000);
    (start <= last && last <= setting.now && start >= day_ago).then_some(Session { start, last })
}
