//! Device cookies: a signed id in a long-lived cookie, set after a login, by which an account recognizes a browser.
//!
//! They grant no access. They only give the browser its own allowance of login attempts, so that attackers cannot lock a
//! user out by guessing. Format `USER.DEVICE.DAY.MAC`, all but the first hexadecimal.

use crate::model::{Timestamp, signature};

/// Lifetime of a device cookie after the last login, days; browsers keep no cookie longer.
pub const DEVICE_DAYS: i64 = 400;
const DAY_MS: i64 = 86_400_000;

/// Signs and verifies device cookies.
#[derive(Debug, Clone)]
pub struct Devices {
    key: signature::DerivedKey,
}

impl Devices {
    /// Derives the key from the installation's secret.
    pub fn new(secret: &str) -> Self {
        Self { key: signature::DerivedKey::new("ashna known devices v1", secret) }
    }

    /// The cookie's value after a login; `device` is the browser's present id, or a new one.
    pub fn issue(&self, user: i64, device: u128, now: Timestamp) -> String {
        let body = format!("{user}.{device:032x}.{:x}", now.0.div_euclid(DAY_MS));
        let mac = self.key.mac(&body);
        format!("{body}.{}", mac.to_hex())
    }

    /// The device id, if the cookie is valid, the user's and not expired.
    pub fn verify(&self, cookie: &str, user: i64, now: Timestamp) -> Option<u128> {
        if cookie.len() > 200 {
            return None;
        }
        let (body, mac) = cookie.rsplit_once('.')?;
        let given = blake3::Hash::from_hex(mac).ok()?;
        if !signature::is_equal(self.key.mac(body).as_bytes(), given.as_bytes()) {
            return None;
        }
        let mut parts = body.split('.');
        let (owner, device, day) = (parts.next()?, parts.next()?, parts.next()?);
        let age = now.0.div_euclid(DAY_MS) - i64::from_str_radix(day, 16).ok()?;
        let is_valid = owner.parse() == Ok(user) && age <= DEVICE_DAYS;
        is_valid.then(|| u128::from_str_radix(device, 16).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_cookie_is_valid_for_its_user_until_it_expires() {
        let devices = Devices::new("secret");
        let now = Timestamp(1_800_000_000_000);
        let cookie = devices.issue(7, 0xab, now);
        assert_eq!(devices.verify(&cookie, 7, now), Some(0xab));
        assert_eq!(devices.verify(&cookie, 7, now.plus(400 * DAY_MS)), Some(0xab));
        assert_eq!(devices.verify(&cookie, 7, now.plus(401 * DAY_MS)), None);
        assert_eq!(devices.verify(&cookie, 8, now), None, "another user's");
        assert_eq!(Devices::new("other").verify(&cookie, 7, now), None, "another installation's");
        for forged in ["", "7", "7.ab.1", &cookie.replacen('7', "8", 1), &format!("{cookie}0"), &"x".repeat(500)] {
            assert_eq!(devices.verify(forged, 7, now), None, "{forged}");
        }
    }
}
