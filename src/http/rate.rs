//! Rate limits for events, decisions and requests, by site and by client address, where the owner sets them.
//!
//! Each meter stores one number, the moment until which everything it let pass is paid for (the generic cell rate
//! algorithm, GCRA): a request passes while that moment lies at most `burst_seconds` ahead, and then pays for all its
//! events at once. So a batch larger than the burst passes too, and is paid for afterwards.

use std::{
    collections::HashMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use ahash::RandomState;
use parking_lot::{Mutex, MutexGuard};

use crate::{
    config,
    model::{Site, SiteId},
};

const SHARDS: usize = 64;
const NANOS: u64 = 1_000_000_000;
/// Sites are few; their meters are never dropped before there are so many.
const SITES_MAX: usize = 1 << 20;

/// The meters of all sites and addresses.
#[derive(Debug)]
pub struct RateLimiter {
    settings: config::Rate,
    started: Instant,
    hasher: RandomState,
    site_events: Meters,
    address_events: Meters,
    /// Decisions and recommendations: one per request.
    site_decisions: Meters,
    address_decisions: Meters,
    /// Requests to the private API.
    address_requests: Meters,
}

/// A request over its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimited {
    /// Which limit, as the metrics name it.
    pub reason: &'static str,
    /// When to try again, seconds, at least 1.
    pub retry_after: u64,
}

impl RateLimited {
    fn new(reason: &'static str, wait: Duration) -> Self {
        // Rounded up, so that a retry after whole seconds passes.
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { reason, retry_after: seconds.max(1) }
    }
}

impl RateLimiter {
    /// With all meters empty.
    #[must_use]
    pub fn new(settings: &config::Rate) -> Self {
        Self {
            settings: settings.clone(),
            started: Instant::now(),
            hasher: RandomState::new(),
            site_events: Meters::new(SITES_MAX),
            address_events: Meters::new(settings.addresses_max),
            site_decisions: Meters::new(SITES_MAX),
            address_decisions: Meters::new(settings.addresses_max),
            address_requests: Meters::new(settings.addresses_max),
        }
    }

    /// Charges a site for events, at its own limit or the default one.
    ///
    /// # Errors
    /// When the site is over its limit.
    pub fn charge_site_events(&self, site: &Site, events: u64) -> Result<(), RateLimited> {
        let own = site.events_per_second_max;
        let per_second = if own > 0 { own } else { self.settings.site_events_per_second };
        // A changed limit uses another meter, so debt under the old limit is dropped.
        let key = u64::from(per_second) << 32 | u64::from(site.id.0);
        self.charge(&self.site_events, key, per_second, events).map_err(|wait| RateLimited::new("rate_site", wait))
    }

    /// Charges an address for events. The address is computed only where a limit is set, here and below.
    ///
    /// # Errors
    /// When the address is over its limit.
    pub fn charge_address_events(&self, address: impl FnOnce() -> IpAddr, events: u64) -> Result<(), RateLimited> {
        let per_second = self.settings.address_events_per_second;
        self.charge_address(&self.address_events, address, per_second, events)
            .map_err(|wait| RateLimited::new("rate_address", wait))
    }

    /// Adds events that were let pass already to what an address has to pay.
    pub fn add_address_events(&self, address: impl FnOnce() -> IpAddr, events: u64) {
        let per_second = self.settings.address_events_per_second;
        if per_second > 0 && events > 0 {
            self.address_events.add(self.hasher.hash_one(network_of(address())), &self.rate(per_second), events);
        }
    }

    /// Charges a site for one decision or recommendation.
    ///
    /// # Errors
    /// When the site is over its limit.
    pub fn charge_site_decision(&self, site: SiteId) -> Result<(), RateLimited> {
        let per_second = self.settings.site_decisions_per_second;
        self.charge(&self.site_decisions, u64::from(site.0), per_second, 1)
            .map_err(|wait| RateLimited::new("rate_site_decisions", wait))
    }

    /// Charges an address for one decision or recommendation.
    ///
    /// # Errors
    /// When the address is over its limit.
    pub fn charge_address_decision(&self, address: impl FnOnce() -> IpAddr) -> Result<(), RateLimited> {
        let per_second = self.settings.address_decisions_per_second;
        self.charge_address(&self.address_decisions, address, per_second, 1)
            .map_err(|wait| RateLimited::new("rate_address_decisions", wait))
    }

    /// Charges an address for one request to the private API.
    ///
    /// # Errors
    /// When the address is over its limit.
    pub fn charge_address_request(&self, address: impl FnOnce() -> IpAddr) -> Result<(), RateLimited> {
        let per_second = self.settings.address_requests_per_second;
        self.charge_address(&self.address_requests, address, per_second, 1)
            .map_err(|wait| RateLimited::new("rate_address_requests", wait))
    }

    fn charge_address(
        &self,
        meters: &Meters,
        address: impl FnOnce() -> IpAddr,
        per_second: u32,
        events: u64,
    ) -> Result<(), Duration> {
        if per_second == 0 {
            return Ok(());
        }
        self.charge(meters, self.hasher.hash_one(network_of(address())), per_second, events)
    }

    /// Charges one meter; a limit of 0 means none.
    fn charge(&self, meters: &Meters, key: u64, per_second: u32, events: u64) -> Result<(), Duration> {
        if per_second == 0 {
            return Ok(());
        }
        meters.charge(key, &self.rate(per_second), events)
    }

    fn rate(&self, per_second: u32) -> Rate {
        let now = u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let burst = u64::from(self.settings.burst_seconds).saturating_mul(NANOS);
        Rate { per_event: NANOS / u64::from(per_second), burst, now }
    }
}

