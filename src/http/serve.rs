//! Accepting connections: HTTP/1.1 with a time limit on headers, a cap on connections, and a stop
//! that lets requests under way finish.
//!
//! One thread accepts. As many threads as the machine has processors serve, each with a runtime of its
//! own: a connection stays on one thread all its life, nothing on its way takes a lock that another
//! thread holds, and requests that wait for the same fsync are woken together (`tasks::relay`). Work
//! that is not a visitor's stays on the service's common runtime; see [`Entry`].

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::mpsc,
    task::JoinSet,
};

use super::entry::Entry;
use crate::tasks::{self, Stopping};

const CONNECTIONS_MAX: usize = 20_000;
/// Accepted connections that a thread has not taken up yet.
const WAITING_MAX: usize = 1024;
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);

/// Serves `entry` on `listener` until stopping begins, then waits at most `limit` for requests under way.
pub async fn serve(listener: TcpListener, entry: Entry, mut stopping: Stopping, limit: Duration) {
    let count = thread::available_parallelism().map_or(2, usize::from);
    let started: io::Result<Vec<Worker>> = (0..count).map(|_| Worker::start(&entry, &stopping, limit)).collect();
    let mut workers = match started {
        Ok(workers) => workers,
        Err(error) => return tracing::error!(%error, "the threads that serve connections cannot be started"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.wait() => break,
        };
        match accepted.and_then(|(stream, peer)| Ok((stream.into_std()?, peer))) {
            Ok(connection) => hand_over(&workers, connection),
            Err(error) => {
                // Out of file descriptors or the like: a short rest lets connections end.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    let joined = tokio::task::spawn_blocking(move || workers.drain(..).for_each(Worker::join)).await;
    if joined.is_err() {
        tracing::error!("a thread that served connections had failed");
    }
}

type Connection = (std::net::TcpStream, SocketAddr);

/// Gives a connection to the thread that has the fewest.
fn hand_over(workers: &[Worker], connection: Connection) {
    let load = |worker: &&Worker| worker.open.load(Ordering::Relaxed);
    let total: usize = workers.iter().map(|worker| load(&worker)).sum();
    let Some(worker) = workers.iter().min_by_key(load) else { return };
    worker.open.fetch_add(1, Ordering::Relaxed);
    if total >= CONNECTIONS_MAX || worker.connections.try_send(connection).is_err() {
        worker.open.fetch_sub(1, Ordering::Relaxed);
        tracing::warn!("too many connections; one was closed");
    }
}

/// One thread that serves connections.
struct Worker {
    connections: mpsc::Sender<Connection>,
    /// Connections it has, those on their way to it included.
    open: Arc<AtomicUsize>,
    thread: thread::JoinHandle<()>,
}

impl Worker {
    fn start(entry: &Entry, stopping: &Stopping, limit: Duration) -> io::Result<Self> {
        let (connections, waiting) = mpsc::channel(WAITING_MAX);
        let open = Arc::new(AtomicUsize::new(0));
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let work = work(entry.clone(), waiting, Arc::clone(&open), stopping.clone(), limit);
        let thread = thread::Builder::new().name("http".into()).spawn(move || runtime.block_on(work))?;
        Ok(Self { connections, open, thread })
    }

    fn join(self) {
        drop(self.connections);
        if self.thread.join().is_err() {
            tracing::error!("a thread that served connections had failed");
        }
    }
}

async fn work(
    entry: Entry,
    mut waiting: mpsc::Receiver<Connection>,
    open: Arc<AtomicUsize>,
    mut stopping: Stopping,
    limit: Duration,
) {
    let graceful = GracefulShutdown::new();
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(64 * 1024);
    let mut tasks = JoinSet::new();
    tasks.spawn(tasks::relay());
    loop {
        let (stream, peer) = tokio::select! {
            next = waiting.recv() => match next {
                Some(connection) => connection,
                None => break,
            },
            Some(_) = tasks.join_next() => continue,
            () = stopping.wait() => break,
        };
        let slot = Slot(Arc::clone(&open));
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        // Small answers must not wait for Nagle's algorithm; a socket that refuses is still usable.
        let _ = stream.set_nodelay(true);
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), entry.of(peer)));
        tasks.spawn(async move {
            // Broken connections are the client's affair.
            let _ = connection.await;
            drop(slot);
        });
    }
    if tokio::time::timeout(limit, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests did not finish before the stop");
    }
}

/// A connection's place among those of its thread.
struct Slot(Arc<AtomicUsize>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
