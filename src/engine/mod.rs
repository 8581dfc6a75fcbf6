//! The embedded engine: a complete ClickHouse in a child process of this binary.
//!
//! It starts the child, waits until it responds, monitors it, restarts it when it dies, and ends
//! it with the service, even if the service is killed, because the child ends when its standard
//! input closes. It must never send SQL except `SELECT 1`: that is the task of `store`, which gets the
//! engine's changing address from [`Engine::endpoint`].
//!
//! ```no_run
//! # async fn example() -> Result<(), ashna::engine::EngineError> {
//! # use ashna::{config::Config, engine::{Engine, Options}, tasks::Tasks};
//! let config = Config::defaults();
//! let mut tasks = Tasks::default(); // separate tasks: the engine stops last
//! let options = Options { engine: &config.engine, data_dir: "./data".as_ref(), database: "ashna", program: None };
//! let engine = Engine::start(&options, &mut tasks)?;
//! engine.ready(std::time::Duration::from_secs(10)).await?;
//! # Ok(()) }
//! ```

pub mod child;
mod disk_space;
mod files;
mod find;
mod ping;
mod supervisor;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

pub use disk_space::DiskSpace;
use tokio::sync::watch;

use crate::{
    config::{self, Endpoint},
    model::Timestamp,
    tasks::Tasks,
};

/// Options to start an engine.
#[derive(Debug)]
pub struct Options<'a> {
    /// The configuration `[engine]`.
    pub engine: &'a config::Engine,
    /// The service's data directory; the engine's is `engine` in it.
    pub data_dir: &'a Path,
    /// The database in the endpoint.
    pub database: &'a str,
    /// The program whose `main` calls [`child::run_if_child`]; the running one if `None`.
    pub program: Option<PathBuf>,
}

/// The engine's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Started, not responding yet.
    Starting,
    /// Responding.
    Ready,
    /// Dead or not responding; it is being restarted.
    Down {
        /// Since when.
        since: Timestamp,
        /// Why, in one line.
        reason: String,
    },
}

/// A running, supervised engine.
#[derive(Debug, Clone)]
pub struct Engine {
    endpoint: watch::Receiver<Endpoint>,
    status: watch::Receiver<Status>,
    pid: watch::Receiver<Option<u32>>,
    restarts: Arc<AtomicU64>,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// Neither the library nor the program exists.
    #[error(
        "the ClickHouse engine is not found: run `npm ci` in the project, or put `clickhouse` on the PATH, \
         or use a server with --clickhouse-url (looked for {0})"
    )]
    NotFound(String),
    /// The configured file does not exist.
    #[error("engine.library names {0}, which is not a file")]
    NoSuchFile(String),
    /// Its directory cannot be prepared.
    #[error("cannot prepare the engine's directory {path}: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// The error.
        source: std::io::Error,
    },
    /// No free loopback port.
    #[error("no free port on 127.0.0.1 for the engine: {0}")]
    NoPort(std::io::Error),
    /// It did not respond in time.
    #[error("the engine does not respond: {0}")]
    NotReady(String),
}

/// Checks that there is an engine on this machine.
///
/// # Errors
/// When neither the library nor the program is found.
pub fn check(config: &config::Engine) -> Result<(), EngineError> {
    find::find_engine(config).map(drop)
}

impl Engine {
    /// Prepares the engine's directory and starts the supervised child. Returns at once; see [`Self::ready`].
    ///
    /// # Errors
    /// When there is no engine on this machine or its directory cannot be written.
    pub fn start(options: &Options<'_>, tasks: &mut Tasks) -> Result<Self, EngineError> {
        let file = find::find_engine(options.engine)?;
        let program = match &options.program {
            Some(program) => program.clone(),
            None => std::env::current_exe()
                .map_err(|source| EngineError::Directory { path: "of the running program".into(), source })?,
        };
        let files = files::Files::prepare(options.data_dir, options.engine)?;
        let endpoint = watch::Sender::new(Endpoint {
            url: files::NO_ENGINE_URL.into(),
            user: files::USER.into(),
            password: files.secret(),
            database: options.database.into(),
        });
        // Fail early if there is no free port.
        files::free_port()?;
        let status = watch::Sender::new(Status::Starting);
        let pid = watch::Sender::new(None);
        let restarts = Arc::new(AtomicU64::new(0));
        let engine = Self {
            endpoint: endpoint.subscribe(),
            status: status.subscribe(),
            pid: pid.subscribe(),
            restarts: Arc::clone(&restarts),
        };
        let supervisor = Arc::new(supervisor::Supervisor {
            file,
            program,
            files,
            endpoint,
            status,
            pid,
            restarts,
            backoff_min: Duration::from_millis(options.engine.restart_backoff_ms.max(1)),
            backoff_max: Duration::from_millis(options.engine.restart_backoff_max_ms.max(1)),
            niceness: options.engine.niceness.min(19),
        });
        tasks.spawn_restarting("engine_watch", move |stopping| Arc::clone(&supervisor).run(stopping));
        Ok(engine)
    }

    /// How often the engine was restarted since the service started.
    pub fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Relaxed)
    }

    /// The engine's endpoint. It changes at a restart, and is unreachable while no engine responds.
    pub fn endpoint(&self) -> watch::Receiver<Endpoint> {
        self.endpoint.clone()
    }

    /// The engine's status.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Process id of the child; `None` if there is no child.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Waits until the engine responds, at most `limit`.
    ///
    /// # Errors
    /// When it does not respond, with the reason.
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
