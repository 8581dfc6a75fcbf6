//! The owner's door: a Unix socket in the data directory, over which commands reach a running service.
//! Whoever may open the socket owns the directory, so nothing more is asked.

use std::{os::unix::fs::PermissionsExt, path::Path};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::post,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::{Value, json};
use tokio::{net::UnixListener, task::JoinSet};

use super::state::Doors;
use crate::{operate::Operation, tasks::Stopping};

/// Name of the socket in the data directory.
pub const SOCKET: &str = "ashna.sock";

const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Opens the socket, readable and writable by its owner alone.
///
/// # Errors
/// When the directory refuses it.
pub fn bind(data_dir: &Path) -> std::io::Result<UnixListener> {
    let path = data_dir.join(SOCKET);
    // The directory's lock is ours, so a socket that is there was left by a killed service.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves operations until stopping begins.
pub async fn serve(listener: UnixListener, doors: Doors, mut stopping: Stopping) {
    let router =
        Router::new().route("/operate", post(operate)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(doors);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a command could not connect");
                    continue;
                }
            },
            Some(_) = connections.join_next() => continue,
            () = stopping.wait() => return,
        };
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            // A command that went away is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Answers `{"answer": …}` or `{"error": "one clear line"}`.
async fn operate(State(doors): State<Doors>, Json(operation): Json<Operation>) -> Json<Value> {
    Json(match doors.operator().run(operation).await {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => json!({ "error": error.to_string() }),
    })
}
