//! Sets the event's visitor, user and session.

use std::borrow::Cow;

use super::{
    address, clock,
    identify::{self, IdKind, Origin},
    session::{self, Session, Sessions},
    text,
    types::{RequestContext, Sender, own_or_shared},
    verdict::{RejectReason, Verdict},
};
use crate::{
    model::{Event, KnownBy, VisitorId},
    wire::collect::{self, Batch},
};

const DAY_MS: i64 = 86_400_000;

/// Sets the visitor: the request's, unless that is new and the event has ids of its own.
pub(super) fn reject_unidentified<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    if !request.consent.analytics {
        return Ok(());
    }
    let visitor_of = |kind, id: &str| {
        let id = id.trim();
        (!id.is_empty() && !identify::is_placeholder(id)).then(|| identify::visitor_of(request.site, kind, id))
    };
    event.visitor = match request.identity.from {
        Origin::Cookie | Origin::Proposal | Origin::Derived | Origin::Daily => request.identity.visitor,
        Origin::Anonymous => VisitorId::ANONYMOUS,
        Origin::Fresh if request.site.visitors.known_by == KnownBy::DailyHash => daily_visitor(request, batch, call),
        Origin::Fresh => {
            let anonymous = visitor_of(IdKind::Anonymous, call.anonymous_id.as_str());
            match (anonymous, request.sender) {
                (Some(visitor), _) => visitor,
                (None, Sender::Browser) => request.identity.visitor,
                (None, Sender::Server | Sender::Import) => {
                    event.user_id_only = true;
                    let kind = if is_verified(request, call) { IdKind::VerifiedUser } else { IdKind::User };
                    visitor_of(kind, call.user_id.as_str()).ok_or(Verdict::Reject(RejectReason::IdentityMissing))?
                }
            }
        }
    };
    Ok(())
}

pub(super) fn set_user<'a>(event: &mut Event<'a>, request: &RequestContext<'_>, call: &collect::Event<'a>) {
    if !event.visitor.is_identified() || request.site.visitors.known_by == KnownBy::DailyHash {
        return;
    }
    event.user_id = text::clean(&call.user_id.0, usize::MAX);
    if identify::is_placeholder(&event.user_id) {
        // It would merge all visitors with this value into one person, which cannot be undone.
        event.violations.push(Cow::Owned(format!("userId: {}", event.user_id)));
        event.user_id = Cow::Borrowed("");
    }
    event.user_verified = !event.user_id.is_empty() && is_verified(request, call);
}

/// Whether the site vouches for the user id: sent with a server key, or signed with the site's secret.
fn is_verified(request: &RequestContext<'_>, call: &collect::Event<'_>) -> bool {
    request.server_key || identify::user_is_verified(request.site, call.user_id.as_str(), call.signature.as_str())
}

/// The visitor of a server's call on a cookieless site, by the address and user agent that it reports; anonymous without
/// these, and in files: the salts of their days are gone.
fn daily_visitor(request: &RequestContext<'_>, batch: &Batch<'_>, call: &collect::Event<'_>) -> VisitorId {
    let address = address::parse(own_or_shared(call, batch, |context| &context.ip));
    let user_agent = own_or_shared(call, batch, |context| &context.user_agent);
    match (request.daily, address) {
        (Some(daily), Some(address)) if !user_agent.is_empty() && !request.from_file => daily(address, user_agent),
        _ => VisitorId::ANONYMOUS,
    }
}

pub(super) fn set_session<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    sessions: &mut Sessions,
) {
    if !event.visitor.is_identified() {
        return;
    }
    let timeout_ms = request.site.visitors.session_ms(request.limits.session_minutes);
    let session = sessions.assign(event.visitor, event.occurred_at, timeout_ms, || {
        let of_request = (event.visitor == request.identity.visitor)
            .then(|| session::latest(request.identity.session, tracker_session(request, batch)))
            .flatten();
        session::latest(of_request, (request.session_of)(event.visitor))
    });
    event.session_start = session.start;
}

/// The session that the tracker reports, in the server's time, if it is plausible. `None` on cookieless sites:
/// nothing is kept in browsers there.
fn tracker_session(request: &RequestContext<'_>, batch: &Batch<'_>) -> Option<Session> {
    if request.site.visitors.known_by == KnownBy::DailyHash {
        return None;
    }
    let skew = clock::skew(request, batch.sent_at);
    let (start, last) = (batch.session.start.known()?.plus(skew), batch.session.last.known()?.plus(skew));
    let day_ago = request.now.plus(-DAY_MS);
    (start <= last && last <= request.now && start >= day_ago).then_some(Session { start, last })
}
