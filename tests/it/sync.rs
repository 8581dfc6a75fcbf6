//! An acknowledged event is on the disk. A SIGKILL would not show this, because the
//! page cache survives one. strace watches the service take one event; between the write of its
//! record and the answer an fdatasync of that very file has returned.

use std::{fs, process::Command, time::Duration};

use serde_json::json;

use crate::service::{Service, report};

const CALLS: &str = "trace=write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fdatasync,fsync";
const ORIGIN: &str = "https://shop.example";
const AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
/// Appears in the record as in the event.
const MARK: &str = "markofthiseventalone";

/// One system call: its text, and the lines of the trace where it began and ended.
#[derive(Debug, PartialEq, Eq)]
struct Call<'a> {
    text: &'a str,
    began: usize,
    ended: usize,
}

impl Call<'_> {
    fn name(&self) -> &str {
        self.text.split('(').next().unwrap_or("")
    }

    /// The file of the first argument, as shown by `strace -y`.
    fn file(&self) -> &str {
        self.text.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(file, _)| file)
    }
}

/// The calls in a trace of several threads (`strace -f -o`), in order per thread.
fn calls(trace: &str) -> Vec<Call<'_>> {
    let lines: Vec<(&str, &str)> = trace.lines().filter_map(|line| line.split_once(' ')).collect();
    let begins = lines.iter().enumerate().filter(|(_, (_, text))| !text.trim_start().starts_with("<... "));
    begins
        .map(|(began, (thread, text))| {
            let resumed = |at: &usize| lines[*at].0 == *thread && lines[*at].1.trim_start().starts_with("<... ");
            let unfinished = text.contains("<unfinished ...>");
            let ended = if unfinished { (began + 1..lines.len()).find(resumed).unwrap_or(lines.len()) } else { began };
            Call { text: text.trim_start(), began, ended }
        })
        .collect()
}

/// Checks the trace; `Err` has the reason if the order is wrong.
fn synced_before_the_answer(trace: &str) -> Result<(), String> {
    let calls = calls(trace);
    let record = calls
        .iter()
        .find(|call| call.file().contains("/journal/") && call.text.contains(MARK))
        .ok_or("no write of the record into the journal")?;
    let answer = calls
        .iter()
        .find(|call| call.began > record.began && call.text.contains("HTTP/1.1 20"))
        .ok_or("no answer after the write")?;
    let synced = calls.iter().any(|call| {
        matches!(call.name(), "fdatasync" | "fsync")
            && call.file() == record.file()
            && call.began > record.ended
            && call.ended < answer.began
    });
    if synced {
        Ok(())
    } else {
        Err(format!("no sync of {} between lines {} and {}", record.file(), record.ended, answer.began))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_is_synced_before_the_answer() {
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|status| status.success()) {
        report("skipped: strace is missing or may not trace here");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary directory");
    let trace = folder.path().join("trace").to_string_lossy().into_owned();
    // Collecting needs no warehouse, and the trace is shorter without one.
    let service = Service::new(&["--clickhouse-url", "http://127.0.0.1:9"]);
    let mut service = service.under(&["strace", "-f", "-y", "-s", "4096", "-e", CALLS, "-o", &trace]);
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client");
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Sync", "--origin", ORIGIN]);
    let body = json!({
        "key": site["write_key"],
        "visitor": format!("{:032x}", 0x5eed),
        "context": {"page": {"url": format!("{ORIGIN}/")}},
        "events": [{"type": "track", "event": "Synced", "messageId": "one", "properties": {"mark": MARK}}],
    });
    let request = client.post(format!("{}/e", service.url())).header("origin", ORIGIN);
    let answer = request.header("user-agent", AGENT).body(body.to_string()).send().await.expect("an answer");
    let outcome = answer.headers().get("ashna-outcome").and_then(|value| value.to_str().ok());
    assert_eq!((answer.status().as_u16(), outcome), (204, Some("kept=1, dropped=0, rejected=0")));
    service.kill();
    let trace = fs::read_to_string(&trace).expect("a trace");
    synced_before_the_answer(&trace).unwrap_or_else(|why| panic!("{why}\n{trace}"));
}

#[test]
fn the_check_fails_on_bad_traces() {
    let write = r#"7 pwrite64(9</d/journal/1.log>, "..markofthiseventalone..", 80, 0) = 80"#;
    let sync = "7 fdatasync(9</d/journal/1.log>)     = 0";
    let answer = r#"8 writev(12<socket:[5]>, [{iov_base="HTTP/1.1 204 No Content\r\n"}], 1) = 90"#;
    let other = "7 fdatasync(10</d/dedup/1.ids>) = 0";
    assert_eq!(synced_before_the_answer(&[write, sync, answer].join("\n")), Ok(()));
    for unproven in [[write, answer, sync], [sync, write, answer], [write, other, answer]] {
        assert!(synced_before_the_answer(&unproven.join("\n")).is_err(), "{unproven:?}");
    }
    let begun = "7 fdatasync(9</d/journal/1.log> <unfinished ...>";
    let ended = "7 <... fdatasync resumed>) = 0";
    assert_eq!(synced_before_the_answer(&[write, begun, ended, answer].join("\n")), Ok(()));
    assert!(synced_before_the_answer(&[write, begun, answer, ended].join("\n")).is_err(), "it must have returned");
}
