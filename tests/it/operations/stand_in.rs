//! Stand-ins for servers that are not ClickHouse or too old, with answers recorded from real ones.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

/// A server with one fixed answer; it stops when dropped.
pub struct StandIn {
    /// Its URL.
    pub url: String,
    /// Heads of the received requests.
    pub heads: Arc<Mutex<Vec<String>>>,
    _running: JoinSet<()>,
}

impl StandIn {
    /// Answers with this status line and body.
    pub async fn answering(status: &'static str, body: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let mut running = JoinSet::new();
        let seen = Arc::clone(&heads);
        running.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(answer(stream, status, body, Arc::clone(&seen)));
            }
        });
        Self { url, heads, _running: running }
    }
}

/// One request, one answer.
pub async fn answer(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    status: &'static str,
    body: &'static str,
    heads: Arc<Mutex<Vec<String>>>,
) {
    let mut bytes = vec![0; 64 * 1024];
    let Ok(read) = stream.read(&mut bytes).await else { return };
    heads.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
    let text = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    let _ = stream.write_all(text.as_bytes()).await;
    let _ = stream.shutdown().await;
}
