//! The Unix socket in the data directory by which CLI commands reach a running service. Access to the socket is the
//! authorization: only the directory's owner can open it. A begun operation finishes even if its command is killed.

use std::{os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    routing::post,
};
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use serde_json::{Value, json};
use tokio::{net::UnixListener, task::JoinSet};

use super::state::AppState;
use crate::{operate::Operation, tasks::Stopping};

/// Name of the socket in the data directory.
pub const SOCKET: &str = "ashna.sock";

const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Commands at one time; further ones wait.
const CONNECTIONS_MAX: usize = 32;

/// Creates the socket, accessible by its owner only.
///
/// # Errors
/// When the socket cannot be created.
pub fn bind(data_dir: &Path) -> std::io::Result<UnixListener> {
    let path = data_dir.join(SOCKET);
    // We hold the directory's lock, so an existing socket was left by a killed service.
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves operations until stopping begins.
pub async fn serve(listener: Arc<UnixListener>, state: AppState, mut stopping: Stopping) {
    let router =
        Router::new().route("/operate", post(operate)).layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).with_state(state);
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a command could not connect");
                    // For example out of file descriptors: a pause lets connections end.
                    stopping.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(ended) = connections.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a command's connection panicked");
                }
                continue;
            }
            () = stopping.wait() => return,
        };
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            // Errors of a disconnected command are ignored.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Responds `{"answer": …}` or `{"error": "one line"}`.
async fn operate(State(state): State<AppState>, Json(operation): Json<Operation>) -> Json<Value> {
    let operator_state = state.clone();
    let answer = state.edits.run("operation", async move { operator_state.operator().run(operation).await }).await;
    Json(match answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => json!({ "error": error.to_string() }),
    })
}
