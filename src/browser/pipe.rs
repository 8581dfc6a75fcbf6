//! The `DevTools` protocol over two pipes: messages are JSON, terminated by a zero byte.

use std::{path::Path, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use super::BrowserError;

/// The browser reads commands from file descriptor 3 and answers on 4; a shell redirects our pipes to them.
const SHELL: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null"#;

pub(super) struct Pipe {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    last_id: u64,
    /// Events received while waiting for a response.
    buffered_events: Vec<Value>,
    // Killed on drop; then its profile is removed.
    _child: Child,
    _profile: Profile,
}

impl Pipe {
    pub(super) fn open(program: &Path) -> std::io::Result<Self> {
        let profile = Profile::new()?;
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(SHELL).arg(program);
        command.arg(format!("--user-data-dir={}", profile.0.display()));
        command.args(["--headless=new", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        if rustix::process::geteuid().is_root() {
            // Chromium's sandbox refuses root.
            command.arg("--no-sandbox");
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true).spawn()?;
        let gone = || std::io::Error::other("no pipe to the browser");
        let (to, from) = (child.stdin.take().ok_or_else(gone)?, child.stdout.take().ok_or_else(gone)?);
        Ok(Self {
            to,
            from: BufReader::new(from),
            last_id: 0,
            buffered_events: Vec::new(),
            _child: child,
            _profile: profile,
        })
    }

    /// Sends a command and waits for its response.
    pub(super) async fn call(
        &mut self,
        method: &'static str,
        parameters: Value,
        session: Option<&str>,
    ) -> Result<Value, BrowserError> {
        self.last_id += 1;
        let mut message = json!({ "id": self.last_id, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).await.map_err(|_| BrowserError::Gone)?;
        loop {
            let mut message = self.read().await?;
            if message["id"] != self.last_id {
                self.buffered_events.push(message);
                continue;
            }
            return match message["error"]["message"].as_str() {
                Some(error) => Err(BrowserError::Refused(method, error.to_owned())),
                None => Ok(message["result"].take()),
            };
        }
    }

    /// Returns the next event.
    pub(super) async fn event(&mut self) -> Result<Value, BrowserError> {
        if self.buffered_events.is_empty() { self.read().await } else { Ok(self.buffered_events.remove(0)) }
    }

    async fn read(&mut self) -> Result<Value, BrowserError> {
        let mut bytes = Vec::new();
        let length = self.from.read_until(0, &mut bytes).await.map_err(|_| BrowserError::Gone)?;
        if length == 0 {
            return Err(BrowserError::Gone);
        }
        bytes.pop();
        serde_json::from_slice(&bytes).map_err(|_| BrowserError::Gone)
    }
}

/// A temporary browser profile directory.
struct Profile(std::path::PathBuf);

impl Profile {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("ashna-doctor-{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        // The browser may still be writing; what remains is left to the system's clean-up of temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
