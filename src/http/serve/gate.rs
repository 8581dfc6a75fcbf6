//! Who may be connected: a bound on all connections and on those of one address, kept by closing whoever waits
//! longest for nothing.
//!
//! A connection that has not sent a whole request, or is idle between two, holds a file descriptor and does no work.
//! Where there is no place left for a new one, one of these gives up its own: who is slow to send, then who is idle,
//! then who has been sending for longest. Many slow clients then keep each other out, and not those who have something
//! to say, whose requests are whole long before it is their turn.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;
use tokio::sync::Notify;

use crate::telemetry::connections::Connections;

/// Who has not sent a whole head or body after so long is slow.
const SLOW: Duration = Duration::from_secs(1);

/// How many connections there may be.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// In all.
    pub connections_max: usize,
    /// From one address; an IPv6 network of 64 bits counts as one.
    pub per_address_max: usize,
    /// Addresses that stand for many clients: only the bound on all holds for them.
    pub trusted_proxies: Vec<IpNet>,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// It has not sent a whole head yet.
    Fresh,
    /// It waits for the next request.
    Idle,
    /// It sends a body.
    Sending,
    /// It waits for our answer, or takes it.
    Working,
}

/// What the gate knows of one connection.
#[derive(Debug)]
pub(in crate::http) struct Place {
    phase: AtomicU8,
    /// When it came, or its last request's body began: milliseconds since the gate was made.
    sending_since: AtomicU64,
    /// Asked to close.
    close: Notify,
    released: AtomicBool,
    address: IpAddr,
    occupied: Arc<Occupied>,
}

#[derive(Debug)]
struct Occupied {
    made: Instant,
    counts: Mutex<Counts>,
    metrics: Connections,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize, ahash::RandomState>,
}

/// The gate of one listener.
#[derive(Debug)]
pub(super) struct Gate {
    bounds: Bounds,
    occupied: Arc<Occupied>,
    /// In the order they came; those that are gone are left out now and then.
    places: VecDeque<Weak<Place>>,
}

impl Occupied {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Two numbers, each changed in one step.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Gate {
    pub(super) fn new(bounds: Bounds, metrics: Connections) -> Self {
        let occupied = Occupied { made: Instant::now(), counts: Mutex::default(), metrics };
        Self { bounds, occupied: Arc::new(occupied), places: VecDeque::new() }
    }

    /// A place for a new connection, another's if need be; `None` when all others are at work.
    pub(super) fn admit(&mut self, address: IpAddr) -> Option<Arc<Place>> {
        let address = network(address);
        let (all, own) = {
            let counts = self.occupied.counts();
            (counts.all, counts.by_address.get(&address).copied().unwrap_or_default())
        };
        let stands_for_many = self.bounds.trusted_proxies.iter().any(|net| net.contains(&address));
        let crowded = own >= self.bounds.per_address_max && !stands_for_many;
        let has_place = !crowded && all < self.bounds.connections_max;
        if !has_place && !self.evict(crowded.then_some(address)) {
            self.occupied.metrics.refused.inc();
            return None;
        }
        if self.places.len() > 2 * all + 64 {
            self.places.retain(|place| place.strong_count() > 0);
        }
        let place = Arc::new(Place::new(address, &self.occupied));
        self.places.push_back(Arc::downgrade(&place));
        Some(place)
    }

    /// Closes the connection that is the least loss, of all or of one address. False when all are at work.
    fn evict(&self, of: Option<IpAddr>) -> bool {
        let now = self.occupied.now_ms();
        let (mut idle, mut longest) = (None, None);
        let places = self.places.iter().filter_map(Weak::upgrade);
        let open = places.filter(|place| of.is_none_or(|of| place.address == of) && !place.released.load(Relaxed));
        for place in open {
            match place.phase() {
                Phase::Idle => idle = idle.or(Some(place)),
                Phase::Fresh | Phase::Sending => {
                    let since = place.sending_since.load(Relaxed);
                    if Duration::from_millis(now.saturating_sub(since)) >= SLOW {
                        return self.close(&place);
                    }
                    if longest.as_ref().is_none_or(|(earliest, _)| since < *earliest) {
                        longest = Some((since, place));
                    }
                }
                Phase::Working => {}
            }
        }
        idle.or(longest.map(|(_, place)| place)).is_some_and(|place| self.close(&place))
    }

    fn close(&self, place: &Place) -> bool {
        self.occupied.metrics.evicted.inc();
        place.release();
        place.close.notify_one();
        true
    }
}

impl Place {
    fn new(address: IpAddr, occupied: &Arc<Occupied>) -> Self {
        {
            let mut counts = occupied.counts();
            counts.all += 1;
            *counts.by_address.entry(address).or_default() += 1;
        }
        occupied.metrics.open.inc();
        Self {
            phase: AtomicU8::new(Phase::Fresh as u8),
            sending_since: AtomicU64::new(occupied.now_ms()),
            close: Notify::new(),
            released: AtomicBool::new(false),
            address,
            occupied: Arc::clone(occupied),
        }
    }

