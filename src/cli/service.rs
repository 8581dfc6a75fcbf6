//! Access to the service: the one running on the data directory, or one started for this command.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use http_body_util::{BodyExt, Full};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;

use crate::{
    app::{App, StartOptions},
    config::Config,
    http::local::SOCKET,
    operate::Operation,
};

/// The service that executes a command's operations.
pub enum Service {
    /// The running service, reached through its socket.
    Running(PathBuf),
    /// A service started in this process.
    Started(Box<App>),
}

/// Executes one operation.
pub async fn operate(config: &Config, data_dir: &Path, operation: Operation) -> anyhow::Result<Value> {
    // In a wrong directory, a question would be answered with nothing, and leave a new data directory behind.
    let has_data = ["control.sqlite", "journal"].iter().any(|name| data_dir.join(name).exists());
    if !has_data && operation.only_asks() {
        bail!("there is no data in {}: name the directory of the service with --data-dir", data_dir.display());
    }
    let service = Service::open(config, data_dir).await?;
    let answer = service.operate(operation).await;
    service.close().await;
    answer
}

impl Service {
    /// Connects to the running service, or starts one.
    pub async fn open(config: &Config, data_dir: &Path) -> anyhow::Result<Self> {
        let socket = data_dir.join(SOCKET);
        if UnixStream::connect(&socket).await.is_ok() {
            return Ok(Self::Running(socket));
        }
        Ok(Self::Started(Box::new(App::start(config, data_dir, StartOptions::default()).await?)))
    }

    /// Executes one operation.
    pub async fn operate(&self, operation: Operation) -> anyhow::Result<Value> {
        match self {
            Self::Running(socket) => send(socket, &operation).await,
            Self::Started(app) => Ok(app.state.operator().run(operation).await?),
        }
    }

    /// Stops a service started by [`Self::open`].
    pub async fn close(self) {
        if let Self::Started(app) = self {
            app.stop().await;
        }
    }
}

async fn send(socket: &Path, operation: &Operation) -> anyhow::Result<Value> {
    let stream = UnixStream::connect(socket).await.context("the running service closed the connection")?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::post("/operate")
        .header(header::HOST, "ashna")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(serde_json::to_vec(operation)?)))?;
    let exchange = async {
        let answer = sender.send_request(request).await?;
        Ok::<_, anyhow::Error>(answer.into_body().collect().await?.to_bytes())
    };
    let bytes = tokio::select! {
        bytes = exchange => bytes?,
        ended = connection => {
            ended?;
            bail!("the running service closed the connection");
        }
    };
    let mut answer: Value = serde_json::from_slice(&bytes)
        .with_context(|| format!("the running service returned {:?}", String::from_utf8_lossy(&bytes)))?;
    match answer["error"].as_str() {
        Some(error) => bail!("{error}"),
        None => Ok(answer["answer"].take()),
    }
}
