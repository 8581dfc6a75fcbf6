//! The embedded engine lives, dies and comes back.

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
async fn a_killed_engine_comes_back_and_has_its_rows() {
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
async fn a_stopped_engine_is_gone_and_a_second_one_takes_its_directory() {
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
async fn the_engine_stands_back_as_far_as_the_configuration_says() {
    // The nineteenth word of the line; the second one, in brackets, is the program's name.
    let niceness = |pid: &str| -> i32 {
        let line = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        line.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    };
    let data = tempfile::tempdir().unwrap();
    let own = OwnEngine::start(data.path()).await;
    let further = i32::from(ashna::config::Config::defaults().engine.niceness);
    assert!(further > 0, "or this could not fail");
    assert_eq!(niceness(&own.engine.pid().unwrap().to_string()), (niceness("self") + further).min(19));
    own.stop().await;
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
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
    // Until it is killed; or the test that started it ended without doing so, and with it this pipe.
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new())).await;
}

/// Whether a process runs; one that ended and waits to be collected does not.
fn is_running(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit(')').next().and_then(|rest| rest.split_whitespace().next()).is_some_and(|state| state != "Z")
}