    /// Gives the place to another, once.
    fn release(&self) {
        if self.released.swap(true, Relaxed) {
            return;
        }
        let mut counts = self.occupied.counts();
        counts.all -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        drop(counts);
        self.occupied.metrics.open.dec();
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Fresh,
            1 => Phase::Idle,
            2 => Phase::Sending,
            _ => Phase::Working,
        }
    }

    /// A request's head has come, and its body begins where there is one.
    pub(in crate::http) fn begin(&self, has_body: bool) {
        if has_body {
            self.sending_since.store(self.occupied.now_ms(), Relaxed);
        }
        self.phase.store(if has_body { Phase::Sending } else { Phase::Working } as u8, Relaxed);
    }

    /// The body has come to its end.
    pub(in crate::http) fn received(&self) {
        // Whoever is answered already stays so.
        let _ = self.phase.compare_exchange(Phase::Sending as u8, Phase::Working as u8, Relaxed, Relaxed);
    }

    /// The answer is given.
    pub(in crate::http) fn answered(&self) {
        self.phase.store(Phase::Idle as u8, Relaxed);
    }

    /// Whether no whole head has come yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.phase() == Phase::Fresh
    }

    /// Whether a body is on its way.
    pub(super) fn is_sending(&self) -> bool {
        self.phase() == Phase::Sending
    }

    /// Waits until it is to be closed.
    pub(super) async fn asked_to_close(&self) {
        self.close.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.release();
    }
}

/// What counts as one address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate(connections_max: usize, per_address_max: usize) -> Gate {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        Gate::new(Bounds { connections_max, per_address_max, trusted_proxies }, Connections::default())
    }

    fn from(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn whoever_waits_for_nothing_makes_room_and_whoever_works_does_not() {
        let mut gate = gate(3, 3);
        let working = gate.admit(from(1)).unwrap();
        working.begin(false);
        let idle = gate.admit(from(2)).unwrap();
        idle.begin(false);
        idle.answered();
        let is_gone = |place: &Place| place.released.load(Relaxed);
        let fresh = gate.admit(from(3)).unwrap();
        let next = gate.admit(from(4)).expect("the place of the idle one");
        assert!(is_gone(&idle) && !is_gone(&fresh), "who has just come gets the time to speak");
        std::thread::sleep(Duration::from_millis(2));
        next.begin(true);
        let last = gate.admit(from(5)).expect("the place of who has been silent for longest");
        assert!(is_gone(&fresh) && !is_gone(&next));
        last.begin(false);
        let body = gate.admit(from(6)).expect("the place of who sends a body");
        assert!(is_gone(&next));
        body.begin(true);
        body.received();
        assert!(gate.admit(from(7)).is_none(), "all are at work");
        assert!(![&working, &last, &body].into_iter().any(|place| is_gone(place)));
        drop(working);
        assert!(gate.admit(from(7)).is_some());
    }

    #[test]
    fn who_is_slow_to_send_gives_way_before_who_is_idle() {
        let mut gate = gate(2, 2);
        let slow = gate.admit(from(1)).unwrap();
        std::thread::sleep(SLOW);
        let idle = gate.admit(from(2)).unwrap();
        idle.begin(false);
        idle.answered();
        assert!(gate.admit(from(3)).is_some());
        assert!(slow.released.load(Relaxed) && !idle.released.load(Relaxed));
    }

    #[test]
    fn one_address_takes_places_from_itself_alone() {
        let mut gate = gate(100, 2);
        let other = gate.admit(from(9)).unwrap();
        let own: Vec<_> = (0..5).map(|_| gate.admit(from(1)).unwrap()).collect();
        assert_eq!(own.iter().filter(|place| !place.released.load(Relaxed)).count(), 2);
        assert!(!other.released.load(Relaxed));
        let proxied: Vec<_> = (0..5).map(|_| gate.admit([10, 0, 0, 1].into()).unwrap()).collect();
        assert!(proxied.iter().all(|place| !place.released.load(Relaxed)), "a trusted proxy stands for many");
        let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        let network: Vec<_> = (0..3).map(|n| gate.admit(v6(n)).unwrap()).collect();
        assert_eq!(network.iter().filter(|place| !place.released.load(Relaxed)).count(), 2, "a /64 is one address");
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut gate = gate(10, 10);
        for _ in 0..1000 {
            assert!(gate.admit(from(1)).is_some());
        }
        assert!(gate.places.len() <= 70, "{}", gate.places.len());
        assert_eq!(gate.occupied.counts().all, 0);
        assert!(gate.occupied.counts().by_address.is_empty());
    }
}
