//! The real binary as a process on a temporary data directory, which tests start, kill and query. It ends with the
//! test.

use std::{
    collections::HashMap,
    fs,
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

pub use crate::support::engine::PATIENCE;

const BINARY: &str = env!("CARGO_BIN_EXE_ashna");
const ENGINE_USER: &str = "ashna";

/// A service and its data directory, which survives restarts.
pub struct Service {
    _own: Option<tempfile::TempDir>,
    data: PathBuf,
    ports: [u16; 2],
    wrapper: Vec<String>,
    options: Vec<String>,
    settings: Vec<(String, String)>,
    running: Option<Child>,
}

impl Service {
    /// Creates a service without starting it; `options` are passed to `serve`.
    pub fn new(options: &[&str]) -> Self {
        let own = tempfile::tempdir().expect("a temporary directory");
        Self {
            data: own.path().to_owned(),
            _own: Some(own),
            ports: [free_port(), free_port()],
            wrapper: Vec::new(),
            options: options.iter().map(|option| (*option).to_owned()).collect(),
            settings: Vec::new(),
            running: None,
        }
    }

    /// Runs the binary under another program, such as strace.
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        self.wrap(wrapper);
        self
    }

    /// The same from the next start on; empty removes the wrapper.
    pub fn wrap(&mut self, wrapper: &[&str]) {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Sets an environment variable.
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Uses this data directory.
    pub fn on(mut self, data: &Path) -> Self {
        data.clone_into(&mut self.data);
        self
    }

    /// The data directory.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Process id of the service itself, not of its wrapper.
    pub fn pid(&self) -> Option<u32> {
        let child = self.running.as_ref()?.id();
        if self.wrapper.is_empty() { Some(child) } else { children(child).first().copied() }
    }

    /// Waits until it exits for another reason.
    pub async fn dies(&mut self, limit: Duration) {
        let began = Instant::now();
        while self.running.as_mut().is_some_and(|child| child.try_wait().ok().flatten().is_none()) {
            if began.elapsed() > limit {
                // It stays idle if the expected kill does not happen.
                return self.kill();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.running = None;
    }

    /// Its exit status, if it exited by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.running.as_mut()?.try_wait().expect("its status")?;
        self.running = None;
        Some(status)
    }

    /// Its URL, the same after every restart.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// The file of its log, printed only if a test fails.
    fn log(&self) -> PathBuf {
        self.data.join("service.log")
    }

    /// Its log so far.
    pub fn log_text(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// All of `/metrics`.
    pub async fn metrics_text(&self, client: &reqwest::Client) -> String {
        let url = format!("http://127.0.0.1:{}/metrics", self.ports[1]);
        client.get(url).send().await.expect("metrics").text().await.expect("text")
    }

    /// Starts it without waiting.
    pub fn start(&mut self) {
        let [listen, metrics] = self.ports.map(|port| format!("127.0.0.1:{port}"));
        let args = self.wrapper.iter().map(String::as_str).chain([BINARY]).collect::<Vec<_>>();
        let log = fs::File::options().create(true).append(true).open(self.log()).expect("a log file");
        let child = Command::new(args[0])
            .args(&args[1..])
            .args(["serve", "--listen", &listen, "--metrics-listen", &metrics, "--data-dir"])
            .arg(&self.data)
            .args(&self.options)
            .envs(self.settings.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        self.running = Some(child);
    }

    /// Waits until it accepts events; panics if it exits instead.
    pub async fn ready(&mut self, client: &reqwest::Client) {
        let (began, url) = (Instant::now(), format!("{}/readyz", self.url()));
        loop {
            if client.get(&url).send().await.is_ok_and(|answer| answer.status() == 200) {
                return;
            }
            let ended = self.running.as_mut().and_then(|child| child.try_wait().ok().flatten());
            assert!(ended.is_none(), "the service ended with {ended:?} before it was ready");
            assert!(began.elapsed() < PATIENCE, "the service was not ready within {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Sends SIGKILL and waits for the exit.
    pub fn kill(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        let wrapped = if self.wrapper.is_empty() { Vec::new() } else { children(child.id()) };
        wrapped.iter().copied().for_each(kill);
        let _ = child.kill();
        let _ = child.wait();
        // A wrapped process may release its port and directory a moment later.
        let began = Instant::now();
        while wrapped.iter().any(|pid| is_alive(*pid)) && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Sends SIGTERM and waits for the exit.
    pub fn stop(&mut self) {
        let Some(mut child) = self.running.take() else { return };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let began = Instant::now();
        while child.try_wait().ok().flatten().is_none() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Process id of the engine, if it runs.
    pub fn engine(&self) -> Option<u32> {
        let child = self.running.as_ref()?.id();
        children(child).into_iter().find(|pid| arguments(*pid).iter().any(|word| word == "engine-child"))
    }

    /// Runs a command of the binary next to the running service; it must succeed.
    pub fn command(&self, args: &[&str]) -> Value {
        let output = self.tries(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("one JSON document")
    }

    /// The same, but failure is allowed.
    pub fn tries(&self, args: &[&str]) -> Output {
        let data = self.data.to_str().expect("a path");
        let args = [args, &["--json", "--data-dir", data]].concat();
        run(Command::new(BINARY).args(args).envs(self.settings.iter().map(|(name, value)| (name, value))), b"")
    }

    /// Adds a user.
    pub fn adds_user(&self, email: &str, role: &str, password: &str) {
        let data = self.data.to_str().expect("a path");
        let args = ["user", "add", "--email", email, "--role", role, "--password-stdin", "--data-dir", data];
        let output = ashna(&args, password.as_bytes());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Counters and gauges by name; those with labels are summed.
    pub async fn metrics(&self, client: &reqwest::Client) -> HashMap<String, u64> {
        let text = self.metrics_text(client).await;
        let mut sums = HashMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((name, value)) = line.rsplit_once(' ') else { continue };
            let name = name.split('{').next().unwrap_or(name);
            *sums.entry(name.to_owned()).or_default() += value.parse::<u64>().unwrap_or_default();
        }
        sums
    }

    /// Queries the engine directly; returns the lines, or `None` while it is down.
    pub async fn ask_engine(&self, client: &reqwest::Client, question: &str) -> Option<Vec<String>> {
        let secret = fs::read_to_string(self.data.join("engine/secret")).ok()?;
        // Its command line: `engine-child KIND FILE DIRECTORY PORT …`.
        let port = arguments(self.engine()?).into_iter().skip_while(|word| word != "engine-child").nth(4)?;
        let answer = client
            .post(format!("http://127.0.0.1:{port}/"))
            .header("x-clickhouse-user", ENGINE_USER)
            .header("x-clickhouse-key", secret.trim())
            .body(question.to_owned())
            .send()
            .await
            .ok()?;
        let status = answer.status();
        let text = answer.text().await.ok()?;
        assert!(status.is_success(), "{question}: {text}");
        Some(text.lines().map(str::to_owned).collect())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let engine = self.engine();
        self.kill();
        engine.into_iter().for_each(kill);
        if std::thread::panicking() {
            report(&fs::read_to_string(self.log()).unwrap_or_default());
        }
    }
}

/// Runs the binary with these arguments and this standard input until it exits.
pub fn ashna(args: &[&str], input: &[u8]) -> Output {
    run(Command::new(BINARY).args(args), input)
}

fn run(command: &mut Command, input: &[u8]) -> Output {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    // It may have exited without reading.
    let _ = child.stdin.take().expect("its input").write_all(input);
    child.wait_with_output().expect("its end")
}

/// The single error line of a failed command, without warnings; panics if there are more lines or a panic.
pub fn refusal(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stderr = stderr.lines().filter(|line| !line.contains("  WARN ")).collect::<Vec<_>>().join("\n");
    assert!(!output.status.success(), "it was taken: {}", String::from_utf8_lossy(&output.stdout));
    assert!(output.stdout.is_empty() && stderr.lines().count() == 1 && !stderr.contains("panicked"), "{stderr}");
    stderr.trim().to_owned()
}

/// Prints a line, visible with `--nocapture`.
#[expect(clippy::print_stdout, reason = "the figures of a campaign, or the log of a service that failed")]
pub fn report(line: &str) {
    println!("{line}");
}

/// Whether strace is installed and may inject faults.
pub fn strace_may_inject() -> bool {
    let args = ["-f", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO", "true"];
    Command::new("strace").args(args).output().is_ok_and(|output| output.status.success())
}

/// Peak resident memory of a process, MiB.
pub fn memory_mib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or_default() / 1024
}

/// Kills one process with SIGKILL.
pub fn kill(pid: u32) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        // It may have exited already.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Whether any thread of a process runs: the first thread may exit before the others, which keep ports and files
/// open.
fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let is_remains = stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'));
    !is_remains || fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() > 1)
}

/// Processes started by `parent`.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parent_of = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may contain anything; state and parent follow it.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok()
    };
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// A process' command line.
fn arguments(pid: u32) -> Vec<String> {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|w| String::from_utf8_lossy(w).into_owned())
        .collect()
}

/// A free port outside of the kernel's ephemeral range, so that no connection can get it while a killed service
/// restarts.
fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(97);
    let ports = std::iter::from_fn(|| Some(first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed))));
    let mut ports = ports.map(|n| u16::try_from(10_000 + n % 20_000).expect("a port"));
    ports.find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()).expect("a free port")
}
