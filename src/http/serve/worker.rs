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

use super::{super::entry::Entry, AcceptedConnection, Settings};
use crate::tasks::{self, Stopping, Supervision, TaskExit, panic_message};

/// Accepted connections in a thread's queue.
const QUEUE_MAX: usize = 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an evicted connection may take to flush its last answer.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Name of a failed thread in the metrics.
const TASK_NAME: &str = "http_worker";

/// The threads of one listener.
pub(super) struct Pool {
    workers: Vec<Worker>,
    entry: Entry,
    stopping: Stopping,
    settings: Settings,
}

/// One thread that serves connections.
struct Worker {
    queue: mpsc::Sender<AcceptedConnection>,
    /// Its connections, queued ones included.
    open: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

impl Pool {
    pub(super) fn start(count: usize, entry: &Entry, stopping: &Stopping, settings: Settings) -> io::Result<Self> {
        let start = |_| Worker::start(entry, stopping, &settings);
        let workers = (0..count).map(start).collect::<io::Result<_>>()?;
        Ok(Self { workers, entry: entry.clone(), stopping: stopping.clone(), settings })
    }

    /// Assigns a connection to the thread with the fewest.
    pub(super) fn assign(&mut self, connection: AcceptedConnection) {
        self.replace_failed();
        let Some(worker) = self.workers.iter().min_by_key(|worker| worker.open.load(Relaxed)) else { return };
        worker.open.fetch_add(1, Relaxed);
        if worker.queue.try_send(connection).is_err() {
            worker.open.fetch_sub(1, Relaxed);
            self.settings.metrics.refused.inc();
        }
    }

    /// Replaces threads that ended, which only failed ones do. Their connections are lost.
    fn replace_failed(&mut self) {
        for worker in self.workers.iter_mut().filter(|worker| worker.thread.is_finished()) {
            match Worker::start(&self.entry, &self.stopping, &self.settings) {
                Ok(new) => {
                    let failed = std::mem::replace(worker, new);
                    let ended = match failed.thread.join() {
                        Ok(()) => TaskExit::Returned,
                        Err(panic) => TaskExit::Panicked(panic_message(&*panic)),
                    };
                    if !self.stopping.begun() {
                        self.settings.supervision.failed(TASK_NAME, &ended);
                    }
                }
                Err(error) => tracing::error!(%error, "a thread that serves connections cannot be started again"),
            }
        }
    }

    /// Waits until the connections of all threads have ended.
    pub(super) fn join(self) {
        for worker in self.workers {
            drop(worker.queue);
            if let Err(panic) = worker.thread.join() {
                self.settings.supervision.failed(TASK_NAME, &TaskExit::Panicked(panic_message(&*panic)));
            }
        }
    }
}

impl Worker {
    fn start(entry: &Entry, stopping: &Stopping, settings: &Settings) -> io::Result<Self> {
        let (queue, queued) = mpsc::channel(QUEUE_MAX);
        let open = Arc::new(AtomicUsize::new(0));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let work = work(entry.clone(), queued, Arc::clone(&open), stopping.clone(), settings.clone());
        let thread = thread::Builder::new().name("http".into()).spawn(move || runtime.block_on(work))?;
        Ok(Self { queue, open, thread })
    }
}

async fn work(
    entry: Entry,
    mut queued: mpsc::Receiver<AcceptedConnection>,
    open: Arc<AtomicUsize>,
    mut stopping: Stopping,
    settings: Settings,
) {
    let Settings { finish_within: limit, supervision, .. } = settings;
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 * 1024);
    let mut relay = JoinSet::new();
    relay.spawn(tasks::run_wake_batcher());
    let mut connections = JoinSet::new();
    loop {
        let connection = tokio::select! {
            next = queued.recv() => match next {
                Some(connection) => connection,
                None => break,
            },
            Some(ended) = connections.join_next() => {
                report(ended, &supervision);
                continue;
            }
            () = stopping.wait() => break,
        };
        let (entry, builder, open) = (entry.clone(), builder.clone(), OpenGuard(Arc::clone(&open)));
        connections.spawn(serve_connection(connection, entry, builder, stopping.clone(), open));
    }
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended, &supervision);
        }
    };
    if timeout(limit, all).await.is_err() {
        tracing::warn!("some requests did not finish before the shutdown");
    }
}

fn report(ended: Result<(), tokio::task::JoinError>, supervision: &Supervision) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        supervision.failed("connection", &TaskExit::Panicked(panic_message(&*panic)));
    }
}

async fn serve_connection(
    AcceptedConnection { stream, peer, slot }: AcceptedConnection,
    entry: Entry,
    builder: http1::Builder,
    mut stopping: Stopping,
    _open: OpenGuard,
) {
    let Ok(stream) = TcpStream::from_std(stream) else { return };
    // Small answers must not wait for Nagle's algorithm; without the option the socket still works.
    let _ = stream.set_nodelay(true);
    let connection = builder.serve_connection(TokioIo::new(stream), entry.connection(peer, Arc::clone(&slot)));
    let mut connection = pin!(connection);
    // Errors of the connection are the client's; they are ignored.
    let evicted = tokio::select! {
        _ = connection.as_mut() => return,
        () = slot.evicted() => true,
        () = stopping.wait() => false,
    };
    // A shutdown lets a body arrive; an eviction does not wait for it.
    if slot.awaits_first_head() || (evicted && slot.is_receiving_body()) {
        return;
    }
    connection.as_mut().graceful_shutdown();
    if evicted {
        let _ = timeout(CLOSE_TIMEOUT, connection).await;
    } else {
        let _ = connection.await;
    }
}

/// Counts a connection as open on its thread while it exists.
struct OpenGuard(Arc<AtomicUsize>);

impl Drop for OpenGuard {
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
        http::connection_limit::{ConnectionLimiter, ConnectionLimits},
        tasks::Tasks,
        telemetry::{
            connections::Connections,
            failures::{Failures, Task},
            health::Health,
        },
    };

    #[tokio::test]
    async fn a_failed_thread_is_counted_and_replaced() {
        let failures = Failures::default();
        let supervision = Supervision::new(Health::default(), failures.clone());
        let tasks = Tasks::new(&supervision);
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
        let (queue, _) = mpsc::channel(1);
        let thread = thread::spawn(|| panic!("expected by the test"));
        while !thread.is_finished() {
            thread::yield_now();
        }
        pool.workers[0] = Worker { queue, open: Arc::default(), thread };

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let limits = ConnectionLimits { connections_max: 10, per_address_max: 10, trusted_proxies: Vec::new() };
        let slot = ConnectionLimiter::new(limits, Connections::default()).admit(peer.ip()).unwrap();
        pool.assign(AcceptedConnection { stream: stream.into_std().unwrap(), peer, slot });
        client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");
        assert_eq!(failures.tasks_failed.get_or_create(&Task { task: TASK_NAME }).get(), 1);
        tokio::task::spawn_blocking(move || pool.join()).await.unwrap();
    }
}
