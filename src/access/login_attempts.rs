//! How often a password may be guessed: every attempt is paid for before it is looked at, and given back when
//! it was right. So attempts that come at the same moment cannot all pass.
//!
//! One who comes from a browser that is known to the account pays from that browser's own allowance alone. Anyone
//! else pays from the account's, from their network's (an IPv4 address, an IPv6 /64) and from that of the wider
//! network (/24, /48). Accounts are few and each has a meter of its own; everything else shares tables of fixed
//! size by a keyed hash, so that invented names and addresses neither grow the memory nor push anything out of it.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ahash::RandomState;

use crate::model::Timestamp;

/// Meters for invented names and for browsers; a power of two.
const FEW: usize = 1 << 12;
/// Meters for networks; a power of two.
const MANY: usize = 1 << 16;
/// How many times as many failures a network may have as one account: offices share an address.
const NETWORK_FACTOR: i64 = 3;
/// The same of a wider network.
const WIDE_FACTOR: i64 = 10;

/// Who tries.
#[derive(Debug, Clone, Copy)]
pub enum Attempt {
    /// From a browser that the account's user logged in with before.
    Known {
        /// The browser's number in its signed cookie.
        device: u128,
    },
    /// From anywhere else.
    Unknown {
        /// The account, or the hash of a name that has none.
        account: Account,
        /// Where it comes from.
        from: IpAddr,
    },
    /// A user who is logged in and gives the password again.
    Confirming {
        /// The account.
        user: i64,
    },
}

/// What is guessed at.
#[derive(Debug, Clone, Copy)]
pub enum Account {
    /// A user.
    User(i64),
    /// A name without an account.
    Invented(u64),
}

/// One meter that an attempt pays from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meter {
    User(i64),
    Invented(usize),
    Device(usize),
    Network(usize),
    Wide(usize),
}

/// Until when each meter has paid, milliseconds of the steady clock.
#[derive(Debug)]
pub struct Guesses {
    users: HashMap<i64, i64, RandomState>,
    invented: Box<[i64]>,
    devices: Box<[i64]>,
    networks: Box<[i64]>,
    wide: Box<[i64]>,
    hasher: RandomState,
    allowed: i64,
    pause_ms: i64,
}

/// An attempt that was paid for. Give it back when it was right.
#[derive(Debug)]
pub struct Reserved([Option<Meter>; 3]);

impl Guesses {
    /// `allowed` wrong attempts pass at once; one more each `pause_seconds` after that.
    pub fn new(allowed: usize, pause_seconds: u64) -> Self {
        Self::with(allowed, pause_seconds, RandomState::new())
    }

    fn with(allowed: usize, pause_seconds: u64, hasher: RandomState) -> Self {
        let table = |size: usize| vec![i64::MIN; size].into_boxed_slice();
        Self {
            users: HashMap::default(),
            invented: table(FEW),
            devices: table(FEW),
            networks: table(MANY),
            wide: table(MANY),
            hasher,
            allowed: i64::try_from(allowed.max(1)).unwrap_or(i64::MAX),
            pause_ms: i64::try_from(pause_seconds.saturating_mul(1000)).unwrap_or(i64::MAX).max(1),
        }
    }

    /// The keyed hash of a name, for [`Account::Invented`].
    pub fn name(&self, name: &str) -> u64 {
        self.hasher.hash_one(name)
    }

    /// Pays for an attempt from all of its meters, or from none: then the answer is in how many seconds to try again.
    pub fn reserve(&mut self, attempt: Attempt, now: Timestamp) -> Result<Reserved, u64> {
        let meters = self.meters(attempt);
        let paying = meters.iter().flatten();
        let wait = paying.map(|meter| self.wait(*meter, now)).max().unwrap_or_default();
        if wait > 0 {
            return Err(wait.unsigned_abs().div_ceil(1000));
        }
        self.drop_idle(now);
        for meter in meters.iter().flatten() {
            let pause = self.pause_ms;
            let until = self.until(*meter);
            *until = (*until).max(now.0).saturating_add(pause);
        }
        Ok(Reserved(meters))
    }

    /// Gives back what a right attempt paid.
    pub fn give_back(&mut self, reserved: &Reserved) {
        let pause = self.pause_ms;
        for meter in reserved.0.iter().flatten() {
            let until = self.until(*meter);
            *until = until.saturating_sub(pause);
        }
    }

    fn wait(&mut self, meter: Meter, now: Timestamp) -> i64 {
        let times = match meter {
            Meter::User(_) | Meter::Invented(_) | Meter::Device(_) => self.allowed,
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
            Meter::Invented(n) => &mut self.invented[n],
            Meter::Device(n) => &mut self.devices[n],
            Meter::Network(n) => &mut self.networks[n],
            Meter::Wide(n) => &mut self.wide[n],
        }
    }

    /// Users who owe nothing need no meter; their number bounds the map.
    fn drop_idle(&mut self, now: Timestamp) {
        if self.users.len() > 64 {
            self.users.retain(|_, until| *until > now.0);
        }
    }

    fn meters(&self, attempt: Attempt) -> [Option<Meter>; 3] {
        let slot = |hash: u64, size: usize| usize::try_from(hash % size as u64).unwrap_or_default();
        match attempt {
            Attempt::Known { device } => {
                [Some(Meter::Device(slot(self.hasher.hash_one(("device", device)), FEW))), None, None]
            }
            Attempt::Confirming { user } => {
                [Some(Meter::Device(slot(self.hasher.hash_one(("user", user)), FEW))), None, None]
            }
            Attempt::Unknown { account, from } => {
                let account = match account {
                    Account::User(id) => Meter::User(id),
                    Account::Invented(hash) => Meter::Invented(slot(hash, FEW)),
                };
                let network = Meter::Network(slot(self.hasher.hash_one(network(from, 32, 64)), MANY));
                let wide = Meter::Wide(slot(self.hasher.hash_one(network_wide(from)), MANY));
                [Some(account), Some(network), Some(wide)]
            }
        }
    }
}

