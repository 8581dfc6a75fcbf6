//! The threads that serve connections.

use std::{
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpStream, runtime, sync::mpsc, task::JoinSet, time::timeout};

use super::{super::entry::Entry, Connection, Settings};
use crate::tasks::{self, Ended, Stopping, Supervision, panic_message};

/// Accepted connections that a thread has not taken up yet.
const WAITING_MAX: usize = 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection that is asked to close may take to flush its last answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How a failed thread is named in the metrics.
const NAME: &str = "http_worker";

/// The threads of one listener.
pub(super) struct Pool {
    workers: Vec<Worker>,
    entry: Entry,
    stopping: Stopping,
    settings: Settings,
}

/// One thread that serves connections.
struct Worker {
    connections: mpsc::Sender<Connection>,
    /// Connections it has, those on their way to it included.
    open: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

impl Pool {
    pub(super) fn start(count: usize, entry: &Entry, stopping: &Stopping, settings: Settings) -> io::Result<Self> {
        let start = |_| Worker::start(entry, stopping, &settings);
        let workers = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { workers, entry: entry.clone(), stopping: stopping.clone(), settings })
    }

    /// Gives a connection to the thread that has the fewest.
    pub(super) fn hand_over(&mut self, connection: Connection) {
        self.replace_failed();
        let Some(worker) = self.workers.iter().min_by_key(|worker| worker.open.load(Relaxed)) else { return };
        worker.open.fetch_add(1, Relaxed);
        if worker.connections.try_send(connection).is_err() {
            worker.open.fetch_sub(1, Relaxed);
            self.settings.metrics.refused.inc();
        }
    }

    /// A thread ends only when it failed: its connections are lost, those to come are not.
    fn replace_failed(&mut self) {
        for worker in self.workers.iter_mut().filter(|worker| worker.thread.is_finished()) {
            match Worker::start(&self.entry, &self.stopping, &self.settings) {
                Ok(fresh) => {
                    let failed = std::mem::replace(worker, fresh);
                    let ended = match failed.thread.join() {
                        Ok(()) => Ended::Returned,
                        Err(panic) => Ended::Panicked(panic_message(&*panic)),
                    };
                    if !self.stopping.begun() {
                        self.settings.supervision.failed(NAME, &ended);
                    }
                }
                Err(error) => tracing::error!(%error, "a thread that serves connections cannot be started again"),
            }
        }
    }

    /// Waits until the connections of all threads have ended.
    pub(super) fn join(self) {
        for worker in self.workers {
            drop(worker.connections);
            if let Err(panic) = worker.thread.join() {
                self.settings.supervision.failed(NAME, &Ended::Panicked(panic_message(&*panic)));
            }
        }
    }
}

impl Worker {
    fn start(entry: &Entry, stopping: &Stopping, settings: &Settings) -> io::Result<Self> {
        let (connections, waiting) = mpsc::channel(WAITING_MAX);
        let open = Arc::new(AtomicUsize::new(0));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let work = work(entry.clone(), waiting, Arc::clone(&open), stopping.clone(), settings.clone());
        let thread = thread::Builder::new().name("http".into()).spawn(move || runtime.block_on(work))?;
        Ok(Self { connections, open, thread })
    }
}

async fn work(
    entry: Entry,
    mut waiting: mpsc::Receiver<Connection>,
    open: Arc<AtomicUsize>,
    mut stopping: Stopping,
    settings: Settings,
) {
    let Settings { finish_within: limit, supervision, .. } = settings;
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 * 1024);
    let mut relay = JoinSet::new();
    relay.spawn(tasks::relay());
    let mut connections = JoinSet::new();
    loop {
        let connection = tokio::select! {
            next = waiting.recv() => match next {
                Some(connection) => connection,
                None => break,
            },
            Some(ended) = connections.join_next() => {
                report(ended, &supervision);
                continue;
            }
            () = stopping.wait() => break,
        };
        let (entry, builder, counted) = (entry.clone(), builder.clone(), Counted(Arc::clone(&open)));
        connections.spawn(one(connection, entry, builder, stopping.clone(), counted));
    }
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended, &supervision);
        }
    };
    if timeout(limit, all).await.is_err() {
        tracing::warn!("some requests did not finish before the stop");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>, supervision: &Supervision) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        supervision.failed("connection", &Ended::Panicked(panic_message(&*panic)));
    }
}

/// One connection from its first byte to its last.
async fn one(
    (stream, peer, place): Connection,
    entry: Entry,
    builder: http1::Builder,
    mut stopping: Stopping,
    _counted: Counted,
) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    // Small answers must not wait for Nagle's algorithm; a socket that refuses is still usable.
    let _ = stream.set_nodelay(true);
    let connection = builder.serve_connection(TokioIo::new(stream), entry.of(peer, Arc::clone(&place)));
    let mut connection = pin!(connection);
    // Broken connections are the client's affair.
    let evicted = tokio::select! {
        _ = connection.as_mut() => return,
        () = place.asked_to_close() => true,
        () = stopping.wait() => false,
    };
    // At a stop a body that is on its way may still come; an evicted one has had its time.
    if place.is_fresh() || (evicted && place.is_sending()) {
        return;
    }
    connection.as_mut().graceful_shutdown();
    if evicted {
        let _ = timeout(CLOSE_TIMEOUT, connection).await;
    } else {
        let _ = connection.await;
    }
}

/// A connection among those of its thread.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;
    use crate::{
        http::serve::gate::{Bounds, Gate},
        tasks::Tasks,
        telemetry::{
            connections::Connections,
            failures::{Failures, Task},
            health::Health,
        },
    };

    #[tokio::test]
    async fn a_thread_that_failed_is_noticed_and_replaced() {
        let failures = Failures::default();
        let supervision = Supervision::new(Health::default(), failures.clone());
        let tasks = Tasks::under(&supervision);
        let settings = Settings {
            finish_within: Duration::from_secs(1),
            connections_max: 10,
            per_address_max: 10,
            trusted_proxies: Vec::new(),
            metrics: Connections::default(),
            supervision,
        };
        let entry = Entry::new(Router::new().route("/", get(|| async { "here" })));
        let mut pool = Pool::start(1, &entry, &tasks.stopping(), settings).unwrap();
        let (connections, _) = mpsc::channel(1);
        let thread = thread::spawn(|| panic!("as the test wants it"));
        while !thread.is_finished() {
            thread::yield_now();
        }
        pool.workers[0] = Worker { connections, open: Arc::default(), thread };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let bounds = Bounds { connections_max: 10, per_address_max: 10, trusted_proxies: Vec::new() };
        let place = Gate::new(bounds, Connections::default()).admit(peer.ip()).unwrap();
        pool.hand_over((stream.into_std().unwrap(), peer, place));
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
        assert_eq!(failures.tasks_failed.get_or_create(&Task { task: NAME }).get(), 1);
        tokio::task::spawn_blocking(move || pool.join()).await.unwrap();
    }
}
