//! Bounds on open connections, in all and per client address, kept by evicting the least useful connection.
//!
//! A connection that has not sent a whole request, or is idle between two, holds a file descriptor and does no work.
//! When a new connection finds no free slot, one of these is closed: first one that is slow to send, then an idle one,
//! then the one that has been sending for longest. So slow clients evict each other, while a client whose requests
//! arrive whole is answered long before it could be evicted.

use std::{
    collections::{HashMap, VecDeque},
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use ipnet::IpNet;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::telemetry::connections::Connections;

/// A client that has not sent a whole head or body after this time is slow.
const SLOW: Duration = Duration::from_secs(1);

/// How many connections there may be.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// In all.
    pub connections_max: usize,
    /// From one address; an IPv6 network of 64 bits counts as one.
    pub per_address_max: usize,
    /// Addresses that stand for many clients: only the total applies to them.
    pub trusted_proxies: Vec<IpNet>,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Phase {
    /// No whole request head has arrived yet.
    FirstHead,
    /// Waits for the next request.
    Idle,
    /// Receives a request's body.
    Body,
    /// The request is being answered.
    Answering,
}

/// One open connection; frees its slot when dropped.
#[derive(Debug)]
pub struct ConnectionSlot {
    phase: AtomicU8,
    /// When it was accepted, or its last request's body began: milliseconds since the limiter was made.
    receiving_since: AtomicU64,
    /// Asks its task to close it.
    close: Notify,
    released: AtomicBool,
    address: IpAddr,
    open: Arc<OpenConnections>,
}

#[derive(Debug)]
struct OpenConnections {
    started: Instant,
    counts: Mutex<Counts>,
    metrics: Connections,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_address: HashMap<IpAddr, usize, ahash::RandomState>,
}

/// The limits of one listener and its open connections.
#[derive(Debug)]
pub struct ConnectionLimiter {
    limits: ConnectionLimits,
    open: Arc<OpenConnections>,
    /// In the order of acceptance; closed ones are removed now and then.
    slots: VecDeque<Weak<ConnectionSlot>>,
}

impl OpenConnections {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl ConnectionLimiter {
    /// Without open connections.
    #[must_use]
    pub fn new(limits: ConnectionLimits, metrics: Connections) -> Self {
        let open = OpenConnections { started: Instant::now(), counts: Mutex::default(), metrics };
        Self { limits, open: Arc::new(open), slots: VecDeque::new() }
    }

    /// A slot for a new connection, evicting another one if necessary; `None` when all others are being answered.
    pub fn admit(&mut self, address: IpAddr) -> Option<Arc<ConnectionSlot>> {
        let address = network(address);
        let (all, own) = {
            let counts = self.open.counts.lock();
            (counts.all, counts.by_address.get(&address).copied().unwrap_or_default())
        };
        let is_proxy = self.limits.trusted_proxies.iter().any(|net| net.contains(&address));
        let address_full = own >= self.limits.per_address_max && !is_proxy;
        let is_free = !address_full && all < self.limits.connections_max;
        if !is_free && !self.evict(address_full.then_some(address)) {
            self.open.metrics.refused.inc();
            return None;
        }
        if self.slots.len() > 2 * all + 64 {
            self.slots.retain(|slot| slot.strong_count() > 0);
        }
        let slot = Arc::new(ConnectionSlot::new(address, &self.open));
        self.slots.push_back(Arc::downgrade(&slot));
        Some(slot)
    }

    /// Closes the least useful connection, of all or of one address. False when all are being answered.
    fn evict(&self, only: Option<IpAddr>) -> bool {
        let now = self.open.now_ms();
        let (mut idle, mut longest) = (None, None);
        let slots = self.slots.iter().filter_map(Weak::upgrade);
        let open = slots.filter(|slot| only.is_none_or(|only| slot.address == only) && !slot.released.load(Relaxed));
        for slot in open {
            match slot.phase() {
                Phase::Idle => idle = idle.or(Some(slot)),
                Phase::FirstHead | Phase::Body => {
                    let since = slot.receiving_since.load(Relaxed);
                    if Duration::from_millis(now.saturating_sub(since)) >= SLOW {
                        return self.close(&slot);
                    }
                    if longest.as_ref().is_none_or(|(earliest, _)| since < *earliest) {
                        longest = Some((since, slot));
                    }
                }
                Phase::Answering => {}
            }
        }
        idle.or(longest.map(|(_, slot)| slot)).is_some_and(|slot| self.close(&slot))
    }

    fn close(&self, slot: &ConnectionSlot) -> bool {
        self.open.metrics.evicted.inc();
        slot.release();
        slot.close.notify_one();
        true
    }
}

impl ConnectionSlot {
    fn new(address: IpAddr, open: &Arc<OpenConnections>) -> Self {
        {
            let mut counts = open.counts.lock();
            counts.all += 1;
            *counts.by_address.entry(address).or_default() += 1;
        }
        open.metrics.open.inc();
        Self {
            phase: AtomicU8::new(Phase::FirstHead as u8),
            receiving_since: AtomicU64::new(open.now_ms()),
            close: Notify::new(),
            released: AtomicBool::new(false),
            address,
            open: Arc::clone(open),
        }
    }

    /// Frees the slot, once.
    fn release(&self) {
        if self.released.swap(true, Relaxed) {
            return;
        }
        let mut counts = self.open.counts.lock();
        counts.all -= 1;
        if let Some(own) = counts.by_address.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                counts.by_address.remove(&self.address);
            }
        }
        drop(counts);
        self.open.metrics.open.dec();
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::FirstHead,
            1 => Phase::Idle,
            2 => Phase::Body,
            _ => Phase::Answering,
        }
    }

    /// A request's head has arrived; its body begins if it has one.
    pub fn request_begun(&self, has_body: bool) {
        if has_body {
            self.receiving_since.store(self.open.now_ms(), Relaxed);
        }
        self.phase.store(if has_body { Phase::Body } else { Phase::Answering } as u8, Relaxed);
    }

    /// The request's body has ended.
    pub fn body_received(&self) {
        // An answered request may be idle already: only `Body` changes.
        let _ = self.phase.compare_exchange(Phase::Body as u8, Phase::Answering as u8, Relaxed, Relaxed);
    }

    /// The request is answered.
    pub fn answered(&self) {
        self.phase.store(Phase::Idle as u8, Relaxed);
    }

    /// Whether no whole request head has arrived yet.
    pub fn awaits_first_head(&self) -> bool {
        self.phase() == Phase::FirstHead
    }

    /// Whether a request's body is being received.
    pub fn is_receiving_body(&self) -> bool {
        self.phase() == Phase::Body
    }

    /// Waits until the connection is evicted.
    pub async fn evicted(&self) {
        self.close.notified().await;
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.release();
    }
}

