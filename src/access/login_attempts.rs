//! Throttles password guessing: every attempt is charged before it is checked and refunded if it was right, so that
//! simultaneous attempts cannot all pass.
//!
//! An attempt from a browser with the account's device cookie is charged to that device only. Any other is charged to the
//! account, to its network (an IPv4 address, an IPv6 /64) and to the wider network (/24, /48). Accounts are few and each
//! has its own meter; everything else shares fixed-size tables by a keyed hash, so that random names and addresses
//! neither grow the memory nor evict anything.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ahash::RandomState;

use crate::model::Timestamp;

/// Meters for names without an account and for devices; a power of two.
const SMALL_TABLE: usize = 1 << 12;
/// Meters for networks; a power of two.
const LARGE_TABLE: usize = 1 << 16;
/// Failures that a network may have, as a multiple of an account's: offices share an address.
const NETWORK_FACTOR: i64 = 3;
/// The same for a wider network.
const WIDE_FACTOR: i64 = 10;

/// Where an attempt comes from.
#[derive(Debug, Clone, Copy)]
pub enum AttemptSource {
    /// A browser with the account's device cookie.
    KnownDevice {
        /// The device's id in the cookie.
        device: u128,
    },
    /// Any other browser.
    Unknown {
        /// The account, or the hash of a name without one.
        account: Account,
        /// The client's address.
        address: IpAddr,
    },
    /// A logged-in user who confirms the password.
    Reauthentication {
        /// The account.
        user: i64,
    },
}

/// The target of an attempt.
#[derive(Debug, Clone, Copy)]
pub enum Account {
    /// A user.
    User(i64),
    /// A name without an account.
    NonExistent(u64),
}

/// One meter that an attempt is charged to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meter {
    User(i64),
    NonExistent(usize),
    Device(usize),
    Network(usize),
    Wide(usize),
}

/// For each meter the time until which it has paid, milliseconds of the steady clock.
#[derive(Debug)]
pub struct LoginThrottle {
    users: HashMap<i64, i64, RandomState>,
    non_existent: Box<[i64]>,
    devices: Box<[i64]>,
    networks: Box<[i64]>,
    wide: Box<[i64]>,
    hasher: RandomState,
    allowed: i64,
    pause_ms: i64,
}

/// A charged attempt; refund it if it was right.
#[derive(Debug)]
pub struct ChargedAttempt([Option<Meter>; 3]);

impl LoginThrottle {
    /// Allows `allowed` wrong attempts at once, and one more every `pause_seconds`.
    pub fn new(allowed: usize, pause_seconds: u64) -> Self {
        Self::with(allowed, pause_seconds, RandomState::new())
    }

    fn with(allowed: usize, pause_seconds: u64, hasher: RandomState) -> Self {
        let table = |size: usize| vec![i64::MIN; size].into_boxed_slice();
        Self {
            users: HashMap::default(),
            non_existent: table(SMALL_TABLE),
            devices: table(SMALL_TABLE),
            networks: table(LARGE_TABLE),
            wide: table(LARGE_TABLE),
            hasher,
            allowed: i64::try_from(allowed.max(1)).unwrap_or(i64::MAX),
            pause_ms: i64::try_from(pause_seconds.saturating_mul(1000)).unwrap_or(i64::MAX).max(1),
        }
    }

