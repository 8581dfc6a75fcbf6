//! Whose event it is, and in which session.

use std::borrow::Cow;

use super::{
    Origin, RejectReason, Sender, Session, Sessions, Setting, Verdict, address,
    identify::{self, IdKind},
    own_or_shared, session, text,
};
use crate::{
    model::{Event, KnownBy, VisitorId},
    wire::collect::{self, Batch},
};

/// Puts the visitor: the request's, unless nothing is known of it and the event has ids of its own.
pub(super) fn reject_nobody_in_particular<'a>(
    event: &mut Event<'a>,
    setting: &Setting<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    if !setting.consent.analytics {
        return Ok(());
    }
    let named = |kind, id: &str| {
        let id = id.trim();
        (!id.is_empty() && !identify::is_placeholder(id)).then(|| identify::visitor_of(setting.site, kind, id))
    };
    event.visitor = match setting.identity.from {
        Origin::Cookie | Origin::Proposal | Origin::Derived | Origin::Daily => setting.identity.visitor,
        Origin::Nobody => VisitorId::NOBODY,
        Origin::Fresh if setting.site.visitors.known_by == KnownBy::DailyHash => of_today(setting, batch, call),
        Origin::Fresh => {
            let anonymous = named(IdKind::Anonymous, call.anonymous_id.as_str());
            match (anonymous, setting.sender) {
                (Some(visitor), _) => visitor,
                (None, Sender::Browser) => setting.identity.visitor,
                (None, Sender::Server | Sender::Import) => {
                    let kind = if is_proved(setting, call) { IdKind::ProvenUser } else { IdKind::User };
                    named(kind, call.user_id.as_str()).ok_or(Verdict::Reject(RejectReason::IdentityMissing))?
                }
            }
        }
    };
    Ok(())
}

pub(super) fn put_user<'a>(event: &mut Event<'a>, setting: &Setting<'_>, call: &collect::Event<'a>) {
    if !event.visitor.is_somebody() || setting.site.visitors.known_by == KnownBy::DailyHash {
        return;
    }
    event.user_id = text::clean(&call.user_id.0, usize::MAX);
    if identify::is_placeholder(&event.user_id) {
        // All who are called so would become one person, which cannot be undone.
        event.violations.push(Cow::Owned(format!("userId: {}", event.user_id)));
        event.user_id = Cow::Borrowed("");
    }
    event.user_verified = !event.user_id.is_empty() && is_proved(setting, call);
}

/// Whether the user id is the site's own word: sent with its key, or signed with its secret.
fn is_proved(setting: &Setting<'_>, call: &collect::Event<'_>) -> bool {
    setting.server_key || identify::user_is_verified(setting.site, call.user_id.as_str(), call.signature.as_str())
}

/// The visitor of a server's call on a site that takes no ids: by the address and user agent it tells
/// of, nobody when it tells of none. A file tells of days whose salts are gone.
fn of_today(setting: &Setting<'_>, batch: &Batch<'_>, call: &collect::Event<'_>) -> VisitorId {
    let address = address::parse(own_or_shared(call, batch, |context| &context.ip));
    let user_agent = own_or_shared(call, batch, |context| &context.user_agent);
    match (setting.daily, address) {
        (Some(daily), Some(address)) if !user_agent.is_empty() && !setting.from_file => daily(address, user_agent),
        _ => VisitorId::NOBODY,
    }
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
    let pause_ms = setting.site.visitors.session_ms(setting.limits.session_minutes);
    let placed = sessions.place(event.visitor, event.occurred_at, pause_ms, || {
        let of_request = (event.visitor == setting.identity.visitor)
            .then(|| session::latest(setting.identity.session, hinted(setting, batch)))
            .flatten();
        session::latest(of_request, (setting.session_of)(event.visitor))
    });
    event.session_start = placed.start;
}

/// The tracker's idea of the session, by the server's clock, if it is a possible one. Where nothing is
/// kept in browsers there can be none.
fn hinted(setting: &Setting<'_>, batch: &Batch<'_>) -> Option<Session> {
    if setting.site.visitors.known_by == KnownBy::DailyHash {
        return None;
    }
    let skew = super::clock::skew(setting, batch.sent_at);
    let (start, last) = (batch.session.start.known()?.plus(skew), batch.session.last.known()?.plus(skew));
    let day_ago = setting.now.plus(-86_400_000);
    (start <= last && last <= setting.now && start >= day_ago).then_some(Session { start, last })
}
