//! How many events and requests one site and one address may send, where the owner limits them.
//!
//! Each is metered by one number, the moment until which what it sent is paid for (the generic cell rate
//! algorithm): a request passes while that moment lies at most `burst_seconds` ahead, and then pays for
//! all its events at once. So a batch larger than the burst passes too, and is paid for afterwards.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use ahash::RandomState;
use axum::{
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{collect::refuse, connection, error::ApiError, state::AppState};
use crate::{config, model::Site};

const SHARDS: usize = 64;
const NANOS: u64 = 1_000_000_000;
/// Sites are few; their meters are never forgotten before so many.
const SITES_MAX: usize = 1 << 20;

/// The meters of all sites and addresses.
#[derive(Debug)]
pub struct Rates {
    settings: config::Rate,
    started: Instant,
    hasher: RandomState,
    sites: Meters,
    addresses: Meters,
    /// Decisions and recommendations: one a request.
    site_decisions: Meters,
    address_decisions: Meters,
    /// Requests to the private side.
    address_requests: Meters,
}

impl Rates {
    /// Nobody has sent anything yet.
    #[must_use]
    pub fn new(settings: &config::Rate) -> Self {
        Self {
            settings: settings.clone(),
            started: Instant::now(),
            hasher: RandomState::new(),
            sites: Meters::new(SITES_MAX),
            addresses: Meters::new(settings.addresses_max),
            site_decisions: Meters::new(SITES_MAX),
            address_decisions: Meters::new(settings.addresses_max),
            address_requests: Meters::new(settings.addresses_max),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn pass(&self, meters: &Meters, key: u64, per_second: u32, events: u64) -> Result<(), Duration> {
        let rate = Rate { event: NANOS / u64::from(per_second.max(1)), burst: self.burst(), now: self.now() };
        meters.pass(key, &rate, events)
    }

    fn burst(&self) -> u64 {
        u64::from(self.settings.burst_seconds).saturating_mul(NANOS)
    }
}

/// Meters one request of an address before its body is read, as one event.
///
/// # Errors
/// 429 when the address sent more than it may.
pub fn admit_address(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    charge_address(state, peer, headers, 1)
}

/// Meters the events of a request that was admitted: the site's, and what the address did not pay yet.
///
/// # Errors
/// 429 when the site sent more than it may.
pub fn admit_events(
    state: &AppState,
    peer: SocketAddr,
    headers: &HeaderMap,
    site: &Site,
    events: usize,
) -> Result<(), ApiError> {
    let rates = &state.rates;
    let own = site.events_per_second_max;
    let per_second = if own > 0 { own } else { rates.settings.site_events_per_second };
    let events = events as u64;
    if per_second > 0 {
        // With another limit it is another meter: what was owed under the old one is forgiven.
        let key = u64::from(per_second) << 32 | u64::from(site.id.0);
        rates.pass(&rates.sites, key, per_second, events.max(1)).map_err(|wait| {
            state.metrics.operations.count_rate_limited(site.id);
            limited(state, "rate_site", wait)
        })?;
    }
    if events > 1 {
        // Its first event passed, so this one is let through whatever it costs.
        let _ = charge_address(state, peer, headers, events - 1);
    }
    Ok(())
}

fn charge_address(state: &AppState, peer: SocketAddr, headers: &HeaderMap, events: u64) -> Result<(), ApiError> {
    let rates = &state.rates;
    let per_second = rates.settings.address_events_per_second;
    charge(state, peer, headers, &rates.addresses, per_second, events)
        .map_err(|wait| limited(state, "rate_address", wait))
}

/// Charges an address on some meters; free of charge where nothing is limited.
fn charge(
    state: &AppState,
    peer: SocketAddr,
    headers: &HeaderMap,
    meters: &Meters,
    per_second: u32,
    events: u64,
) -> Result<(), Duration> {
    if per_second == 0 {
        return Ok(());
    }
    let rates = &state.rates;
    let address = connection::client_address(peer, headers, &state.server.trusted_proxies);
    let key = rates.hasher.hash_one(network_of(address));
    rates.pass(meters, key, per_second, events)
}

/// Meters a request for a decision or recommendation by its address, before its body is read.
///
/// # Errors
/// 429 when the address asked for more than it may.
pub fn admit_decision(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    let rates = &state.rates;
    let per_second = rates.settings.address_decisions_per_second;
    charge(state, peer, headers, &rates.address_decisions, per_second, 1)
        .map_err(|wait| limited(state, "rate_address_decisions", wait))
}

/// Meters the same request by its site.
///
/// # Errors
/// 429 when the site asked for more than it may.
pub fn admit_decision_of(state: &AppState, site: &Site) -> Result<(), ApiError> {
    let rates = &state.rates;
    let per_second = rates.settings.site_decisions_per_second;
    if per_second == 0 {
        return Ok(());
    }
    rates
        .pass(&rates.site_decisions, u64::from(site.id.0), per_second, 1)
        .map_err(|wait| limited(state, "rate_site_decisions", wait))
}

/// Meters a request to the private side, or of the installation check, by its address.
///
/// # Errors
/// 429 when the address sent more than it may.
pub fn admit_request(state: &AppState, peer: SocketAddr, headers: &HeaderMap) -> Result<(), ApiError> {
    let rates = &state.rates;
    let per_second = rates.settings.address_requests_per_second;
    charge(state, peer, headers, &rates.address_requests, per_second, 1)
        .map_err(|wait| limited(state, "rate_address_requests", wait))
}

/// [`admit_request`] before every private route.
pub async fn private(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    if let Some(peer) = peer
        && let Err(refusal) = admit_request(&state, peer, request.headers())
    {
        return refusal.into_response();
    }
    next.run(request).await
}

/// One subscriber: an IPv4 address, or the 64 bits of an IPv6 network.
fn network_of(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits()),
        IpAddr::V6(v6) => u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX),
    }
}