/// What counts as one address: an IPv4 address or an IPv6 network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(connections_max: usize, per_address_max: usize) -> ConnectionLimiter {
        let trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let limits = ConnectionLimits { connections_max, per_address_max, trusted_proxies };
        ConnectionLimiter::new(limits, Connections::default())
    }

    fn from(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn idle_connections_are_evicted_and_those_being_answered_are_not() {
        let mut limiter = limiter(3, 3);
        let answering = limiter.admit(from(1)).unwrap();
        answering.request_begun(false);
        let idle = limiter.admit(from(2)).unwrap();
        idle.request_begun(false);
        idle.answered();
        let is_evicted = |slot: &ConnectionSlot| slot.released.load(Relaxed);
        let fresh = limiter.admit(from(3)).unwrap();
        let next = limiter.admit(from(4)).expect("the slot of the idle one");
        assert!(is_evicted(&idle) && !is_evicted(&fresh), "a new connection gets time to send");
        std::thread::sleep(Duration::from_millis(2));
        next.request_begun(true);
        let last = limiter.admit(from(5)).expect("the slot of the one that has been sending for longest");
        assert!(is_evicted(&fresh) && !is_evicted(&next));
        last.request_begun(false);
        let body = limiter.admit(from(6)).expect("the slot of the one that sends a body");
        assert!(is_evicted(&next));
        body.request_begun(true);
        body.body_received();
        assert!(limiter.admit(from(7)).is_none(), "all are being answered");
        assert!(![&answering, &last, &body].into_iter().any(|slot| is_evicted(slot)));
        drop(answering);
        assert!(limiter.admit(from(7)).is_some());
    }

    #[test]
    fn slow_connections_are_evicted_before_idle_ones() {
        let mut limiter = limiter(2, 2);
        let slow = limiter.admit(from(1)).unwrap();
        std::thread::sleep(SLOW);
        let idle = limiter.admit(from(2)).unwrap();
        idle.request_begun(false);
        idle.answered();
        assert!(limiter.admit(from(3)).is_some());
        assert!(slow.released.load(Relaxed) && !idle.released.load(Relaxed));
    }

    #[test]
    fn an_address_at_its_limit_evicts_only_its_own_connections() {
        let mut limiter = limiter(100, 2);
        let other = limiter.admit(from(9)).unwrap();
        let own: Vec<_> = (0..5).map(|_| limiter.admit(from(1)).unwrap()).collect();
        assert_eq!(own.iter().filter(|slot| !slot.released.load(Relaxed)).count(), 2);
        assert!(!other.released.load(Relaxed));
        let proxied: Vec<_> = (0..5).map(|_| limiter.admit([10, 0, 0, 1].into()).unwrap()).collect();
        assert!(proxied.iter().all(|slot| !slot.released.load(Relaxed)), "a trusted proxy stands for many");
        let v6 = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]);
        let network: Vec<_> = (0..3).map(|n| limiter.admit(v6(n)).unwrap()).collect();
        assert_eq!(network.iter().filter(|slot| !slot.released.load(Relaxed)).count(), 2, "a /64 is one address");
    }

    #[test]
    fn closed_connections_are_removed() {
        let mut limiter = limiter(10, 10);
        for _ in 0..1000 {
            assert!(limiter.admit(from(1)).is_some());
        }
        assert!(limiter.slots.len() <= 70, "{}", limiter.slots.len());
        let counts = limiter.open.counts.lock();
        assert_eq!(counts.all, 0);
        assert!(counts.by_address.is_empty());
    }
}
