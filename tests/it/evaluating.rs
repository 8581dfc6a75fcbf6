//! `ashna evaluate` on realistic files: a valid result, or an error of one line that says what to do.

use std::process::Output;

use serde_json::Value;

use crate::service::{ashna, refusal};

const HEADER: &str = "SessionId\tItemId\tTime\n";

/// One line per click: visit, item, second.
fn clicks(rows: &[(&str, &str, i64)]) -> String {
    rows.iter().fold(HEADER.to_owned(), |text, (visit, item, time)| text + &format!("{visit}\t{item}\t{time}\n"))
}

/// Visits that follow a cycle of ten items, one per hour from `start` on.
fn walks(start: i64, visits: i64) -> String {
    let click =
        |visit: i64, step: i64| format!("v{visit}\ti{}\t{}\n", (visit + step) % 10, start + visit * 3600 + step);
    (0..visits)
        .flat_map(|visit| (0..4).map(move |step| (visit, step)))
        .fold(HEADER.to_owned(), |text, (visit, step)| text + &click(visit, step))
}

fn evaluated(train: impl AsRef<[u8]>, test: impl AsRef<[u8]>, options: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a path").to_owned();
    let (one, other) = (path("train.tsv"), path("test.tsv"));
    std::fs::write(&one, train).expect("a file");
    std::fs::write(&other, test).expect("a file");
    ashna(&[&["evaluate", "--json", "--train", &one, "--test", &other], options].concat(), b"")
}

/// The result; checks that every figure is within its bounds.
fn sane(output: &Output) -> Value {
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{message}");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    for name in ["hit_rate", "mrr", "ndcg", "precision", "recall", "coverage", "hit_rate_margin", "mrr_margin"] {
        let figure = answer[name].as_f64().unwrap_or(-1.0);
        assert!((0.0..=1.0).contains(&figure), "{name} is {}", answer[name]);
    }
    for name in ["p50", "p90", "p99"] {
        assert!(answer["latency_us"][name].as_f64().is_some_and(|time| time >= 0.0), "{answer}");
    }
    answer
}

#[test]
fn unusable_files_are_refused_with_a_one_line_reason() {
    let good = walks(1_700_000_000, 20);
    let line = |text: &str| HEADER.to_owned() + text;
    let check = |train: &[u8], test: &[u8], expected: &[&str]| {
        let message = refusal(&evaluated(train, test, &[]));
        assert!(expected.iter().all(|text| message.contains(text)), "{message:?} lacks {expected:?}");
    };
    let good = good.as_bytes();
    check(b"", good, &["train.tsv is empty", "SessionId ItemId Time"]);
    check(good, b"\n\n", &["test.tsv is empty"]);
    check(HEADER.as_bytes(), good, &["train.tsv has a header but no clicks"]);
    check(b"SessionId,ItemId,Time\na,x,1\n", good, &["train.tsv", "tab-separated", "SessionId"]);
    check(line("a\tx\t1\na\tx\n").as_bytes(), good, &["train.tsv, line 3"]);
    check(line("a\tx\t1\na\ty\tsoon\n").as_bytes(), good, &["line 3", "`soon` is not a time"]);
    check(good, line("\tx\t1\n").as_bytes(), &["test.tsv, line 2", "session or item is empty"]);
    check(good, line(&format!("a\t{}\t1\n", "x".repeat(20_000))).as_bytes(), &["line 2", "too long"]);
    check(good, b"SessionId\tItemId\tTime\na\tcaf\xe9\t1\na\tx\t2\n", &["test.tsv, line 2", "UTF-8"]);
    check(good, clicks(&[("a", "x", 1), ("b", "y", 2)]).as_bytes(), &["no session has two clicks"]);
    let missing = ["evaluate", "--train", "nowhere.tsv", "--test", "nowhere.tsv"];
    assert!(refusal(&ashna(&missing, b"")).contains("cannot read nowhere.tsv"));
}

