//! A shop's own server: it answers with one file, says how it recognises its state, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// What the server does.
#[derive(Clone)]
pub enum Answer {
    /// Gives the file, with an `ETag` that is its own; 304 to who has it.
    File(String),
    /// The same with a `Last-Modified`.
    Dated(String, &'static str),
    /// Promises more than it sends.
    Broken,
    /// Takes the request and never says a word.
    Hangs,
    /// A status without a file.
    Status(u16),
}

/// A running server.
pub struct ShopServer {
    /// Address of its file.
    pub url: String,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl ShopServer {
    /// Serves one file.
    pub async fn start(file: &str) -> Self {
        Self::doing(Answer::File(file.to_owned())).await
    }

    /// Does this.
    pub async fn doing(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/feed.csv", listener.local_addr().unwrap());
        let (answer, asked) = (Arc::new(Mutex::new(answer)), Arc::<Mutex<Vec<String>>>::default());
        let mut serving = JoinSet::new();
        let (answering, asking) = (Arc::clone(&answer), Arc::clone(&asked));
        serving.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                open.spawn(serve(stream, answering.lock().unwrap().clone(), Arc::clone(&asking)));
            }
        });
        Self { url, answer, asked, _serving: serving }
    }

    /// From now on it gives this file.
    pub fn serves(&self, file: &str) {
        self.does(Answer::File(file.to_owned()));
    }

    /// From now on it does this.
    pub fn does(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// What it was asked so far, heads in lower case.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, answer: Answer, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = vec![0; 4096];
    let n = stream.read(&mut request).await.unwrap_or_default();
    let request = String::from_utf8_lossy(&request[..n]).to_lowercase();
    asked.lock().unwrap().push(request.clone());
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
    // Whoever asked may have gone.
    let _ = stream.write_all(text.as_bytes()).await;
}
