//! The only place that reads a clock; pure rooms get `now` as an argument.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::model::Timestamp;

/// The time of day by the system's clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// The time of day when this was first asked for, and what has passed since: it never jumps, whatever is
/// done to the system's clock. For ages and windows, not for what is stored or shown.
#[must_use]
pub fn steady() -> Timestamp {
    static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    let (start, began) = START.get_or_init(|| (now(), Instant::now()));
    start.plus(i64::try_from(began.elapsed().min(Duration::from_secs(1 << 40)).as_millis()).unwrap_or(i64::MAX))
}
