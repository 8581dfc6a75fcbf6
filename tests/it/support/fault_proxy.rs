//! A TCP proxy between store and engine that injects faults.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::engine::{PATIENCE, eventually};

/// What happens to the engine's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Connections are closed before anything is read, including open ones.
    Refuse,
    /// The request is executed; its answer is lost and the connection closed.
    LoseAnswer,
    /// The first bytes of the answer arrive, then the connection is closed.
    CutAnswer(usize),
    /// The answer is delayed.
    Delay(Duration),
    /// The answer never arrives and the connection stays open.
    Hang,
    /// The answer is held until the fault changes.
    Hold,
    /// The first bytes of the answer arrive, then no more, and the connection stays open.
    StallAfter(usize),
}

/// Counters.
#[derive(Default)]
struct Counted {
    /// Chunks of answers from the engine.
    answered: AtomicU64,
    /// Connections and answer chunks affected by a fault.
    struck: AtomicU64,
}

/// A running proxy; it stops when dropped.
pub struct FaultProxy {
    address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    counted: Arc<Counted>,
    _connections: JoinSet<()>,
}

impl FaultProxy {
    /// Listens on a free loopback port and forwards everything to `target` (`http://HOST:PORT`).
    pub async fn before(target: &str) -> Self {
        Self::at("127.0.0.1:0", target).await
    }

    /// The same at a given address.
    pub async fn at(address: &str, target: &str) -> Self {
        let target: SocketAddr = target.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let fault = Arc::new(Mutex::new(Fault::None));
        let mut connections = JoinSet::new();
        let counted = Arc::<Counted>::default();
        let (current, counting) = (Arc::clone(&fault), Arc::clone(&counted));
        connections.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                open.spawn(pass(client, target, Arc::clone(&current), Arc::clone(&counting)));
            }
        });
        Self { address, fault, counted, _connections: connections }
    }

    /// The address to give to the store.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets the fault.
    pub fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Sets a fault and waits until it affected `times` connections or answer chunks.
    pub async fn strikes(&self, fault: Fault, times: u64) {
        let before = self.counted.struck.load(Relaxed);
        self.set(fault);
        let struck = async || self.counted.struck.load(Relaxed) >= before + times;
        eventually("the fault meets what it is for", PATIENCE, struck).await;
    }

    /// Waits for `times` more answer chunks.
    pub async fn answers(&self, times: u64) {
        let before = self.counted.answered.load(Relaxed);
        let answered = async || self.counted.answered.load(Relaxed) >= before + times;
        eventually("the engine answers", PATIENCE, answered).await;
    }
}

async fn pass(client: TcpStream, target: SocketAddr, fault: Arc<Mutex<Fault>>, counted: Arc<Counted>) {
    if *fault.lock().unwrap() == Fault::Refuse {
        counted.struck.fetch_add(1, Relaxed);
        return;
    }
    let Ok(server) = TcpStream::connect(target).await else { return };
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let up = async {
        let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        let _ = to_server.shutdown().await;
    };
    let down = async {
        let mut bytes = vec![0; 64 * 1024];
        let mut before_the_stall = 0;
        while let Ok(read @ 1..) = from_server.read(&mut bytes).await {
            let fault = no_hold(&fault).await;
            counted.answered.fetch_add(1, Relaxed);
            if fault != Fault::None {
                counted.struck.fetch_add(1, Relaxed);
            }
            let passed = match fault {
                Fault::None | Fault::Hold => read,
                Fault::Refuse | Fault::LoseAnswer => return,
                Fault::CutAnswer(at) => at.min(read),
                Fault::Delay(time) => {
                    tokio::time::sleep(time).await;
                    read
                }
                Fault::Hang => std::future::pending().await,
                Fault::StallAfter(at) => {
                    let left = at - before_the_stall;
                    if left < read {
                        let _ = to_client.write_all(&bytes[..left]).await;
                        std::future::pending::<()>().await;
                    }
                    before_the_stall += read;
                    read
                }
            };
            if to_client.write_all(&bytes[..passed]).await.is_err() || passed < read {
                return;
            }
        }
    };
    // If either side closes, both are closed: the engine keeps what it has received.
    tokio::select! { () = up => {}, () = down => {} }
}

/// The fault, once it no longer holds answers.
async fn no_hold(fault: &Mutex<Fault>) -> Fault {
    loop {
        let now = *fault.lock().unwrap();
        if now != Fault::Hold {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
