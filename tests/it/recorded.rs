//! Replays bodies recorded from real browsers by `tests/browser`: they store the same events, and nothing when
//! sent again.

use std::{fs, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::support::app::TestApp;

/// One recorded visit to pages of one kind in one browser.
#[derive(Deserialize)]
struct Recording {
    /// Bodies posted to `/e`, with the origin of the test site and without a key.
    bodies: Vec<Value>,
    /// The rows stored afterwards.
    stored: Vec<Value>,
}

fn recordings() -> Vec<(String, Recording)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tracker");
    let mut files: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
    files.sort();
    let read = |path: &Path| serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    files.iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), read(path))).collect()
}

#[tokio::test]
async fn recorded_browser_events_are_stored_unchanged_and_once() {
    let recordings = recordings();
    assert!(!recordings.is_empty(), "recordings exist");
    for (name, recording) in recordings {
        let app = TestApp::start().await;
        let mut visitor = app.visitor();
        let mut kept = 0;
        for round in 0..2 {
            for body in &recording.bodies {
                let mut body = body.clone();
                body["key"] = visitor.key.clone().into();
                let answer = visitor.posts(body.to_string()).await;
                assert!(matches!(answer.status, 200 | 204), "{name}: {}", answer.text);
                let events = body["events"].as_array().map_or(0, Vec::len);
                let outcome = answer.outcome().to_owned();
                if round == 0 {
                    kept += outcome.trim_start_matches("kept=").split(',').next().unwrap().parse::<usize>().unwrap();
                } else {
                    assert!(events == 0 || outcome.contains(&format!("duplicate={events}")), "{name}: {outcome}");
                }
            }
        }
        assert_eq!(kept, recording.stored.len(), "{name}");
        let rows = app
            .stored("SELECT toJSONString(map('name', if(name = '', if(kind = 2, 'view', toString(kind)), name), 'path', path, 'properties', properties)) FROM events")
            .await;
        let sorted = |rows: &mut Vec<String>| rows.sort_unstable();
        let mut found: Vec<String> = rows.iter().map(|row| canonical(&serde_json::from_str(row).unwrap())).collect();
        let mut expected: Vec<String> = recording.stored.iter().map(canonical).collect();
        sorted(&mut found);
        sorted(&mut expected);
        assert_eq!(found, expected, "{name}");
        app.finish().await;
    }
}

/// A row as text, with properties parsed so that JSON whitespace does not matter.
fn canonical(row: &Value) -> String {
    let properties = match &row["properties"] {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    format!("{} {} {properties}", row["name"], row["path"])
}
