//! A receiver of webhooks: records the calls and answers as it is set.

use std::sync::{Arc, Mutex};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::engine::{PATIENCE, eventually};

/// The receiver's behaviour.
#[derive(Clone, Copy)]
pub enum Reply {
    /// A status.
    Status(u16),
    /// A redirect to its own `/elsewhere`.
    Redirect,
    /// Takes the request and never answers.
    Hangs,
}

/// One received call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Path of the request.
    pub path: String,
    /// Value of `Ashna-Signature`.
    pub signature: String,
    /// The body as it was sent.
    pub text: String,
}

impl Call {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).expect("JSON")
    }

    pub fn id(&self) -> String {
        self.json()["id"].as_str().expect("an id").to_owned()
    }

    /// Whether the signature is this secret's.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let Some((seconds, hex)) = self.signature.strip_prefix("t=").and_then(|rest| rest.split_once(",v1=")) else {
            return false;
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        mac.update(format!("{seconds}.{}", self.text).as_bytes());
        let digest = mac.finalize().into_bytes();
        hex == digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
    }
}

/// A running receiver.
pub struct Receiver {
    pub port: u16,
    reply: Arc<Mutex<Reply>>,
    calls: Arc<Mutex<Vec<Call>>>,
    _serving: JoinSet<()>,
}

impl Receiver {
    pub async fn start(reply: Reply) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (reply, calls) = (Arc::new(Mutex::new(reply)), Arc::<Mutex<Vec<Call>>>::default());
        let (answering, receiving) = (Arc::clone(&reply), Arc::clone(&calls));
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, Arc::clone(&answering), Arc::clone(&receiving)));
            }
        });
        Self { port, reply, calls, _serving: serving }
    }

    /// Its address, by name or number.
    pub fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/hook?a=b", self.port)
    }

    pub fn does(&self, reply: Reply) {
        *self.reply.lock().expect("the reply") = reply;
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("the calls").clone()
    }

    /// Waits for so many calls.
    pub async fn receives(&self, least: usize) -> Vec<Call> {
        eventually("the calls arrive", PATIENCE, async || self.calls().len() >= least).await;
        self.calls()
    }
}

async fn serve(mut stream: TcpStream, reply: Arc<Mutex<Reply>>, calls: Arc<Mutex<Vec<Call>>>) {
    let mut bytes = Vec::new();
    let mut part = [0; 8192];
    let (head, length, start) = loop {
        let n = stream.read(&mut part).await.unwrap_or_default();
        if n == 0 {
            return;
        }
        bytes.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some(end) = text.find("\r\n\r\n") else { continue };
        let head = text[..end].to_owned();
        let length = header(&head, "content-length").parse::<usize>().unwrap_or_default();
        break (head, length, end + 4);
    };
    while bytes.len() < start + length {
        let n = stream.read(&mut part).await.unwrap_or_default();
        if n == 0 {
            return;
        }
        bytes.extend_from_slice(&part[..n]);
    }
    calls.lock().expect("the calls").push(Call {
        path: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        signature: header(&head, "ashna-signature"),
        text: String::from_utf8_lossy(&bytes[start..start + length]).into_owned(),
    });
    let reply = *reply.lock().expect("the reply");
    let answer = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} Because\r\ncontent-length: 0\r\n\r\n"),
        Reply::Redirect => "HTTP/1.1 307 Elsewhere\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned(),
        Reply::Hangs => return std::future::pending().await,
    };
    // The client may have disconnected.
    let _ = stream.write_all(answer.as_bytes()).await;
}

fn header(head: &str, name: &str) -> String {
    let of = |line: &str| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    };
    head.lines().find_map(of).unwrap_or_default()
}
