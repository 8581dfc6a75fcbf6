//! Requests prepared before the measurement, and threads that send them and read the responses.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use ashna::clock;

pub(crate) const EVENTS_PER_BODY: u64 = 50;
const BODIES: u64 = 400;
const CONNECTIONS: u64 = 16;
/// Placeholder that is replaced by a unique number at each sending.
const NUMBER: &str = "################";

/// Complete requests except for the numbers of their messages.
pub(crate) struct Bodies {
    requests: Vec<Request>,
    /// Numbers used so far.
    numbers: AtomicU64,
}

struct Request {
    bytes: Vec<u8>,
    /// Offset of the body.
    body: usize,
    /// Offsets of the numbers.
    offsets: Vec<usize>,
}

impl Bodies {
    pub(crate) fn prepare(write_key: &str) -> Self {
        let requests = (0..BODIES).map(|visitor| Request::prepare(write_key, visitor)).collect();
        Self { requests, numbers: AtomicU64::new(0) }
    }

    /// Returns the bodies as they would be sent.
    pub(crate) fn texts(&self) -> impl Iterator<Item = Vec<u8>> {
        self.requests.iter().map(|request| request.numbered(self)[request.body..].to_vec())
    }
}

impl Request {
    fn prepare(write_key: &str, visitor: u64) -> Self {
        let now = clock::now().0;
        let events: Vec<String> = (0..EVENTS_PER_BODY).map(|i| event(visitor, i, now)).collect();
        let body = format!(
            r#"{{"key":"{write_key}","visitor":"{:032x}","sentAt":{now},"context":{{"locale":"en-GB",
            "timezone":"Europe/London","screen":{{"width":1440,"height":900}},
            "library":{{"name":"ashna.js","version":"0.1.0"}}}},"events":[{}]}}"#,
            u128::from(visitor) << 64 | 7,
            events.join(",")
        );
        let head = format!(
            "POST /e HTTP/1.1\r\nHost: shop.example\r\nOrigin: {}\r\nContent-Type: text/plain\r\nUser-Agent: \
             Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0\r\nContent-Length: {}\r\n\r\n",
            super::ORIGIN,
            body.len()
        );
        let bytes = [head.as_bytes(), body.as_bytes()].concat();
        let text = std::str::from_utf8(&bytes).expect("text");
        let offsets = text.match_indices(NUMBER).map(|(at, _)| at).collect();
        Self { body: head.len(), bytes: bytes.clone(), offsets }
    }

    fn numbered(&self, bodies: &Bodies) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let first = bodies.numbers.fetch_add(EVENTS_PER_BODY, Ordering::Relaxed);
        for (number, at) in (first..).zip(&self.offsets) {
            bytes[*at..at + NUMBER.len()].copy_from_slice(format!("{number:016x}").as_bytes());
        }
        bytes
    }
}

/// An event of a long visit: page views, and every fifth a product view.
fn event(visitor: u64, i: u64, now: i64) -> String {
    let item = (visitor * 31 + i * 7) % 500;
    let at = now - 60_000 + i64::try_from(i).unwrap_or(0) * 1000;
    let page = format!(
        r#""context":{{"page":{{"url":"https://shop.example/p/item-{item}?utm_source=letter&utm_medium=email","title":"Item {item} of the shop","referrer":"https://www.google.com/"}}}}"#
    );
    match i % 5 {
        0 => format!(
            r#"{{"type":"track","event":"Product Viewed","messageId":"{NUMBER}","timestamp":{at},"properties":{{"product_id":"item-{item}","category":"Cups","price":12.5,"currency":"EUR"}},{page}}}"#
        ),
        _ => format!(r#"{{"type":"page","messageId":"{NUMBER}","timestamp":{at},"properties":{{}},{page}}}"#),
    }
}

/// Sends `events` events, at most `rate` per second, and waits for all responses. Returns the number sent.
pub(crate) async fn send_all(
    address: SocketAddr,
    bodies: Arc<Bodies>,
    events: u64,
    rate: Option<u64>,
) -> anyhow::Result<u64> {
    let remaining = Arc::new(AtomicU64::new(events / EVENTS_PER_BODY));
    let pause = rate.map(|rate| Duration::from_secs_f64((EVENTS_PER_BODY * CONNECTIONS) as f64 / rate as f64));
    let senders: Vec<_> = (0..CONNECTIONS)
        .map(|number| {
            let (bodies, remaining) = (Arc::clone(&bodies), Arc::clone(&remaining));
            std::thread::spawn(move || send(address, &bodies, number, &remaining, pause))
        })
        .collect();
    let joined = tokio::task::spawn_blocking(move || {
        senders.into_iter().map(|sender| sender.join().map_err(|_| anyhow::anyhow!("a sender failed"))?).sum()
    });
    joined.await?
}

fn send(
    address: SocketAddr,
    bodies: &Bodies,
    number: u64,
    remaining: &AtomicU64,
    pause: Option<Duration>,
) -> anyhow::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let (mut sent, mut due) =
        (0, Instant::now() + pause.unwrap_or_default().mul_f64(number as f64 / CONNECTIONS as f64));
    while remaining.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        let index = usize::try_from(sent * CONNECTIONS + number)? % bodies.requests.len();
        let request = bodies.requests[index].numbered(bodies);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        due += pause.unwrap_or_default();
        stream.write_all(&request)?;
        check_response(&mut stream)?;
        sent += 1;
    }
    Ok(sent * EVENTS_PER_BODY)
}

/// Reads one response, which must have no body and report fifty kept events.
fn check_response(stream: &mut TcpStream) -> anyhow::Result<()> {
    let (mut answer, mut filled) = ([0; 4096], 0);
    while !answer[..filled].windows(4).any(|window| window == b"\r\n\r\n") {
        let read = stream.read(&mut answer[filled..])?;
        anyhow::ensure!(read > 0, "the connection was closed in the middle of a response");
        filled += read;
    }
    let text = String::from_utf8_lossy(&answer[..filled]);
    anyhow::ensure!(text.starts_with("HTTP/1.1 204") && text.contains("kept=50,"), "not accepted: {text}");
    Ok(())
}
