//! The only module that reads a clock; pure modules get `now` as an argument.

use std::{
    sync::OnceLock,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use crate::model::Timestamp;

/// The current time by the system clock.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place that may")]
pub fn now() -> Timestamp {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
}

/// The time of the first call plus the monotonic time since: it never jumps when the system clock is changed.
/// For ages and windows, not for values that are stored or shown.
#[must_use]
pub fn steady() -> Timestamp {
    static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    let (start, began) = START.get_or_init(|| (now(), Instant::now()));
    start.plus(i64::try_from(began.elapsed().min(Duration::from_secs(1 << 40)).as_millis()).unwrap_or(i64::MAX))
}
