//! A shop's web server: serves one file with validators, and records the requests.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The server's behaviour.
#[derive(Clone)]
pub enum Answer {
    /// Sends the file with an `ETag`; 304 if it matches.
    File(String),
    /// The same with a `Last-Modified`.
    Dated(String, &'static str),
    /// Sends less than its content length.
    Broken,
    /// Accepts the request and never answers.
    Hangs,
    /// A status without a file.
    Status(u16),
}

/// A running server.
pub struct ShopServer {
    /// URL of its file.
    pub url: String,
    answer: Arc<Mutex<Answer>>,
    requests: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl ShopServer {
    /// Serves one file.
    pub async fn start(file: &str) -> Self {
        Self::doing(Answer::File(file.to_owned())).await
    }

    /// Serves with this behaviour.
    pub async fn doing(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/feed.csv", listener.local_addr().unwrap());
        let (answer, requests) = (Arc::new(Mutex::new(answer)), Arc::<Mutex<Vec<String>>>::default());
        let mut serving = JoinSet::new();
        let (answering, asking) = (Arc::clone(&answer), Arc::clone(&requests));
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, answering.lock().unwrap().clone(), Arc::clone(&asking)));
            }
        });
        Self { url, answer, requests, _serving: serving }
    }

    /// Replaces the file.
    pub fn serves(&self, file: &str) {
        self.does(Answer::File(file.to_owned()));
    }

    /// Changes the behaviour.
    pub fn does(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// Heads of the received requests, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, requests: Arc<Mutex<Vec<String>>>) {
    let mut request = vec![0; 4096];
    let n = stream.read(&mut request).await.unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..n]).to_lowercase();
    requests.lock().unwrap().push(request.clone());
    let whole = |validator: String, known: String, file: &str| {
        if request.contains(&known.to_lowercase()) {
            return format!("HTTP/1.1 304 Not Modified\r\n{validator}\r\nconnection: close\r\n\r\n");
        }
        let length = file.len();
        format!("HTTP/1.1 200 OK\r\n{validator}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{file}")
    };
    let text = match answer {
        Answer::File(file) => {
            let etag = format!("\"{}\"", file.len());
            whole(format!("etag: {etag}"), format!("if-none-match: {etag}\r\n"), &file)
        }
        Answer::Dated(file, date) => {
            whole(format!("last-modified: {date}"), format!("if-modified-since: {date}\r\n"), &file)
        }
        Answer::Broken => {
            "HTTP/1.1 200 OK\r\ncontent-length: 5000\r\nconnection: close\r\n\r\nid,title\nx,1\n".to_owned()
        }
        Answer::Status(status) => {
            format!("HTTP/1.1 {status} Because\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Answer::Hangs => return std::future::pending().await,
    };
    // The client may have disconnected.
    let _ = stream.write_all(text.as_bytes()).await;
}
