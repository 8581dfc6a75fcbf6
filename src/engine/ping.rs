//! Asking the engine whether it answers: one `SELECT 1` over HTTP/1.1, by hand, so that this room
//! needs no client library.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::config::Endpoint;

const ANSWER_BYTES_MAX: u64 = 16 * 1024;

/// Whether it answers within `limit`, with the service's password.
pub async fn answers(endpoint: &Endpoint, limit: Duration) -> Result<(), String> {
    match tokio::time::timeout(limit, ask(endpoint)).await {
        Ok(Ok(answer)) if answer.starts_with("HTTP/1.1 200") && answer.contains("\r\n\r\n") => Ok(()),
        Ok(Ok(answer)) => {
            let line = answer.lines().find(|l| l.starts_with("Code:")).or_else(|| answer.lines().next());
            Err(format!("it refuses: {}", line.unwrap_or("an empty answer").chars().take(200).collect::<String>()))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} ms", limit.as_millis())),
    }
}

async fn ask(endpoint: &Endpoint) -> std::io::Result<String> {
    let address = endpoint.url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\n\
         Content-Length: 8\r\nConnection: close\r\n\r\nSELECT 1",
        endpoint.user, endpoint.password
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
