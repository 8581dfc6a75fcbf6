//! Documents that name tests: the named tests exist.

use std::{collections::HashSet, fs};

use super::{files, none};

/// Names of test functions in the sources.
fn tests() -> HashSet<String> {
    let mut names = HashSet::new();
    for (_, path) in files(&["src", "tests"], &[".rs"]) {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn ")) {
                if is_test {
                    names.insert(rest.split('(').next().unwrap_or_default().to_owned());
                }
                is_test = false;
            }
        }
    }
    names
}

/// The tests that a row `| promise | tests |` names in backticks.
fn named(row: &str) -> Vec<&str> {
    let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
    cell.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_promise_of_the_threat_model_names_tests_that_exist() {
    let document = include_str!("../../docs/threat-model.md");
    let promises = document.split("## Promises").nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap_or_default();
    let rows: Vec<&str> = promises.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() >= 20, "the table of promises has {} rows", rows.len());
    let known = tests();
    let mut found = Vec::new();
    for row in rows {
        let tests = named(row);
        if tests.is_empty() {
            found.push(format!("no test: {row}"));
        }
        found.extend(tests.iter().filter(|name| !known.contains(**name)).map(|name| format!("no test {name}: {row}")));
    }
    none(&found, "Name the test that fails without the promise, or do not make it.");
}

#[test]
fn names_are_read_from_the_last_column_only() {
    assert_eq!(named("| `serve` refuses | `a_test`, `b_test` |"), ["a_test", "b_test"]);
    assert!(named("| a promise | |").is_empty());
}
