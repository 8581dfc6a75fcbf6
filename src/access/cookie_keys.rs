//! Keys that sign visitor cookies: created once, rotated by the owner, stored in the control database.
//!
//! Stored as `KEY,KEY:RETIRED_AT,…`, the newest first, times in milliseconds. A retired key verifies for the lifetime of a
//! cookie that it signed on its last day.

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
/// Each key makes the check of a foreign cookie a little more expensive.
const KEYS_MAX: usize = 64;

/// The keys in use.
#[derive(Debug)]
pub(super) struct CookieKeys {
    current: ArcSwap<Keys>,
}

/// A stored key.
#[derive(Debug, Clone, PartialEq, Eq)]
struct StoredKey {
    secret: String,
    retired_at: Option<Timestamp>,
}

/// The result of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRotation {
    /// Number of keys that verify now, including the new one.
    pub keys: usize,
}

impl CookieKeys {
    /// Loads the keys; creates the first one if there is none.
    pub(super) async fn load(control: &Control) -> Result<Self, ControlError> {
        let text = control.setting(SETTING, || new_secret("")).await?;
        Ok(Self { current: ArcSwap::from_pointee(signing_keys(&parse(&text))) })
    }

    pub(super) fn current(&self) -> Arc<Keys> {
        self.current.load_full()
    }

    /// Signs with a new key from now on. Old keys still verify unless `revoke_old` is true.
    pub(super) async fn rotate(
        &self,
        control: &Control,
        revoke_old: bool,
        now: Timestamp,
    ) -> Result<KeyRotation, ControlError> {
        let old = parse(&control.setting(SETTING, || new_secret("")).await?);
        let next = rotate(if revoke_old { Vec::new() } else { old }, new_secret(""), now);
        control.put_setting(SETTING, &format(&next)).await?;
        self.current.store(Arc::new(signing_keys(&next)));
        Ok(KeyRotation { keys: next.len() })
    }
}

fn rotate(old: Vec<StoredKey>, secret: String, now: Timestamp) -> Vec<StoredKey> {
    let retired = old.into_iter().map(|key| StoredKey { retired_at: key.retired_at.or(Some(now)), ..key });
    let alive = retired.filter(|key| key.retired_at.is_none_or(|at| now.since(at) <= LIFE_MS));
    [StoredKey { secret, retired_at: None }].into_iter().chain(alive).take(KEYS_MAX).collect()
}

fn parse(text: &str) -> Vec<StoredKey> {
    let parse_key = |part: &str| match part.split_once(':') {
        Some((secret, at)) => StoredKey { secret: secret.into(), retired_at: at.parse().ok().map(Timestamp) },
        None => StoredKey { secret: part.into(), retired_at: None },
    };
    text.split(',').filter(|part| !part.is_empty()).map(parse_key).collect()
}

fn format(keys: &[StoredKey]) -> String {
    let format_key = |key: &StoredKey| match key.retired_at {
        Some(at) => format!("{}:{}", key.secret, at.0),
        None => key.secret.clone(),
    };
    keys.iter().map(format_key).collect::<Vec<_>>().join(",")
}

fn signing_keys(stored: &[StoredKey]) -> Keys {
    Keys::new(stored.iter().map(|key| key.secret.as_bytes().into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000;

    #[test]
    fn a_retired_key_verifies_for_the_lifetime_of_its_last_cookie() {
        let mut keys = parse("first");
        for (day, secret) in [(0, "second"), (300, "third"), (400, "fourth"), (401, "fifth")] {
            keys = rotate(keys, secret.into(), Timestamp(day * DAY));
        }
        let names: Vec<_> = keys.iter().map(|key| key.secret.as_str()).collect();
        assert_eq!(names, ["fifth", "fourth", "third", "second"], "the first was retired 401 days ago");
        assert_eq!(parse(&format(&keys)), keys);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let keys = (0..200).fold(parse("k"), |keys, n| rotate(keys, n.to_string(), Timestamp(n)));
        assert_eq!((keys.len(), keys[0].secret.as_str()), (KEYS_MAX, "199"));
    }
}
