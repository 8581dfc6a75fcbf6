//! Accepts and serves connections: HTTP/1.1 with a time limit on headers, limits on connections, and a graceful
//! shutdown that lets requests in flight finish.
//!
//! One task accepts. As many threads as the machine has processors serve, each with its own runtime: a connection stays
//! on one thread for its lifetime, and requests that wait for the same fsync are woken together (`tasks::run_wake_batcher`). A
//! failed thread is replaced. Work for other than visitors' requests stays on the service's shared runtime; see
//! [`Entry`].

mod worker;

use std::{io, net::SocketAddr, sync::Arc, thread, time::Duration};

use ipnet::IpNet;
use tokio::net::TcpListener;

use self::worker::Pool;
use super::{
    connection_limit::{ConnectionLimiter, ConnectionLimits, ConnectionSlot},
    entry::Entry,
};
use crate::{
    config,
    tasks::{Stopping, Supervision},
    telemetry::connections::Connections,
};

/// Upper limit, however many files may be open.
const CONNECTIONS_MAX: usize = 20_000;
/// File descriptors left to the journal, the engine, the databases and outgoing connections.
const DESCRIPTORS_RESERVED: u64 = 256;
/// One address may have a quarter of all connections, but always enough for the browsers of a whole office.
const ADDRESS_SHARE: usize = 4;
const ADDRESS_MIN: usize = 256;
/// Pause after an accept error such as "no file descriptors left", so that connections can end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a listener is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How long a shutdown waits for requests in flight.
    pub finish_within: Duration,
    /// Open connections in all.
    pub connections_max: usize,
    /// Open connections of one address that is not a trusted proxy.
    pub per_address_max: usize,
    /// `server.trusted_proxies`.
    pub trusted_proxies: Vec<IpNet>,
    /// Counts connections.
    pub metrics: Connections,
    /// Gets failures of threads and connections.
    pub supervision: Supervision,
}

impl Settings {
    /// Settings for a process that may open `open_files` files.
    #[must_use]
    pub fn new(server: &config::Server, open_files: u64, metrics: Connections, supervision: Supervision) -> Self {
        let connections_max = connections_for(open_files);
        Self {
            finish_within: Duration::from_millis(server.shutdown_ms.saturating_mul(3) / 10),
            connections_max,
            per_address_max: (connections_max / ADDRESS_SHARE).max(ADDRESS_MIN).min(connections_max / 2 + 1),
            trusted_proxies: server.trusted_proxies.clone(),
            metrics,
            supervision,
        }
    }

    /// The same with at most `connections_max` connections.
    #[must_use]
    pub fn at_most(self, connections_max: usize) -> Self {
        let connections_max = self.connections_max.min(connections_max);
        Self { connections_max, per_address_max: connections_max, ..self }
    }
}

/// How many of `open_files` descriptors connections may use: the rest of the service always keeps its share.
fn connections_for(open_files: u64) -> usize {
    let reserved = DESCRIPTORS_RESERVED.max(open_files / 8).min(open_files / 2);
    usize::try_from(open_files - reserved).unwrap_or(usize::MAX).clamp(16, CONNECTIONS_MAX)
}

/// Serves `entry` on `listener` until stopping begins, then waits for requests in flight.
pub async fn serve(listener: TcpListener, entry: Entry, mut stopping: Stopping, settings: Settings) {
    let count = thread::available_parallelism().map_or(2, usize::from);
    let Settings { connections_max, per_address_max, trusted_proxies, metrics, .. } = settings.clone();
    let limits = ConnectionLimits { connections_max, per_address_max, trusted_proxies };
    let mut limiter = ConnectionLimiter::new(limits, metrics);
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
                // Without a slot the connection is dropped, which closes it.
                if let Some(slot) = limiter.admit(peer.ip()) {
                    pool.assign(AcceptedConnection { stream, peer, slot });
                }
            }
            Err(error) => {
                if !is_client_abort(&error) {
                    tracing::warn!(%error, "a connection could not be accepted");
                    stopping.sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
    drop(listener);
    if tokio::task::spawn_blocking(move || pool.join()).await.is_err() {
        tracing::error!("the threads that serve connections could not be joined");
    }
}

/// Whether the client disconnected before it was accepted.
fn is_client_abort(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

/// A connection before a thread serves it.
struct AcceptedConnection {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    slot: Arc<ConnectionSlot>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_reserved_for_the_rest_of_the_service() {
        assert_eq!(connections_for(1024), 768);
        assert_eq!(connections_for(300), 150);
        assert_eq!(connections_for(8192), 7168);
        assert_eq!(connections_for(u64::MAX), CONNECTIONS_MAX);
        assert_eq!(connections_for(10), 16);
    }
}