    /// The keyed hash of a name, for [`Account::NonExistent`].
    pub fn hash_name(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Charges an attempt to all of its meters.
    ///
    /// # Errors
    /// If one of them is over its allowance; the seconds to wait. None is charged then.
    pub fn charge(&mut self, source: AttemptSource, now: Timestamp) -> Result<ChargedAttempt, u64> {
        let meters = self.meters(source);
        let wait = meters.iter().flatten().map(|meter| self.wait(*meter, now)).max().unwrap_or_default();
        if wait > 0 {
            return Err(wait.unsigned_abs().div_ceil(1000));
        }
        self.drop_idle(now);
        for meter in meters.iter().flatten() {
            let pause = self.pause_ms;
            let until = self.until(*meter);
            *until = (*until).max(now.0).saturating_add(pause);
        }
        Ok(ChargedAttempt(meters))
    }

    /// Refunds a right attempt.
    pub fn refund(&mut self, charged: &ChargedAttempt) {
        let pause = self.pause_ms;
        for meter in charged.0.iter().flatten() {
            let until = self.until(*meter);
            *until = until.saturating_sub(pause);
        }
    }

    fn wait(&mut self, meter: Meter, now: Timestamp) -> i64 {
        let times = match meter {
            Meter::User(_) | Meter::NonExistent(_) | Meter::Device(_) => self.allowed,
            Meter::Network(_) => self.allowed.saturating_mul(NETWORK_FACTOR),
            Meter::Wide(_) => self.allowed.saturating_mul(WIDE_FACTOR),
        };
        let (allowance, pause) = (times.saturating_mul(self.pause_ms), self.pause_ms);
        let owed = (*self.until(meter)).max(now.0).saturating_sub(now.0);
        owed.saturating_add(pause).saturating_sub(allowance).max(0)
    }

    fn until(&mut self, meter: Meter) -> &mut i64 {
        match meter {
            Meter::User(id) => self.users.entry(id).or_insert(i64::MIN),
            Meter::NonExistent(n) => &mut self.non_existent[n],
            Meter::Device(n) => &mut self.devices[n],
            Meter::Network(n) => &mut self.networks[n],
            Meter::Wide(n) => &mut self.wide[n],
        }
    }

    /// Drops meters of users without debt; the number of users bounds the map.
    fn drop_idle(&mut self, now: Timestamp) {
        if self.users.len() > 64 {
            self.users.retain(|_, until| *until > now.0);
        }
    }

    fn meters(&self, source: AttemptSource) -> [Option<Meter>; 3] {
        let slot = |hash: u64, size: usize| usize::try_from(hash % size as u64).unwrap_or_default();
        match source {
            AttemptSource::KnownDevice { device } => {
                [Some(Meter::Device(slot(self.hasher.hash_one(("device", device)), SMALL_TABLE))), None, None]
            }
            AttemptSource::Reauthentication { user } => {
                [Some(Meter::Device(slot(self.hasher.hash_one(("user", user)), SMALL_TABLE))), None, None]
            }
            AttemptSource::Unknown { account, address } => {
                let account = match account {
                    Account::User(id) => Meter::User(id),
                    Account::NonExistent(hash) => Meter::NonExistent(slot(hash, SMALL_TABLE)),
                };
                let network = Meter::Network(slot(self.hasher.hash_one(network(address, 32, 64)), LARGE_TABLE));
                let wide = Meter::Wide(slot(self.hasher.hash_one(wide_network(address)), LARGE_TABLE));
                [Some(account), Some(network), Some(wide)]
            }
        }
    }
}

fn wide_network(address: IpAddr) -> IpAddr {
    network(address, 24, 48)
}

/// The first `v4_bits` or `v6_bits` of an address.
fn network(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & u32::MAX << (32 - v4_bits)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & u128::MAX << (128 - v6_bits)).into(),
    }
}