fn limited(state: &AppState, reason: &'static str, wait: Duration) -> ApiError {
    // Rounded up: whoever comes at the full second is let in.
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    refuse(state, reason, ApiError::RateLimited(seconds.max(1)))
}

/// What one event costs, how much may be owed, and the time; nanoseconds.
#[derive(Debug)]
struct Rate {
    event: u64,
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
    /// When idle keys were last looked for: that walks over all of them.
    swept: u64,
}

impl Meters {
    fn new(keys_max: usize) -> Self {
        Self { shards: std::array::from_fn(|_| Mutex::default()), keys_max: keys_max.div_ceil(SHARDS).max(1) }
    }

    /// Lets `events` of this key pass and has them paid, or tells how long to wait.
    fn pass(&self, key: u64, rate: &Rate, events: u64) -> Result<(), Duration> {
        let shard = usize::try_from(key % SHARDS as u64).unwrap_or_default();
        // A panic elsewhere leaves the numbers whole.
        let mut shard = self.shards[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let known = shard.paid_until.get(&key).copied();
        let paid_until = known.unwrap_or(0).max(rate.now);
        let ahead = paid_until - rate.now;
        if ahead > rate.burst {
            return Err(Duration::from_nanos(ahead - rate.burst));
        }
        if known.is_none() && shard.paid_until.len() >= self.keys_max {
            shard.make_room(rate.now);
        }
        shard.paid_until.insert(key, paid_until.saturating_add(rate.event.saturating_mul(events)));
        Ok(())
    }
}

impl Shard {
    /// Forgets whoever owes nothing, which changes nothing for them; if all owe, then anybody.
    fn make_room(&mut self, now: u64) {
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
            event: NANOS / 10,
            burst: 2 * NANOS,
            now: Duration::from_secs_f64(seconds).as_nanos().try_into().unwrap(),
        }
    }

    #[test]
    fn a_burst_passes_then_the_rate_counts_and_the_answer_says_when() {
        let meters = Meters::new(10);
        // Ten a second, two seconds' worth at once: the twenty-first is the last that is not late.
        assert!((0..21).all(|_| meters.pass(1, &at(0.0), 1).is_ok()));
        assert_eq!(meters.pass(1, &at(0.0), 1), Err(Duration::from_millis(100)));
        assert_eq!(meters.pass(2, &at(0.0), 1), Ok(()), "others are not concerned");
        assert_eq!(meters.pass(1, &at(0.1), 1), Ok(()));
        assert_eq!(meters.pass(1, &at(0.15), 1), Err(Duration::from_millis(50)));
        assert_eq!(meters.pass(1, &at(60.0), 1), Ok(()));
    }

    #[test]
    fn a_batch_larger_than_the_burst_passes_and_is_paid_afterwards() {
        let meters = Meters::new(10);
        assert_eq!(meters.pass(1, &at(0.0), 100), Ok(()));
        assert_eq!(meters.pass(1, &at(1.0), 1), Err(Duration::from_secs(7)));
        assert_eq!(meters.pass(1, &at(8.0), 100), Ok(()));
    }

    #[test]
    fn memory_is_bounded_whoever_comes() {
        let meters = Meters::new(SHARDS * 4);
        for key in 0..10_000 {
            assert_eq!(meters.pass(key, &at(0.0), 1000), Ok(()));
        }
        let held: usize = meters.shards.iter().map(|shard| shard.lock().unwrap().paid_until.len()).sum();
        assert!(held <= SHARDS * 4, "{held}");
    }

    #[test]
    fn an_ipv6_subscriber_is_one_and_others_are_not() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("1.2.3.4"), network("1.2.3.5"));
    }

    proptest! {
        /// Over any pattern of requests, no more passes than the burst, the rate, and the last batch.
        #[test]
        fn no_more_passes_than_is_allowed(steps in prop::collection::vec((0..500_u32, 1..8_u64), 1..200)) {
            let (meters, mut now, mut passed, mut last) = (Meters::new(10), 0.0, 0, 0);
            for (milliseconds, events) in steps {
                now += f64::from(milliseconds) / 1000.0;
                if meters.pass(1, &at(now), events).is_ok() {
                    passed += events;
                    last = events;
                }
            }
            prop_assert!((passed - last) as f64 <= 20.0 + 10.0 * now + 1.0, "{passed} within {now} s");
        }
    }
}