fn network_wide(address: IpAddr) -> IpAddr {
    network(address, 24, 48)
}

/// An address without what lies beyond so many bits of its version.
fn network(address: IpAddr, v4_bits: u32, v6_bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & u32::MAX << (32 - v4_bits)).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & u128::MAX << (128 - v6_bits)).into(),
    }
}

/// The network of an address as logs and lists show it: `203.0.113.0/24`, `2001:db8:1::/48`.
#[must_use]
pub fn shown_network(address: IpAddr) -> String {
    let wide = network_wide(address);
    format!("{wide}/{}", if wide.is_ipv4() { 24 } else { 48 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn guesses() -> Guesses {
        Guesses::with(3, 60, RandomState::with_seeds(1, 2, 3, 4))
    }

    fn unknown(user: i64, from: &str) -> Attempt {
        Attempt::Unknown { account: Account::User(user), from: from.parse().unwrap() }
    }

    #[test]
    fn an_account_waits_after_too_many_wrong_attempts_and_is_free_again_later() {
        let mut all = guesses();
        for _ in 0..3 {
            all.reserve(unknown(1, "192.0.2.1"), Timestamp(0)).unwrap();
        }
        assert_eq!(all.reserve(unknown(1, "192.0.2.1"), Timestamp(1)).unwrap_err(), 60);
        assert_eq!(all.reserve(unknown(1, "198.51.100.7"), Timestamp(0)).unwrap_err(), 60, "from anywhere");
        assert!(all.reserve(unknown(2, "192.0.2.1"), Timestamp(0)).is_ok(), "another account");
        assert!(all.reserve(unknown(1, "192.0.2.1"), Timestamp(60_000)).is_ok(), "one more each pause");
        assert!(all.reserve(unknown(1, "192.0.2.1"), Timestamp(60_000)).is_err());
    }

    #[test]
    fn right_attempts_cost_nothing() {
        let mut all = guesses();
        for n in 0..100 {
            let reserved = all.reserve(unknown(1, "192.0.2.1"), Timestamp(n)).unwrap();
            all.give_back(&reserved);
        }
    }

    #[test]
    fn a_network_has_a_bound_of_its_own_over_all_accounts_and_ipv6_counts_by_64_and_48_bits() {
        let mut all = guesses();
        let tried = |all: &mut Guesses, address: &dyn Fn(i64) -> String| {
            (0..300).filter(|n| all.reserve(unknown(1000 + n, &address(*n)), Timestamp(0)).is_ok()).count()
        };
        assert_eq!(tried(&mut all, &|_| "192.0.2.1".into()), 9, "one address");
        assert_eq!(tried(&mut all, &|n| format!("2001:db8:1:2::{n:x}")), 9, "addresses of one /64");
        assert_eq!(tried(&mut all, &|n| format!("2001:db8:9:{n:x}::1")), 30, "networks of one /48");
    }

    #[test]
    fn a_known_browser_gets_in_while_the_account_is_attacked_and_has_a_bound_too() {
        let mut all = guesses();
        while all.reserve(unknown(1, "192.0.2.1"), Timestamp(0)).is_ok() {}
        let known = Attempt::Known { device: 7 };
        for _ in 0..3 {
            all.reserve(known, Timestamp(0)).unwrap();
        }
        assert!(all.reserve(known, Timestamp(0)).is_err());
    }

    #[test]
    fn invented_names_push_nothing_out() {
        let mut all = guesses();
        while all.reserve(unknown(1, "192.0.2.1"), Timestamp(0)).is_ok() {}
        for n in 0..100_000_u32 {
            let account = Account::Invented(all.name(&format!("nobody{n}@shop.example")));
            let from = IpAddr::V4(Ipv4Addr::from_bits(n.wrapping_mul(2_654_435_761)));
            let _ = all.reserve(Attempt::Unknown { account, from }, Timestamp(0));
        }
        assert!(all.reserve(unknown(1, "203.0.113.1"), Timestamp(0)).is_err(), "still remembered");
        assert!(all.users.len() <= 1);
    }

    #[test]
    fn networks_are_shown_without_their_hosts() {
        assert_eq!(shown_network("203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(shown_network("::ffff:203.0.113.77".parse().unwrap()), "203.0.113.0/24");
        assert_eq!(shown_network("2001:db8:1:2::3".parse().unwrap()), "2001:db8:1::/48");
    }

    proptest! {
        /// Whatever comes when, of one account no more pass than were allowed at once and became free since.
        #[test]
        fn no_more_pass_than_time_allows(
            steps in prop::collection::vec((0_i64..30_000, any::<u32>(), any::<bool>()), 1..200),
        ) {
            let mut all = Guesses::with(5, 10, RandomState::with_seeds(1, 2, 3, 4));
            let (mut now, mut wrong) = (0, 0_i64);
            for (wait, from, right) in steps {
                now += wait;
                let from = IpAddr::V4(Ipv4Addr::from_bits(from));
                let attempt = Attempt::Unknown { account: Account::User(1), from };
                if let Ok(reserved) = all.reserve(attempt, Timestamp(now)) {
                    if right { all.give_back(&reserved) } else { wrong += 1 }
                }
                prop_assert!(wrong <= 5 + now / 10_000, "{wrong} after {now} ms");
            }
        }
    }
}
