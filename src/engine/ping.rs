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
    if !is_ours(address) {
        return Err(std::io::Error::other("a program of another user listens on the engine's port"));
    }
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\n\
         Content-Length: 8\r\nConnection: close\r\n\r\nSELECT 1",
        endpoint.user,
        endpoint.password.expose()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether whoever listens at this address of 127.0.0.1 runs as the same user as we do: a password is sent to
/// nobody else. Where the kernel has no such list, or the port is not in it, the child's own end decides.
fn is_ours(address: &str) -> bool {
    let Some(port) = address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()) else { return false };
    let Ok(sockets) = std::fs::read_to_string("/proc/net/tcp") else { return true };
    let own = rustix::process::geteuid().as_raw();
    listeners(&sockets, port).all(|uid| uid == own)
}

/// Users of the sockets that listen on a port, by the kernel's list: `sl local remote state … uid`.
fn listeners(sockets: &str, port: u16) -> impl Iterator<Item = u32> + '_ {
    sockets.lines().skip(1).filter_map(move |line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state, uid) = (fields.get(1)?, fields.get(3)?, fields.get(7)?);
        let listens = *state == "0A" && u16::from_str_radix(local.rsplit(':').next()?, 16) == Ok(port);
        if listens { uid.parse().ok() } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_is_known_by_the_kernel_s_list() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31 1 0 100 0 0 10 0\n\
            1: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 32 1 0 100 0 0 10 0\n\
            2: 0100007F:1F90 0100007F:8B2C 01 00000000:00000000 00:00000000 00000000     7        0 33 1 0 20 4 24 10 0\n";
        assert_eq!(listeners(list, 8080).collect::<Vec<_>>(), [1000]);
        assert_eq!(listeners(list, 8081).collect::<Vec<_>>(), [33]);
        assert_eq!(listeners(list, 8082).count(), 0);
    }

    #[tokio::test]
    async fn a_program_of_the_same_user_is_taken_for_ours() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(is_ours(&listener.local_addr().unwrap().to_string()));
    }
}