#[test]
fn small_and_unusual_files_give_valid_figures() {
    let train = walks(1_700_000_000, 20);
    let later = clicks(&[("a", "i1", 1_700_100_000), ("a", "i2", 1_700_100_005), ("a", "i3", 1_700_100_009)]);
    let one = sane(&evaluated(&train, &later, &[]));
    assert_eq!((&one["predictions"], one["hit_rate"].as_f64()), (&2.into(), Some(1.0)), "{one}");

    let single = clicks(&[("a", "i1", 5), ("a", "i2", 6)]);
    assert_eq!(sane(&evaluated(&single, &later, &[]))["predictions"], 2, "one visit to learn from");
    let alone = clicks(&[("a", "x", 5)]);
    assert_eq!(sane(&evaluated(&alone, &later, &["--k", "1"]))["hit_rate"], 0.0, "one click to learn from");
    let same = clicks(&[("a", "x", 5), ("a", "x", 5), ("a", "x", 5), ("b", "x", 5), ("b", "x", 5)]);
    assert_eq!(sane(&evaluated(&same, &same, &[]))["predictions"], 3, "one item and one moment");

    let unknown = clicks(&[("a", "new-1", 1_700_100_000), ("a", "new-2", 1_700_100_001)]);
    let answer = sane(&evaluated(&train, &unknown, &[]));
    assert_eq!((&answer["predictions"], &answer["hit_rate"]), (&1.into(), &0.0.into()), "unknown items only");
}

#[test]
fn the_line_format_does_not_matter() {
    let (train, test) = (walks(1_700_000_000, 40), walks(1_700_200_000, 4));
    let figures = |train: &str, test: &str| {
        let mut answer = sane(&evaluated(train, test, &[]));
        answer.as_object_mut().expect("an object").remove("latency_us");
        answer
    };
    let expected = figures(&train, &test);
    assert_eq!(expected["predictions"], 12);
    let mut lines: Vec<&str> = test.lines().skip(1).collect();
    lines.reverse();
    assert_eq!(figures(&train, &(HEADER.to_owned() + &lines.join("\n"))), expected, "unsorted, no line end");
    assert_eq!(
        figures(&train.replace('\n', "\r\n"), &test.replace('\n', "\r\n\r\n \r\n")),
        expected,
        "CRLF, blank lines"
    );
    let columns = |text: &str| {
        text.lines().fold("\u{feff}".to_owned(), |all, line| {
            let [visit, item, time] = line.split('\t').collect::<Vec<_>>()[..] else { return all };
            all + &format!("{time}\tmore\t{item}\t{visit}\t\n")
        })
    };
    assert_eq!(figures(&columns(&train), &columns(&test)), expected, "other columns, in another order, with a BOM");
    let long = |text: &str| text.replace("\ti", &format!("\t{}", "9".repeat(3000)));
    assert_eq!(figures(&long(&train), &long(&test)), expected, "ids of three thousand digits");
}

#[test]
fn times_of_any_size_work_and_a_wrong_order_is_reported() {
    let (early, late) = (walks(1_700_000_000, 20), walks(1_800_000_000, 20));
    let swapped = evaluated(&late, &early, &[]);
    assert_eq!(sane(&swapped)["predictions"], 60);
    assert!(String::from_utf8_lossy(&swapped.stderr).contains("later than those of the test file"));
    assert!(evaluated(&early, &late, &[]).stderr.is_empty());
    let odd = "a\tx\t-5\na\ty\t1e300\nb\tx\t-1e300\nb\ty\t0\nc\tx\t2023-01-01T00:00:00Z\nc\ty\t9e11\n";
    let odd = HEADER.to_owned() + odd;
    assert_eq!(sane(&evaluated(&odd, &odd, &[]))["predictions"], 3);
    assert_eq!(sane(&evaluated(&early, &odd, &[]))["predictions"], 3);
    let all: Value = serde_json::from_slice(&evaluated(&odd, &early, &["--model", "all"]).stdout).expect("JSON");
    assert!(all.as_array().expect("a table").len() > 5 && !all.to_string().contains("null"), "{all}");
}
