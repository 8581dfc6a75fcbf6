//! Sets the time of an event: the client's clock, corrected by the skew that `sentAt` shows.

use std::borrow::Cow;

use super::{
    types::{RequestContext, Sender},
    verdict::{RejectReason, Verdict},
};
use crate::{
    model::Event,
    wire::collect::{self, Batch, ClientTime},
};

/// A smaller difference may be the duration of the request, not a wrong clock.
const TOLERANCE_MS: i64 = 5_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

pub(super) fn reject_bad_time<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    let stated = match (call.timestamp, call.original_timestamp) {
        (ClientTime::Unreadable, _) => {
            // The event counts at its arrival, and data quality reports the problem.
            event.violations.push(Cow::Borrowed("timestamp: unreadable"));
            return Ok(());
        }
        (ClientTime::At(at), _) | (ClientTime::Absent, ClientTime::At(at)) => at,
        (ClientTime::Absent, _) => return Ok(()),
    };
    let sent_at = if call.sent_at.known().is_some() { call.sent_at } else { batch.sent_at };
    let corrected = stated.plus(skew(request, sent_at));
    let age = request.now.since(corrected);
    let days_max = if request.from_file { request.limits.import_past_days_max } else { request.limits.past_days_max };
    if age > in_ms(days_max, DAY_MS) {
        return Err(Verdict::Reject(RejectReason::TooOld));
    }
    let ahead = age < -in_ms(request.limits.future_minutes_max, MINUTE_MS);
    event.occurred_at = if ahead { request.now } else { corrected };
    Ok(())
}

/// How far the sender's clock is behind ours, in milliseconds; 0 within the tolerance and for files.
pub(super) fn skew(request: &RequestContext<'_>, sent_at: ClientTime) -> i64 {
    match sent_at {
        ClientTime::At(sent) if request.sender != Sender::Import => {
            let skew = request.now.since(sent);
            if skew.saturating_abs() > TOLERANCE_MS { skew } else { 0 }
        }
        _ => 0,
    }
}

fn in_ms(count: u64, unit_ms: i64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(unit_ms)
}