/// The network of an address for logs and lists: `203.0.113.0/24`, `2001:db8:1::/48`.
#[must_use]
pub fn display_network(address: IpAddr) -> String {
    let wide = wide_network(address);
    format!("{wide}/{}", if wide.is_ipv4() { 24 } else { 48 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn throttle() -> LoginThrottle {
        LoginThrottle::with(3, 60, RandomState::with_seeds(1, 2, 3, 4))
    }

    fn unknown(user: i64, address: &str) -> AttemptSource {
        AttemptSource::Unknown { account: Account::User(user), address: address.parse().unwrap() }
    }

    #[test]
    fn an_account_is_blocked_after_too_many_wrong_attempts_and_recovers() {
        let mut throttle = throttle();
        for _ in 0..3 {
            throttle.charge(unknown(1, "192.0.2.1"), Timestamp(0)).unwrap();
        }
        assert_eq!(throttle.charge(unknown(1, "192.0.2.1"), Timestamp(1)).unwrap_err(), 60);
        assert_eq!(throttle.charge(unknown(1, "198.51.100.7"), Timestamp(0)).unwrap_err(), 60, "from anywhere");
        assert!(throttle.charge(unknown(2, "192.0.2.1"), Timestamp(0)).is_ok(), "another account");
        assert!(throttle.charge(unknown(1, "192.0.2.1"), Timestamp(60_000)).is_ok(), "one more each pause");
        assert!(throttle.charge(unknown(1, "192.0.2.1"), Timestamp(60_000)).is_err());
    }

    #[test]
    fn right_attempts_cost_nothing() {
        let mut throttle = throttle();
        for n in 0..100 {
            let charged = throttle.charge(unknown(1, "192.0.2.1"), Timestamp(n)).unwrap();
            throttle.refund(&charged);
        }
    }

    #[test]
    fn a_network_has_a_limit_over_all_accounts_and_ipv6_counts_by_64_and_48_bits() {
        let mut throttle = throttle();
        let tried = |throttle: &mut LoginThrottle, address: &dyn Fn(i64) -> String| {
            (0..300).filter(|n| throttle.charge(unknown(1000 + n, &address(*n)), Timestamp(0)).is_ok()).count()
        };
        assert_eq!(tried(&mut throttle, &|_| "192.0.2.1".into()), 9, "one address");
        assert_eq!(tried(&mut throttle, &|n| format!("2001:db8:1:2::{n:x}")), 9, "addresses of one /64");
        assert_eq!(tried(&mut throttle, &|n| format!("2001:db8:9:{n:x}::1")), 30, "networks of one /48");
    }

    #[test]
    fn a_known_device_passes_while_the_account_is_attacked_and_has_a_limit_too() {
        let mut throttle = throttle();
        while throttle.charge(unknown(1, "192.0.2.1"), Timestamp(0)).is_ok() {}
        let known = AttemptSource::KnownDevice { device: 7 };
        for _ in 0..3 {
            throttle.charge(known, Timestamp(0)).unwrap();
        }
        assert!(throttle.charge(known, Timestamp(0)).is_err());
    }

    #[test]
    fn random_names_evict_nothing() {
        let mut throttle = throttle();
        while throttle.charge(unknown(1, "192.0.2.1"), Timestamp(0)).is_ok() {}
        for n in 0..100_000_u32 {
            let account = Account::NonExistent(throttle.hash_name(&format!("user{n}@shop.example")));
            let address = IpAddr::V4(Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761)));
            let _ = throttle.charge(AttemptSource::Unknown { account, address }, Timestamp(0));
        }
        assert!(throttle.charge(unknown(1, "203.0.113.1"), Timestamp(0)).is_err(), "still remembered");
        assert!(throttle.users.len() <= 1);
    }

    #[test]
    fn networks_are_shown_without_their_hosts() {
        assert_eq!(display_network("203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(display_network("::ffff:203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(display_network("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::/48");
    }

    proptest! {
        /// For any sequence of attempts on one account, no more pass than the allowance and the time permit.
        #[test]
        fn no_more_pass_than_time_allows(
            steps in prop::collection::vec((0_i64..30_000, any::<u32>(), any::<bool>()), 1..200),
        ) {
            let mut throttle = LoginThrottle::with(5, 10, RandomState::with_seeds(1, 2, 3, 4));
            let (mut now, mut wrong) = (0, 0_i64);
            for (wait, address, right) in steps {
                now += wait;
                let address = IpAddr::V4(Ipv4Addr::from_bits(address));
                let source = AttemptSource::Unknown { account: Account::User(1), address };
                if let Ok(charged) = throttle.charge(source, Timestamp(now)) {
                    if right { throttle.refund(&charged) } else { wrong += 1 }
                }
                prop_assert!(wrong <= 5 + now / 10_000, "{wrong} after {now} ms");
            }
        }
    }
}
