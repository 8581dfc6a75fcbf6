//! One real engine for all test processes of a run, and a fresh database in it for each test.
//!
//! `cargo nextest` runs every test in its own process, and an engine for each would cost more than most tests. So
//! the first process that needs the engine starts a host process (this binary again, see [`host_the_engine`]); the
//! others find it by its file. Every test process holds a shared lock; once the host can hold that lock
//! exclusively for a while, it stops the engine and removes everything.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::{fs::OpenOptionsExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use ashna::{
    config::{Config, Endpoint},
    engine::{Engine, Options},
    store::Store,
    tasks::Tasks,
};
use serde_json::{Value, json};

/// Timeout of every wait. Only failing tests reach it; generous, because the machine may also run a compile and
/// another suite.
pub const PATIENCE: Duration = Duration::from_mins(3);
/// How long the engine stays without test processes, for the next run.
const KEPT_IDLE: Duration = Duration::from_secs(10);
/// How often the host checks the lock.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often a condition is checked.
const POLL: Duration = Duration::from_millis(20);
/// Names the directory for [`host_the_engine`].
const DIRECTORY: &str = "ASHNA_TEST_SHARED_ENGINE";

static SHARED: OnceLock<Shared> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A test process's connection to the engine.
struct Shared {
    endpoint: Endpoint,
    /// Holds the shared lock until the process ends.
    _user: File,
}

/// An endpoint of the shared engine with a database name of its own; the database is not created.
pub async fn endpoint() -> Endpoint {
    let shared = tokio::task::spawn_blocking(|| SHARED.get_or_init(Shared::find_or_start)).await.unwrap();
    let database = format!("test_{}_{}", std::process::id(), DATABASES.fetch_add(1, Ordering::Relaxed));
    Endpoint { database, ..shared.endpoint.clone() }
}

/// A store on a fresh, migrated database of its own.
pub async fn database() -> Store {
    let store = Store::connect_to(endpoint().await, &Config::defaults().clickhouse);
    store.migrate().await.unwrap();
    store
}

/// Waits until a condition holds, for `limit` or [`PATIENCE`], whichever is longer.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let (begun, limit) = (Instant::now(), limit.max(PATIENCE));
    while !holds().await {
        assert!(begun.elapsed() < limit, "not within {} s: {what}", limit.as_secs());
        tokio::time::sleep(POLL).await;
    }
}

impl Shared {
    fn find_or_start() -> Self {
        let files = Files::new();
        let user = open(&files.users);
        user.lock_shared().unwrap();
        let starting = open(&files.starting);
        starting.lock().unwrap();
        let endpoint = files.endpoint().filter(is_answering).unwrap_or_else(|| files.start_host());
        starting.unlock().unwrap();
        Self { endpoint, _user: user }
    }
}

/// Files shared by the processes, in the build's folder for temporary files.
struct Files {
    data: PathBuf,
    /// Locked shared by each test process, exclusively by a host that stops.
    users: PathBuf,
    /// Locked while a process looks for the engine or stops it.
    starting: PathBuf,
    /// Address of the engine; exists while it answers.
    endpoint: PathBuf,
    log: PathBuf,
}

impl Files {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(root).unwrap();
        let file = |name: &str| root.join(name);
        Self {
            data: file("engine"),
            users: file("engine.users"),
            starting: file("engine.starting"),
            endpoint: file("engine.json"),
            log: file("engine.log"),
        }
    }

    fn endpoint(&self) -> Option<Endpoint> {
        let found: Value = serde_json::from_slice(&fs::read(&self.endpoint).ok()?).ok()?;
        let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
        Some(Endpoint {
            url: text("url"),
            user: text("user"),
            password: text("password").as_str().into(),
            database: String::new(),
        })
    }

    /// Written to a temporary file and renamed, so that reads are complete.
    fn publish(&self, endpoint: &Endpoint) {
        let text = json!({ "url": endpoint.url, "user": endpoint.user, "password": endpoint.password.expose() });
        let next = self.endpoint.with_extension("next");
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&next).unwrap();
        file.write_all(text.to_string().as_bytes()).unwrap();
        fs::rename(next, &self.endpoint).unwrap();
    }

    /// Starts a host that outlives this process and has none of its pipes, and waits until its engine answers.
    #[expect(clippy::zombie_processes, reason = "it is to outlive this process")]
    fn start_host(&self) -> Endpoint {
        // Files of a killed host, if any.
        let _ = fs::remove_file(&self.endpoint);
        let log = || File::options().create(true).append(true).open(&self.log).unwrap();
        let mut host = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "support::engine::host_the_engine", "--ignored", "--nocapture"])
            .env(DIRECTORY, &self.data)
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .process_group(0)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        loop {
            if let Some(endpoint) = self.endpoint() {
                return endpoint;
            }
            let ended = host.try_wait().unwrap();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "no engine, host {ended:?}: {}",
                fs::read_to_string(&self.log).unwrap_or_default()
            );
            std::thread::sleep(POLL);
        }
    }
}

