//! The owner's door: a Unix socket in the data directory, over which commands reach a running service.
//! Whoever may open the socket owns the directory, so nothing more is asked. An operation is finished once begun,
//! also when its command is ended.

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
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// Commands at one time; those beyond wait until one has ended.
const CONNECTIONS_MAX: usize = 32;

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
                    // Out of file descriptors or the like: a short rest lets connections end.
                    stopping.sleep(ACCEPT_REST).await;
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
            // A command that went away is its own affair.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Answers `{"answer": …}` or `{"error": "one clear line"}`.
async fn operate(State(state): State<AppState>, Json(operation): Json<Operation>) -> Json<Value> {
    let operating = state.clone();
    let answer = state.edits.finish("operation", async move { operating.operator().run(operation).await }).await;
    Json(match answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => json!({ "error": error.to_string() }),
    })
}
