//! When it happened: the client's clock, corrected by what it says of the moment of sending.

use std::borrow::Cow;

use super::{RejectReason, Sender, Setting, Verdict};
use crate::{
    model::Event,
    wire::collect::{self, Batch, Moment},
};

/// A request under way this long says nothing about a wrong clock.
const TOLERANCE_MS: i64 = 5_000;
const DAY_MS: i64 = 86_400_000;
const MINUTE_MS: i64 = 60_000;

pub(super) fn reject_bad_time<'a>(
    event: &mut Event<'a>,
    setting: &Setting<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    let said = match (call.timestamp, call.original_timestamp) {
        (Moment::Unreadable, _) => {
            // It happened all the same: it counts at its arrival, and data quality names it.
            event.violations.push(Cow::Borrowed("timestamp: unreadable"));
            return Ok(());
        }
        (Moment::At(at), _) | (Moment::Absent, Moment::At(at)) => at,
        (Moment::Absent, _) => return Ok(()),
    };
    let sent_at = if call.sent_at.known().is_some() { call.sent_at } else { batch.sent_at };
    let corrected = said.plus(skew(setting, sent_at));
    let age = setting.now.since(corrected);
    let days_max = if setting.from_file { setting.limits.import_past_days_max } else { setting.limits.past_days_max };
    if age > in_ms(days_max, DAY_MS) {
        return Err(Verdict::Reject(RejectReason::TooOld));
    }
    let ahead = age < -in_ms(setting.limits.future_minutes_max, MINUTE_MS);
    event.occurred_at = if ahead { setting.now } else { corrected };
    Ok(())
}

/// How far the sender's clock is behind ours; 0 within the tolerance, and for files, which have no sender.
pub(super) fn skew(setting: &Setting<'_>, sent_at: Moment) -> i64 {
    match sent_at {
        Moment::At(sent) if setting.sender != Sender::Import => {
            let skew = setting.now.since(sent);
            if skew.saturating_abs() > TOLERANCE_MS { skew } else { 0 }
        }
        _ => 0,
    }
}

fn in_ms(count: u64, unit_ms: i64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX).saturating_mul(unit_ms)
}
