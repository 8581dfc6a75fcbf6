//! The embedded engine: a whole ClickHouse in a child process of our own binary.
//!
//! It starts the child, waits until it answers, watches it, starts it again when it dies, and ends
//! it with the service — even when the service is killed, because the child ends when its standard
//! input closes. It must never speak SQL beyond `SELECT 1`: that is `store`, which is handed the
//! engine's changing address through [`Engine::endpoint`].
//!
//! ```no_run
//! # async fn example() -> Result<(), ashna::engine::EngineError> {
//! # use ashna::{config::Config, engine::{Engine, Options}, tasks::Tasks};
//! let config = Config::defaults();
//! let mut tasks = Tasks::default(); // one of its own: the engine is stopped after everyone else
//! let options = Options { engine: &config.engine, data_dir: "./data".as_ref(), database: "ashna", program: None };
//! let engine = Engine::start(&options, &mut tasks)?;
//! engine.ready(std::time::Duration::from_secs(10)).await?;
//! # Ok(()) }
//! ```

pub mod child;
mod files;
mod find;
mod ping;
mod space;
mod supervise;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

pub use space::Space;
use tokio::sync::watch;

use crate::{
    config::{self, Endpoint},
    model::Timestamp,
    tasks::Tasks,
};

/// What an engine is started with.
#[derive(Debug)]
pub struct Options<'a> {
    /// `[engine]`.
    pub engine: &'a config::Engine,
    /// The service's data directory; the engine's is `engine` in it.
    pub data_dir: &'a Path,
    /// The database that the endpoint names.
    pub database: &'a str,
    /// The program whose `main` calls [`child::run_if_child`]; the running one when `None`.
    pub program: Option<PathBuf>,
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Started, not answering yet.
    Starting,
    /// Answers.
    Ready,
    /// Dead or silent; it is being started again.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why, in one line.
        reason: String,
    },
}

/// A running, watched engine.
#[derive(Debug, Clone)]
pub struct Engine {
    endpoint: watch::Receiver<Endpoint>,
    status: watch::Receiver<Status>,
    pid: watch::Receiver<Option<u32>>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Neither the library nor the program is there.
    #[error(
        "the ClickHouse engine is not found: run `npm ci` in the project, or put `clickhouse` on the PATH, \
         or use a server with --clickhouse-url (looked for {0})"
    )]
    NotFound(String),
    /// The configured one is not there.
    #[error("engine.library names {0}, which is not a file")]
    NoSuchFile(String),
    /// Its directory cannot be prepared.
    #[error("cannot prepare the engine's directory {path}: {source}")]
    Directory {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// No loopback port.
    #[error("no free port on 127.0.0.1 for the engine: {0}")]
    NoPort(std::io::Error),
    /// It did not answer in time.
    #[error("the engine does not answer: {0}")]
    NotReady(String),
}

impl Engine {
    /// Prepares the engine's directory and starts the child with its watch. Returns at once; see [`Self::ready`].
    ///
    /// # Errors
    /// When there is no engine on this machine or its directory cannot be written.
    pub fn start(options: &Options<'_>, tasks: &mut Tasks) -> Result<Self, EngineError> {
        let kind = find::engine(options.engine)?;
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()
                .map_err(|source| EngineError::Directory { path: "of the running program".into(), source })?,
        };
        let files = files::Files::prepare(options.data_dir, options.engine)?;
        let endpoint = watch::Sender::new(Endpoint {
            url: files::url(files::free_port()?),
            user: files::USER.into(),
            password: files.secret().into(),
            database: options.database.into(),
        });
        let status = watch::Sender::new(Status::Starting);
        let pid = watch::Sender::new(None);
        let engine = Self { endpoint: endpoint.subscribe(), status: status.subscribe(), pid: pid.subscribe() };
        let backoff = (
            Duration::from_millis(options.engine.restart_backoff_ms.max(1)),
            Duration::from_millis(options.engine.restart_backoff_max_ms.max(1)),
        );
        let niceness = options.engine.niceness.min(19);
        let supervisor = supervise::Supervisor { kind, program, files, endpoint, status, pid, backoff, niceness };
        let supervisor = std::sync::Arc::new(supervisor);
        tasks.spawn_restarting("engine_watch", move |stopping| std::sync::Arc::clone(&supervisor).run(stopping));
        Ok(engine)
    }

    /// Where the engine is; changes when it is started again.
    pub fn endpoint(&self) -> watch::Receiver<Endpoint> {
        self.endpoint.clone()
    }

    /// How it is.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Process id of the child; `None` while there is none.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Waits until it answers, at most `limit`.
    ///
    /// # Errors
    /// When it does not, with the reason.
    pub async fn ready(&self, limit: Duration) -> Result<(), EngineError> {
        let mut status = self.status.clone();
        let waited = tokio::time::timeout(limit, status.wait_for(|s| *s == Status::Ready)).await;
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(EngineError::NotReady("it was stopped".into())),
            Err(_) => Err(EngineError::NotReady(match &*self.status.borrow() {
                Status::Down { reason, .. } => reason.clone(),
                Status::Starting | Status::Ready => format!("not within {} s", limit.as_secs()),
            })),
        }
    }
}
