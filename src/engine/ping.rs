//! Health check of the engine: one `SELECT 1` over plain HTTP/1.1, so that this module needs no client library.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::config::Endpoint;

const RESPONSE_BYTES_MAX: u64 = 16 * 1024;

/// Checks that the engine accepts the service's password and responds within `limit`.
///
/// # Errors
/// The reason in one line.
pub async fn ping(endpoint: &Endpoint, limit: Duration) -> Result<(), String> {
    match tokio::time::timeout(limit, request(endpoint)).await {
        Ok(Ok(response)) if response.starts_with("HTTP/1.1 200") && response.contains("\r\n\r\n") => Ok(()),
        Ok(Ok(response)) => {
            let line = response.lines().find(|l| l.starts_with("Code:")).or_else(|| response.lines().next());
            Err(format!("error response: {}", line.unwrap_or("empty").chars().take(200).collect::<String>()))
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no response within {} ms", limit.as_millis())),
    }
}

async fn request(endpoint: &Endpoint) -> std::io::Result<String> {
    let address = endpoint.url.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(address).await?;
    if !is_own_listener(address) {
        return Err(std::io::Error::other("a program of another user listens on the engine's port"));
    }
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-ClickHouse-User: {}\r\nX-ClickHouse-Key: {}\r\n\
         Content-Length: 8\r\nConnection: close\r\n\r\nSELECT 1",
        endpoint.user,
        endpoint.password.expose()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    stream.take(RESPONSE_BYTES_MAX).read_to_end(&mut response).await?;
    Ok(String::from_utf8_lossy(&response).into_owned())
}

/// Whether the listener at this address of 127.0.0.1 runs as the same user as this process: the password is sent only
/// then. True if the kernel has no socket list or the port is not in it: then the child's exit shows the failure.
fn is_own_listener(address: &str) -> bool {
    let Some(port) = address.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()) else { return false };
    let Ok(sockets) = std::fs::read_to_string("/proc/net/tcp") else { return true };
    let own = rustix::process::geteuid().as_raw();
    listener_uids(&sockets, port).all(|uid| uid == own)
}

/// User ids of the sockets that listen on a port, from the kernel's list: `sl local remote state … uid`.
fn listener_uids(sockets: &str, port: u16) -> impl Iterator<Item = u32> + '_ {
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
    fn listeners_are_found_in_the_kernel_s_list() {
        let list = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 31 1 0 100 0 0 10 0\n\
            1: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 32 1 0 100 0 0 10 0\n\
            2: 0100007F:1F90 0100007F:8B2C 01 00000000:00000000 00:00000000 00000000     7        0 33 1 0 20 4 24 10 0\n";
        assert_eq!(listener_uids(list, 8080).collect::<Vec<_>>(), [1000]);
        assert_eq!(listener_uids(list, 8081).collect::<Vec<_>>(), [33]);
        assert_eq!(listener_uids(list, 8082).count(), 0);
    }

    #[tokio::test]
    async fn a_listener_of_the_same_user_is_accepted() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        assert!(is_own_listener(&listener.local_addr().unwrap().to_string()));
    }
}
