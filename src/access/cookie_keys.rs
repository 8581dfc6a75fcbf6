//! Keys that sign visitor cookies: made once, rotated by the owner, kept in the control database.
//!
//! Stored as `KEY,KEY:RETIRED_AT,…`, the newest first, times in milliseconds. A retired key verifies for
//! as long as a cookie that it signed on its last day may live.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::new_secret;
use crate::{
    control::{Control, ControlError},
    ingest::identify::{COOKIE_DAYS, Keys},
    model::Timestamp,
};

const SETTING: &str = "cookie_keys";
const LIFE_MS: i64 = COOKIE_DAYS * 86_400_000;
/// Each makes the check of a foreign cookie a little dearer.
const KEYS_MAX: usize = 64;

/// The keys in use.
#[derive(Debug)]
pub(super) struct CookieKeys {
    current: ArcSwap<Keys>,
}

/// One key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    secret: String,
    retired_at: Option<Timestamp>,
}

/// What a rotation left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotated {
    /// Keys that verify from now on, the new one included.
    pub keys: usize,
}

impl CookieKeys {
    /// Reads the keys; makes the first one when there is none.
    pub(super) async fn load(control: &Control) -> Result<Self, ControlError> {
        let text = control.setting(SETTING, || new_secret("")).await?;
        Ok(Self { current: ArcSwap::from_pointee(keys(&read(&text))) })
    }

    pub(super) fn current(&self) -> Arc<Keys> {
        self.current.load_full()
    }

    /// Signs with a new key from now on. The old ones go on verifying unless they are to be `forgotten`.
    pub(super) async fn rotate(
        &self,
        control: &Control,
        forgotten: bool,
        now: Timestamp,
    ) -> Result<Rotated, ControlError> {
        let old = read(&control.setting(SETTING, || new_secret("")).await?);
        let next = rotated(if forgotten { Vec::new() } else { old }, new_secret(""), now);
        control.put_setting(SETTING, &write(&next)).await?;
        self.current.store(Arc::new(keys(&next)));
        Ok(Rotated { keys: next.len() })
    }
}

fn rotated(old: Vec<Stored>, secret: String, now: Timestamp) -> Vec<Stored> {
    let retired = old.into_iter().map(|key| Stored { retired_at: key.retired_at.or(Some(now)), ..key });
    let alive = retired.filter(|key| key.retired_at.is_none_or(|at| now.since(at) <= LIFE_MS));
    [Stored { secret, retired_at: None }].into_iter().chain(alive).take(KEYS_MAX).collect()
}

fn read(text: &str) -> Vec<Stored> {
    let one = |part: &str| match part.split_once(':') {
        Some((secret, at)) => Stored { secret: secret.into(), retired_at: at.parse().ok().map(Timestamp) },
        None => Stored { secret: part.into(), retired_at: None },
    };
    text.split(',').filter(|part| !part.is_empty()).map(one).collect()
}

fn write(keys: &[Stored]) -> String {
    let one = |key: &Stored| match key.retired_at {
        Some(at) => format!("{}:{}", key.secret, at.0),
        None => key.secret.clone(),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(",")
}

fn keys(stored: &[Stored]) -> Keys {
    Keys::new(stored.iter().map(|key| key.secret.as_bytes().into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_retired_key_verifies_as_long_as_its_last_cookie_lives() {
        let mut keys = read("first");
        for (day, secret) in [(0, "second"), (300, "third"), (400, "fourth"), (401, "fifth")] {
            keys = rotated(keys, secret.into(), Timestamp(day * DAY));
        }
        let names: Vec<_> = keys.iter().map(|key| key.secret.as_str()).collect();
        assert_eq!(names, ["fifth", "fourth", "third", "second"], "the first was retired 401 days ago");
        assert_eq!(read(&write(&keys)), keys);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let keys = (0..200).fold(read("k"), |keys, n| rotated(keys, n.to_string(), Timestamp(n)));
        assert_eq!((keys.len(), keys[0].secret.as_str()), (KEYS_MAX, "199"));
    }
}
