//! Supervises the child: start, wait for the first response, ping, restart with backoff.

use std::{
    path::PathBuf,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    Status,
    child::COMMAND,
    files::{self, Files},
    find::EngineFile,
    ping::ping,
};
use crate::{clock, config::Endpoint, tasks::Stopping};

/// A longer start counts as failed; large tables are loaded in the background.
const START_LIMIT: Duration = Duration::from_mins(1);
const START_POLL: Duration = Duration::from_millis(25);
const PING_INTERVAL: Duration = Duration::from_secs(2);
const PING_LIMIT: Duration = Duration::from_secs(5);
const PINGS_FAILED_MAX: u32 = 3;
/// How long the child may take to end by itself after its standard input was closed: 0.1 s if no connection is open.
/// Killing it later loses nothing: by then there are no inserts, stored rows are
/// synced, and background merges are atomic.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// A child that ran this long was healthy: it resets the backoff.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// Starts and monitors the child.
pub struct Supervisor {
    pub file: EngineFile,
    pub program: PathBuf,
    pub files: Files,
    pub endpoint: watch::Sender<Endpoint>,
    pub status: watch::Sender<Status>,
    pub pid: watch::Sender<Option<u32>>,
    /// How often the engine was restarted.
    pub restarts: Arc<AtomicU64>,
    pub backoff_min: Duration,
    pub backoff_max: Duration,
    /// The child's niceness, 0 to 19.
    pub niceness: u8,
}

impl Supervisor {
    /// Keeps an engine running until stopping begins, then ends it.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let mut pause = self.backoff_min;
        loop {
            let started = Instant::now();
            let Err(reason) = self.run_child(&mut stopping).await else { return };
            tracing::error!(reason, "the engine is down and will be restarted");
            self.pid.send_replace(None);
            self.status.send_replace(Status::Down { since: clock::now(), reason });
            if started.elapsed() > HEALTHY_AFTER {
                pause = self.backoff_min;
            }
            if stopping.sleep(pause).await {
                return;
            }
            pause = (pause * 2).min(self.backoff_max);
            self.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The endpoint of the next child: a free port and a new password.
    fn next_endpoint(&self) -> Result<Endpoint, String> {
        let port = files::free_port().map_err(|error| error.to_string())?;
        self.files.renew_secret().map_err(|error| format!("its password cannot be written: {error}"))?;
        let password = self.files.secret();
        Ok(Endpoint { url: files::url(port), password, ..self.endpoint.borrow().clone() })
    }

    /// Runs one child from start to end. `Ok` if the service stops; otherwise the reason why the child ended.
    async fn run_child(&self, stopping: &mut Stopping) -> Result<(), String> {
        let endpoint = self.next_endpoint()?;
        let mut child = self.spawn(&endpoint).map_err(|error| format!("it cannot be started: {error}"))?;
        self.pid.send_replace(child.id());
        // Taken because `wait` closes the child's standard input, which would end it.
        let stdin_pipe = child.stdin.take();
        let exit_reason = tokio::select! {
            () = stopping.wait() => None,
            status = child.wait() => Some(self.exit_reason(status)),
            reason = self.monitor(&endpoint) => Some(reason),
        };
        drop(stdin_pipe);
        if exit_reason.is_some() {
            // Any program may take its port now: send nothing there.
            self.endpoint.send_modify(|endpoint| endpoint.url = files::NO_ENGINE_URL.into());
        }
        wait_or_kill(&mut child).await;
        self.pid.send_replace(None);
        exit_reason.map_or(Ok(()), Err)
    }

    fn spawn(&self, endpoint: &Endpoint) -> Result<Child, std::io::Error> {
        let (kind, file) = match &self.file {
            EngineFile::Library(file) => ("library", file),
            EngineFile::Program(file) => ("program", file),
        };
        let port = endpoint.url.rsplit(':').next().unwrap_or_default();
        Command::new(&self.program)
            .arg(COMMAND)
            .arg(kind)
            .arg(file)
            .arg(self.files.directory())
            .arg(port)
            .arg(self.niceness.to_string())
            .current_dir(self.files.directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(self.files.stderr()?)
            // Ctrl-C in a terminal must only reach the service, which still delivers events.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Publishes the endpoint after the first response; returns with the reason when the engine stops responding.
    async fn monitor(&self, endpoint: &Endpoint) -> String {
        let started = Instant::now();
        while let Err(reason) = ping(endpoint, PING_LIMIT).await {
            if started.elapsed() > START_LIMIT {
                return format!("it did not respond within {} s: {reason}", START_LIMIT.as_secs());
            }
            tokio::time::sleep(START_POLL).await;
        }
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(took_ms, url = endpoint.url, "the engine is ready");
        self.endpoint.send_replace(endpoint.clone());
        self.status.send_replace(Status::Ready);
        let mut failed = 0;
        loop {
            tokio::time::sleep(PING_INTERVAL).await;
            match ping(endpoint, PING_LIMIT).await {
                Ok(()) => failed = 0,
                Err(reason) => {
                    failed += 1;
                    tracing::warn!(failed, reason, "the engine does not respond");
                    if failed >= PINGS_FAILED_MAX {
                        return format!("it stopped responding: {reason}");
                    }
                }
            }
        }
    }

    fn exit_reason(&self, status: std::io::Result<std::process::ExitStatus>) -> String {
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        match self.files.last_stderr_line() {
            Some(line) => format!("it ended ({status}): {line}"),
            None => format!("it ended ({status})"),
        }
    }
}

/// Waits until the child ends, whose standard input is closed, and kills it after [`STOP_LIMIT`].
async fn wait_or_kill(child: &mut Child) {
    if timeout(STOP_LIMIT, child.wait()).await.is_err() {
        tracing::warn!("the engine did not end in time and is killed");
        let _ = child.kill().await;
    }
}