fn open(path: &Path) -> File {
    File::options().create(true).truncate(false).write(true).open(path).unwrap()
}

/// Whether the address is open; a killed host leaves its file behind.
fn is_answering(endpoint: &Endpoint) -> bool {
    let address = endpoint.url.trim_start_matches("http://");
    std::net::TcpStream::connect(address).is_ok()
}

/// Not a test: the process that runs the shared engine.
#[tokio::test]
#[ignore = "started by the tests that need an engine"]
async fn host_the_engine() {
    let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
    let files = Files::new();
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let mut tasks = Tasks::default();
    let engine = start(&directory, &mut tasks);
    engine.ready(PATIENCE).await.unwrap();
    let mut endpoint = engine.endpoint();
    let mut unused_since = None;
    loop {
        let here = endpoint.borrow_and_update().clone();
        if files.endpoint().is_none_or(|known| known.url != here.url) {
            files.publish(&here);
        }
        drop_what_ended_processes_left(&here).await;
        tokio::time::sleep(LOOK_EVERY).await;
        let users = open(&files.users);
        if users.try_lock().is_err() {
            unused_since = None;
            continue;
        }
        users.unlock().unwrap();
        if unused_since.get_or_insert_with(Instant::now).elapsed() < KEPT_IDLE {
            continue;
        }
        let (starting, users) = (open(&files.starting), open(&files.users));
        if starting.try_lock().is_ok() && users.try_lock().is_ok() {
            let _ = fs::remove_file(&files.endpoint);
            tasks.stop(Duration::from_secs(10)).await;
            let _ = fs::remove_dir_all(&directory);
            let _ = fs::remove_file(&files.log);
            return;
        }
    }
}

/// Drops the databases of ended processes, so that repeated runs do not accumulate data.
async fn drop_what_ended_processes_left(endpoint: &Endpoint) {
    let endpoint = Endpoint { database: "default".into(), ..endpoint.clone() };
    let store = Store::connect_to(endpoint, &Config::defaults().clickhouse);
    let asked = "SELECT name FROM system.databases WHERE startsWith(name, 'test_')";
    // An engine that is restarting is asked at the next check.
    for name in store.query::<String>(asked, &[]).await.unwrap_or_default() {
        let pid = name.split('_').nth(1).unwrap_or_default();
        if !Path::new("/proc").join(pid).exists() {
            let drop = format!("DROP DATABASE IF EXISTS {name} SYNC");
            let _ = store.execute(&drop, &[]).await;
        }
    }
}

/// An engine for one test, which may kill it.
pub struct OwnEngine {
    pub engine: Engine,
    tasks: Tasks,
}

impl OwnEngine {
    /// Starts it on `data_dir` and waits until it answers.
    pub async fn start(data_dir: &Path) -> Self {
        let mut tasks = Tasks::default();
        let engine = start(data_dir, &mut tasks);
        engine.ready(PATIENCE).await.unwrap();
        Self { engine, tasks }
    }

    /// A store that follows it.
    pub fn store(&self) -> Store {
        Store::connect(self.engine.endpoint(), &Config::defaults().clickhouse)
    }

    /// A store on the default database.
    pub fn store_without_database(&self) -> Store {
        let endpoint = Endpoint { database: "default".into(), ..self.engine.endpoint().borrow().clone() };
        Store::connect_to(endpoint, &Config::defaults().clickhouse)
    }

    /// Kills the child process and waits until this is detected.
    pub async fn kill(&self) {
        let mut status = self.engine.status();
        status.mark_unchanged();
        let pid = self.engine.pid().expect("a running engine");
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        status.changed().await.unwrap();
    }

    /// Stops it gracefully.
    pub async fn stop(self) {
        self.tasks.stop(Duration::from_secs(10)).await;
    }
}

/// Starts an engine with the real binary as its child.
pub fn start(data_dir: &Path, tasks: &mut Tasks) -> Engine {
    let config = Config::load(None).unwrap();
    let options = Options {
        engine: &config.engine,
        data_dir,
        database: "ashna",
        program: Some(env!("CARGO_BIN_EXE_ashna").into()),
    };
    Engine::start(&options, tasks).unwrap()
}