/// One subscriber: an IPv4 address, or the 64 bits of an IPv6 network.
fn network_of(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX),
    }
}

/// The cost of one event, the largest debt at which a request passes, and the time; nanoseconds.
#[derive(Debug)]
struct Rate {
    per_event: u64,
    burst: u64,
    now: u64,
}

/// Until when each key has paid, bounded in number.
#[derive(Debug)]
struct Meters {
    shards: [Mutex<Shard>; SHARDS],
    keys_max: usize,
}

#[derive(Debug, Default)]
struct Shard {
    paid_until: HashMap<u64, u64, RandomState>,
    /// When idle keys were last searched for, which scans all of them.
    swept: u64,
}

impl Meters {
    fn new(keys_max: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), keys_max: keys_max.div_ceil(SHARDS).max(1) }
    }

    /// Charges `events` to a key, or returns how long to wait.
    fn charge(&self, key: u64, rate: &Rate, events: u64) -> Result<(), Duration> {
        let mut shard = self.shard(key);
        let ahead = shard.paid_until.get(&key).map_or(0, |paid_until| paid_until.saturating_sub(rate.now));
        if ahead > rate.burst {
            return Err(Duration::from_nanos(ahead - rate.burst));
        }
        shard.add(key, rate, events, self.keys_max);
        Ok(())
    }

    /// Adds `events` to what a key has to pay, also beyond its burst.
    fn add(&self, key: u64, rate: &Rate, events: u64) {
        self.shard(key).add(key, rate, events, self.keys_max);
    }

    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        self.shards[usize::try_from(key % SHARDS as u64).unwrap_or_default()].lock()
    }
}

impl Shard {
    fn add(&mut self, key: u64, rate: &Rate, events: u64, keys_max: usize) {
        let known = self.paid_until.get(&key).copied();
        if known.is_none() && self.paid_until.len() >= keys_max {
            self.make_space(rate.now);
        }
        let paid_until = known.unwrap_or(0).max(rate.now);
        self.paid_until.insert(key, paid_until.saturating_add(rate.per_event.saturating_mul(events)));
    }

    /// Drops keys without debt, which changes nothing for them; if all have debt, any one key.
    fn make_space(&mut self, now: u64) {
        let full = self.paid_until.len();
        if now.saturating_sub(self.swept) >= NANOS {
            self.swept = now;
            self.paid_until.retain(|_, paid_until| *paid_until > now);
        }
        if self.paid_until.len() == full
            && let Some(key) = self.paid_until.keys().next().copied()
        {
            self.paid_until.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: f64) -> Rate {
        Rate {
            per_event: NANOS / 10,
            burst: 2 * NANOS,
            now: Duration::from_secs_f64(seconds).as_nanos().try_into().unwrap(),
        }
    }

    #[test]
    fn a_burst_passes_then_the_rate_applies_and_the_error_says_how_long_to_wait() {
        let meters = Meters::new(10);
        // Ten per second, two seconds' worth at once: the twenty-first is the last that passes.
        assert!((0..21).all(|_| meters.charge(1, &at(0.0), 1).is_ok()));
        assert_eq!(meters.charge(1, &at(0.0), 1), Err(Duration::from_millis(100)));
        assert_eq!(meters.charge(2, &at(0.0), 1), Ok(()), "other keys are not affected");
        assert_eq!(meters.charge(1, &at(0.1), 1), Ok(()));
        assert_eq!(meters.charge(1, &at(0.15), 1), Err(Duration::from_millis(50)));
        assert_eq!(meters.charge(1, &at(60.0), 1), Ok(()));
    }

    #[test]
    fn a_batch_larger_than_the_burst_passes_and_is_paid_afterwards() {
        let meters = Meters::new(10);
        assert_eq!(meters.charge(1, &at(0.0), 100), Ok(()));
        assert_eq!(meters.charge(1, &at(1.0), 1), Err(Duration::from_secs(7)));
        assert_eq!(meters.charge(1, &at(8.0), 100), Ok(()));
    }

    #[test]
    fn the_rest_of_a_batch_is_paid_even_when_the_burst_is_used_up() {
        let meters = Meters::new(10);
        // The last that passes, and 99 more events of the same request.
        assert!((0..21).all(|_| meters.charge(1, &at(0.0), 1).is_ok()));
        meters.add(1, &at(0.0), 99);
        assert_eq!(meters.charge(1, &at(1.0), 1), Err(Duration::from_secs(9)));
    }

    #[test]
    fn memory_is_bounded_for_any_number_of_keys() {
        let meters = Meters::new(SHARDS * 4);
        for key in 0..10_000 {
            assert_eq!(meters.charge(key, &at(0.0), 1000), Ok(()));
        }
        let held: usize = meters.shards.iter().map(|shard| shard.lock().paid_until.len()).sum();
        assert!(held <= SHARDS * 4, "{held}");
    }

    #[test]
    fn an_ipv6_network_is_one_subscriber() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("1.2.3.4"), network("1.2.3.5"));
    }

    proptest! {
        /// For any sequence of requests, no more pass than the burst, the rate and the last batch allow.
        #[test]
        fn no_more_passes_than_is_allowed(steps in prop::collection::vec((0..500_u32, 1..8_u64), 1..200)) {
            let (meters, mut now, mut passed, mut last) = (Meters::new(10), 0.0, 0, 0);
            for (milliseconds, events) in steps {
                now += f64::from(milliseconds) / 1000.0;
                if meters.charge(1, &at(now), events).is_ok() {
                    passed += events;
                    last = events;
                }
            }
            prop_assert!((passed - last) as f64 <= 20.0 + 10.0 * now + 1.0, "{passed} within {now} s");
        }
    }
}
