//! One real engine for all tests of this process, and a fresh migrated database for each.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use ashna::{
    config::{Config, Endpoint},
    engine::{Engine, Options},
    store::Store,
    tasks::Tasks,
};

const START_LIMIT: Duration = Duration::from_mins(1);

static SHARED: OnceLock<Engine> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

/// An endpoint of the shared engine with a database name nobody else has; the database is not made.
pub async fn endpoint() -> Endpoint {
    let engine = tokio::task::spawn_blocking(|| SHARED.get_or_init(start_shared)).await.unwrap();
    engine.ready(START_LIMIT).await.unwrap();
    let database = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    Endpoint { database, ..engine.endpoint().borrow().clone() }
}

/// A store on a fresh, migrated database of its own.
pub async fn database() -> Store {
    let store = Store::connect_to(endpoint().await, &Config::defaults().clickhouse);
    store.migrate().await.unwrap();
    store
}

/// An engine that only one test uses and may kill.
pub struct OwnEngine {
    pub engine: Engine,
    tasks: Tasks,
}

impl OwnEngine {
    /// Starts it on `data_dir` and waits until it answers.
    pub async fn start(data_dir: &Path) -> Self {
        let mut tasks = Tasks::default();
        let engine = start(data_dir, &mut tasks);
        engine.ready(START_LIMIT).await.unwrap();
        Self { engine, tasks }
    }

    /// A store that follows it.
    pub fn store(&self) -> Store {
        Store::connect(self.engine.endpoint(), &Config::defaults().clickhouse)
    }

    /// A store on a database that is always there.
    pub fn store_without_database(&self) -> Store {
        let endpoint = Endpoint { database: "default".into(), ..self.engine.endpoint().borrow().clone() };
        Store::connect_to(endpoint, &Config::defaults().clickhouse)
    }

    /// Kills the child as a crash would and waits until that was noticed.
    pub async fn kill(&self) {
        let mut status = self.engine.status();
        status.mark_unchanged();
        let pid = self.engine.pid().expect("a running engine");
        let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        status.changed().await.unwrap();
    }

    /// Ends it in order.
    pub async fn stop(self) {
        self.tasks.stop(Duration::from_secs(10)).await;
    }
}

/// Starts an engine with the real program as its child.
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

/// Waits for something to become true.
pub async fn eventually(what: &str, limit: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < limit, "not within {} ms: {what}", limit.as_millis());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Each test has a runtime of its own that ends with it; the shared engine's watch lives in another.
/// The engine ends with this process, because its standard input closes then.
fn start_shared() -> Engine {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut tasks = Tasks::default();
            sender.send(start(&shared_directory(), &mut tasks)).unwrap();
            std::future::pending::<()>().await;
        });
    });
    receiver.recv().unwrap()
}

/// A directory for this process; those of processes that are gone are removed.
fn shared_directory() -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if let Some(pid) = name.strip_prefix("engine-")
            && !Path::new("/proc").join(pid).exists()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let directory = root.join(format!("engine-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}
