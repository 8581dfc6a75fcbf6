//! Browsers that are known to an account: a signed number in a cookie that lasts, set after a login.
//!
//! It opens nothing. It only gives its browser an allowance of its own for attempts to log in, so that nobody
//! can lock a user out by guessing. Written `USER.DEVICE.DAY.MAC`, all but the first hexadecimal.

use subtle::ConstantTimeEq;

use crate::model::Timestamp;

/// How long a browser stays known after its last login, days; browsers keep no cookie longer.
pub const DEVICE_DAYS: i64 = 400;
const DAY_MS: i64 = 86_400_000;

/// Signs and verifies.
#[derive(Clone)]
pub struct Devices {
    key: [u8; 32],
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Devices")
    }
}

impl Devices {
    /// With the installation's secret.
    pub fn new(secret: &str) -> Self {
        Self { key: blake3::derive_key("ashna known devices v1", secret.as_bytes()) }
    }

    /// The cookie's value for a browser in which a user logged in now; `device` is the number it had, or a new one.
    pub fn issue(&self, user: i64, device: u128, now: Timestamp) -> String {
        let body = format!("{user}.{device:032x}.{:x}", now.0.div_euclid(DAY_MS));
        let mac = self.mac(&body);
        format!("{body}.{}", mac.to_hex())
    }

    /// The number of the browser, if the cookie is ours, the user's and not too old.
    pub fn verify(&self, cookie: &str, user: i64, now: Timestamp) -> Option<u128> {
        if cookie.len() > 200 {
            return None;
        }
        let (body, mac) = cookie.rsplit_once('.')?;
        let given = blake3::Hash::from_hex(mac).ok()?;
        if !bool::from(given.as_bytes().ct_eq(self.mac(body).as_bytes())) {
            return None;
        }
        let mut parts = body.split('.');
        let (whose, device, day) = (parts.next()?, parts.next()?, parts.next()?);
        let age = now.0.div_euclid(DAY_MS) - i64::from_str_radix(day, 16).ok()?;
        let holds = whose.parse() == Ok(user) && age <= DEVICE_DAYS;
        holds.then(|| u128::from_str_radix(device, 16).ok()).flatten()
    }

    fn mac(&self, body: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.key, body.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_known_to_its_own_user_for_its_time() {
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
