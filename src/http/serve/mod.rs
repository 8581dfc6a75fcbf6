//! Accepting connections: HTTP/1.1 with a time limit on headers, bounds on connections, and a stop
//! that lets requests under way finish.
//!
//! One task accepts. As many threads as the machine has processors serve, each with a runtime of its
//! own: a connection stays on one thread all its life, and requests that wait for the same fsync are woken
//! together (`tasks::relay`). A thread that fails is replaced. Work that is not a visitor's stays on the
//! service's common runtime; see [`Entry`].

mod bodies;
mod gate;
mod worker;

use std::{io, net::SocketAddr, sync::Arc, thread, time::Duration};

use ipnet::IpNet;
use tokio::net::TcpListener;

pub(super) use self::{
    bodies::{Received, UnderWay},
    gate::Place,
};
use self::{
    gate::{Bounds, Gate},
    worker::Pool,
};
use super::entry::Entry;
use crate::{
    config,
    tasks::{Stopping, Supervision},
    telemetry::connections::Connections,
};

/// No service needs more, however many files may be open.
const CONNECTIONS_MAX: usize = 20_000;
/// File descriptors left to the journal, the engine, the databases and outgoing connections.
const DESCRIPTORS_KEPT: u64 = 256;
/// One address may have this part of all connections, but always a browser's worth for a whole office.
const ADDRESS_PART: usize = 4;
const ADDRESS_LEAST: usize = 256;
/// A rest after an error of accepting, such as no file descriptor being left: it lets connections end.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How a listener is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a stop waits for requests under way.
    pub finish_within: Duration,
    /// Connections at one time.
    pub connections_max: usize,
    /// Those of one address that is no trusted proxy.
    pub per_address_max: usize,
    /// `server.trusted_proxies`.
    pub trusted_proxies: Vec<IpNet>,
    /// Where connections are counted.
    pub metrics: Connections,
    /// Where failures are reported.
    pub supervision: Supervision,
}

impl Settings {
    /// For a process that may have so many files open.
    #[must_use]
    pub fn new(server: &config::Server, open_files: u64, metrics: Connections, supervision: Supervision) -> Self {
        let connections_max = connections_for(open_files);
        Self {
            finish_within: Duration::from_millis(server.shutdown_ms.saturating_mul(3) / 10),
            connections_max,
            per_address_max: (connections_max / ADDRESS_PART).max(ADDRESS_LEAST).min(connections_max / 2 + 1),
            trusted_proxies: server.trusted_proxies.clone(),
            metrics,
            supervision,
        }
    }

    /// The same with at most so many connections.
    #[must_use]
    pub fn at_most(self, connections_max: usize) -> Self {
        let connections_max = self.connections_max.min(connections_max);
        Self { connections_max, per_address_max: connections_max, ..self }
    }
}

/// Connections that may be open where so many files may: the rest of the service must always get its own.
fn connections_for(open_files: u64) -> usize {
    let kept = DESCRIPTORS_KEPT.max(open_files / 8).min(open_files / 2);
    usize::try_from(open_files - kept).unwrap_or(usize::MAX).clamp(16, CONNECTIONS_MAX)
}

/// Serves `entry` on `listener` until stopping begins, then waits for requests under way.
pub async fn serve(listener: TcpListener, entry: Entry, mut stopping: Stopping, settings: Settings) {
    let count = thread::available_parallelism().map_or(2, usize::from);
    let Settings { connections_max, per_address_max, trusted_proxies, metrics, .. } = settings.clone();
    let mut gate = Gate::new(Bounds { connections_max, per_address_max, trusted_proxies }, metrics);
    let mut pool = match Pool::start(count, &entry, &stopping, settings) {
        Ok(pool) => pool,
        Err(error) => return tracing::error!(%error, "the threads that serve connections cannot be started"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.wait() => break,
        };
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok((stream, peer)) => {
                // Without a place it is closed here.
                if let Some(place) = gate.admit(peer.ip()) {
                    pool.hand_over((stream, peer, place));
                }
            }
            Err(error) => {
                if !is_clients(&error) {
                    tracing::warn!(%error, "a connection could not be accepted");
                    stopping.sleep(ACCEPT_REST).await;
                }
            }
        }
    }
    drop(listener);
    if tokio::task::spawn_blocking(move || pool.join()).await.is_err() {
        tracing::error!("the threads that serve connections could not be joined");
    }
}

/// A client that was gone before it was accepted.
fn is_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// An accepted connection with its place.
type Connection = (std::net::TcpStream, SocketAddr, Arc<Place>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_of_the_service_always_keeps_descriptors() {
        assert_eq!(connections_for(1024), 768);
        assert_eq!(connections_for(300), 150);
        assert_eq!(connections_for(8192), 7168);
        assert_eq!(connections_for(u64::MAX), CONNECTIONS_MAX);
        assert_eq!(connections_for(10), 16);
    }
}
