//! The watch over the child: start, wait for the first answer, ping, start again with backoff.

use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use tokio::{
    process::{Child, Command},
    sync::watch,
    time::{Instant, timeout},
};

use super::{
    Status,
    child::COMMAND,
    files::{self, Files},
    find::Kind,
    ping,
};
use crate::{clock, config::Endpoint, tasks::Stopping};

/// A start that takes longer is a failed one; a large store is loaded in the background.
const START_LIMIT: Duration = Duration::from_mins(1);
const START_POLL: Duration = Duration::from_millis(25);
const PING_INTERVAL: Duration = Duration::from_secs(2);
const PING_LIMIT: Duration = Duration::from_secs(5);
const PINGS_FAILED_MAX: u32 = 3;
/// How long the child may take to end by itself once its standard input is closed. It takes a tenth of a second where
/// no connection to it is open. Killing it later loses nothing: by then nothing is inserted any more, what was inserted is
/// synced, and what it merges in the background is put in place whole or not at all.
const STOP_LIMIT: Duration = Duration::from_secs(3);
/// A child that lived this long was sound: the next pause is the shortest again.
const SOUND_LIFE: Duration = Duration::from_secs(30);

/// Everything the watch needs.
pub struct Supervisor {
    pub kind: Kind,
    pub program: PathBuf,
    pub files: Files,
    pub endpoint: watch::Sender<Endpoint>,
    pub status: watch::Sender<Status>,
    pub pid: watch::Sender<Option<u32>>,
    pub backoff: (Duration, Duration),
    /// How far it stands back for the service, 0 to 19.
    pub niceness: u8,
}

impl Supervisor {
    /// Keeps an engine running until told to stop, and ends it then.
    pub async fn run(self: Arc<Self>, mut stopping: Stopping) {
        let (shortest, longest) = self.backoff;
        let mut pause = shortest;
        loop {
            let begun = Instant::now();
            let Err(reason) = self.one_life(&mut stopping).await else { return };
            tracing::error!(reason, "the engine is down and will be started again");
            self.pid.send_replace(None);
            self.status.send_replace(Status::Down { since: clock::now(), reason });
            if begun.elapsed() > SOUND_LIFE {
                pause = shortest;
            }
            if stopping.sleep(pause).await {
                return;
            }
            pause = (pause * 2).min(longest);
            match files::free_port() {
                Ok(port) => self.endpoint.send_modify(|endpoint| endpoint.url = files::url(port)),
                Err(error) => tracing::error!(%error, "keeping the engine's port"),
            }
        }
    }

    /// One child from start to end. `Ok` when the end was asked for.
    async fn one_life(&self, stopping: &mut Stopping) -> Result<(), String> {
        let endpoint = self.endpoint.borrow().clone();
        let mut child = self.spawn(&endpoint).map_err(|error| format!("it cannot be started: {error}"))?;
        self.pid.send_replace(child.id());
        // Taken out because waiting for a child closes its standard input, which would end it.
        let lifeline = child.stdin.take();
        let why = tokio::select! {
            () = stopping.wait() => None,
            status = child.wait() => Some(self.obituary(status)),
            reason = self.watch(&endpoint) => Some(reason),
        };
        drop(lifeline);
        end(&mut child).await;
        self.pid.send_replace(None);
        why.map_or(Ok(()), Err)
    }

    fn spawn(&self, endpoint: &Endpoint) -> Result<Child, std::io::Error> {
        let (kind, file) = match &self.kind {
            Kind::Library(file) => ("library", file),
            Kind::Program(file) => ("program", file),
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
            // Ctrl-C in a terminal goes to the service alone, which still has events to deliver.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }

    /// Returns with the reason when the engine no longer answers.
    async fn watch(&self, endpoint: &Endpoint) -> String {
        let begun = Instant::now();
        while let Err(reason) = ping::answers(endpoint, PING_LIMIT).await {
            if begun.elapsed() > START_LIMIT {
                return format!("it did not answer within {} s: {reason}", START_LIMIT.as_secs());
            }
            tokio::time::sleep(START_POLL).await;
        }
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(took_ms, url = endpoint.url, "the engine is ready");
        self.status.send_replace(Status::Ready);
        let mut failed = 0;
        loop {
            tokio::time::sleep(PING_INTERVAL).await;
            match ping::answers(endpoint, PING_LIMIT).await {
                Ok(()) => failed = 0,
                Err(reason) => {
                    failed += 1;
                    tracing::warn!(failed, reason, "the engine does not answer");
                    if failed >= PINGS_FAILED_MAX {
                        return format!("it stopped answering: {reason}");
                    }
                }
            }
        }
    }

    fn obituary(&self, status: std::io::Result<std::process::ExitStatus>) -> String {
        let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        match self.files.last_words() {
            Some(words) => format!("it ended ({how}): {words}"),
            None => format!("it ended ({how})"),
        }
    }
}

/// Waits for the child, whose standard input is closed, and kills it if that was not enough.
async fn end(child: &mut Child) {
    if timeout(STOP_LIMIT, child.wait()).await.is_err() {
        tracing::warn!("the engine did not end in time and is killed");
        let _ = child.kill().await;
    }
}
