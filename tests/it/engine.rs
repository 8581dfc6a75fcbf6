//! The embedded engine: restarts, ports, passwords, priority, end with its parent.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use ashna::{store::Param, tasks::Tasks};

use crate::support::{
    engine::{OwnEngine, PATIENCE, eventually, start},
    events,
};

/// Names the data directory for [`parent_of_an_engine`].
const DIRECTORY: &str = "ASHNA_TEST_ENGINE_DIRECTORY";

#[tokio::test]
async fn a_killed_engine_is_restarted_and_keeps_its_rows() {
    let data = tempfile::tempdir().unwrap();
    let own = OwnEngine::start(data.path()).await;
    let store = own.store();
    store.migrate().await.unwrap();
    store.insert(events::batch(0, &[events::event(0), events::event(1)])).await.unwrap();
    let first = own.engine.pid();
    own.kill().await;
    own.engine.ready(PATIENCE).await.unwrap();
    assert_ne!(own.engine.pid(), first);
    let rows: Vec<u64> = store.query("SELECT count() FROM events", &[]).await.unwrap();
    assert_eq!(rows, [2]);
    own.stop().await;
}

#[tokio::test]
async fn a_dead_engines_port_is_not_used_and_the_next_engine_has_another_password() {
    let data = tempfile::tempdir().unwrap();
    let own = OwnEngine::start(data.path()).await;
    let endpoint = own.engine.endpoint();
    let before = endpoint.borrow().clone();
    assert_eq!(own.engine.restarts(), 0);
    own.kill().await;
    assert!(endpoint.borrow().url != before.url, "nothing is sent to a port that another program may open");
    own.engine.ready(std::time::Duration::from_secs(30)).await.unwrap();
    let after = endpoint.borrow().clone();
    assert_ne!(after.password.expose(), before.password.expose());
    assert_eq!(own.engine.restarts(), 1);
    let request = reqwest::Client::new().post(format!("{}/", after.url)).header("X-ClickHouse-User", &after.user);
    let answer = request.header("X-ClickHouse-Key", before.password.expose()).body("SELECT 1").send().await.unwrap();
    assert!(!answer.status().is_success(), "a leaked password is no longer valid");
    own.stop().await;
}

#[tokio::test]
async fn a_stopped_engine_releases_its_directory() {
    let data = tempfile::tempdir().unwrap();
    let own = OwnEngine::start(data.path()).await;
    let pid = own.engine.pid().unwrap();
    own.stop().await;
    assert!(!is_running(pid));
    let again = OwnEngine::start(data.path()).await;
    let answer: Vec<u8> =
        again.store_without_database().query("SELECT {n:UInt8}", &[("n", Param::U8(3))]).await.unwrap();
    assert_eq!(answer, [3]);
    again.stop().await;
}

#[tokio::test]
async fn the_engine_runs_at_the_configured_priority() {
    // Field 19 of the line is the nice value; field 2, in brackets, is the program's name.
    let niceness = |pid: &str| -> i32 {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        line.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    let data = tempfile::tempdir().unwrap();
    let own = OwnEngine::start(data.path()).await;
    let further = i32::from(ashna::config::Config::defaults().engine.niceness);
    assert!(further > 0, "otherwise this test could not fail");
    assert_eq!(niceness(&own.engine.pid().unwrap().to_string()), (niceness("self") + further).min(19));
    own.stop().await;
}

#[tokio::test]
async fn the_engine_requires_its_password() {
    let data = tempfile::tempdir().unwrap();
    let own = OwnEngine::start(data.path()).await;
    let url = own.engine.endpoint().borrow().url.clone();
    let client = reqwest::Client::new();
    for (user, key) in [("default", ""), ("ashna", ""), ("ashna", "wrong")] {
        let request = client.post(format!("{url}/")).header("X-ClickHouse-User", user).header("X-ClickHouse-Key", key);
        let answer = request.body("SELECT 1").send().await.unwrap();
        assert!(!answer.status().is_success(), "{user} {key}");
    }
    let answer = client.get(format!("{url}/?user=default&query=SELECT+1")).send().await.unwrap();
    assert!(!answer.status().is_success());
    own.stop().await;
}

#[tokio::test]
async fn the_engine_ends_when_its_parent_is_killed() {
    let data = tempfile::tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "engine::parent_of_an_engine", "--ignored", "--nocapture"])
        .env(DIRECTORY, data.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let pid: u32 = lines.map_while(Result::ok).find_map(|l| l.split("engine is ").nth(1)?.parse().ok()).unwrap();
    assert!(is_running(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("the engine ends", PATIENCE, async || !is_running(pid)).await;
}

/// Not a test: the parent that the test above kills.
#[tokio::test]
#[ignore = "started by another test"]
async fn parent_of_an_engine() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let mut tasks = Tasks::default();
    let engine = start(Path::new(&directory), &mut tasks);
    engine.ready(PATIENCE).await.unwrap();
    #[expect(clippy::print_stdout, reason = "the other test reads it")]
    {
        println!("\nengine is {}", engine.pid().unwrap());
    }
    // Runs until it is killed, or until the pipe closes because the test ended.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
}

/// Whether a process runs; zombies do not count.
fn is_running(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}
