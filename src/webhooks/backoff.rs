//! When a failed call is sent again. No I/O.

use crate::{config, model::Timestamp};

/// The pause after so many failed attempts, milliseconds: doubled each time, and shortened by up to a quarter, so that
/// calls that failed together are not all repeated at the same moment. `random` is any number.
pub fn pause_ms(attempts: u32, random: u16, config: &config::Webhooks) -> i64 {
    let doubled = config.retry_backoff_ms.saturating_mul(1 << attempts.saturating_sub(1).min(40));
    let pause = doubled.min(config.retry_backoff_max_ms);
    let cut = (pause / 4).saturating_mul(u64::from(random)) / u64::from(u16::MAX);
    i64::try_from(pause - cut).unwrap_or(i64::MAX)
}

/// When to send a call again after its failed attempt at `now`; `None` if that was its last one. The last attempt is at
/// the end of the time, not before it.
pub fn next_attempt(
    attempts: u32,
    (now, give_up_at): (Timestamp, Timestamp),
    random: u16,
    config: &config::Webhooks,
) -> Option<Timestamp> {
    let next = now.plus(pause_ms(attempts, random, config).max(1));
    (now < give_up_at).then(|| next.min(give_up_at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn attempts_go_on_for_three_days_with_growing_pauses() {
        let config = Config::defaults().webhooks;
        let (mut now, give_up_at) = (Timestamp(0), Timestamp(259_200_000));
        let (mut attempts, mut last_pause) = (0, 0);
        loop {
            attempts += 1;
            let Some(next) = next_attempt(attempts, (now, give_up_at), 0, &config) else { break };
            let pause = next.since(now);
            assert!(pause >= last_pause || next == give_up_at, "attempt {attempts} after {pause} ms");
            (now, last_pause) = (next, pause);
        }
        assert_eq!(now, give_up_at, "the last attempt is at the end");
        assert!((20..30).contains(&attempts), "{attempts}");
    }

    #[test]
    fn randomness_shortens_a_pause_by_up_to_a_quarter_and_nothing_overflows() {
        let config = Config::defaults().webhooks;
        assert_eq!(pause_ms(1, 0, &config), 5000);
        assert_eq!(pause_ms(1, u16::MAX, &config), 3750);
        assert_eq!(pause_ms(u32::MAX, 0, &config), 21_600_000);
    }
}
