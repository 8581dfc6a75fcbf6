//! Module boundaries that the compiler does not check within one crate. Each rule is one test whose message says what
//! to do; the tables in `plan` are the module map of ARCHITECTURE.md.

mod plan;
mod promises;
mod source;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use plan::{CRATES, Exception, LAYERS, LINES_MAX};

/// A Rust file of `src/`: its path in the repository, its module path and its text.
struct File {
    path: String,
    module: Vec<String>,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> Self {
        let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
        let inner = inner.trim_end_matches("/mod");
        Self { path: path.into(), module: inner.split('/').map(Into::into).collect(), text: text.into() }
    }

    fn module_path(&self) -> String {
        self.module.join("::")
    }

    fn paths(&self) -> Vec<source::Named> {
        source::paths(&self.text, &self.module.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

/// Files below the given places, with any of the endings, sorted.
fn files(places: &[&str], endings: &[&str]) -> Vec<(String, PathBuf)> {
    fn walk(at: &Path, found: &mut Vec<PathBuf>) {
        if at.is_file() {
            return found.push(at.into());
        }
        for entry in fs::read_dir(at).into_iter().flatten().flatten() {
            if !["node_modules", "dist", "target"].iter().any(|left_out| entry.file_name() == *left_out) {
                walk(&entry.path(), found);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for place in places {
        walk(&root.join(place), &mut found);
    }
    found.retain(|path| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)));
    found.sort();
    let name = |path: &PathBuf| path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
    found.into_iter().map(|path| (name(&path), path)).collect()
}

fn source_files() -> Vec<File> {
    let found: Vec<_> = files(&["src"], &[".rs"])
        .iter()
        .map(|(name, path)| File::new(name, &fs::read_to_string(path).expect("a readable file")))
        .collect();
    assert!(found.len() > 20, "src/ was not found");
    found
}

/// Whether `path` is `prefix` or lies below it.
fn within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The module in `LAYERS` that a path belongs to (the longest match), and its layer.
fn layer(module: &str) -> Option<(&'static str, u8)> {
    LAYERS.iter().copied().filter(|(known, _)| within(module, known)).max_by_key(|(known, _)| known.len())
}

fn excepted(list: &[Exception], file: &File, path: &str) -> bool {
    list.iter().any(|e| within(&file.module_path(), e.module) && within(path, e.path))
}

/// Why an import is forbidden, or `None`: imports point downward; only domain types and pure logic may import their own
/// layer.
fn violation(from: &str, to: &str) -> Option<String> {
    let Some((here, low)) = layer(from) else { return Some(format!("{from} is not in LAYERS: give it a layer")) };
    let Some((there, high)) = layer(to) else { return Some(format!("{to} is not in LAYERS: give it a layer")) };
    // Within one module only purity counts: its pure part must not use its I/O part.
    let same_module = from.split("::").next() == to.split("::").next() && low >= 2;
    let fine = here == there || high < low || (high == low && low <= 1) || same_module;
    (!fine).then(|| format!("{here} (layer {low}) must not import {there} (layer {high})"))
}

/// Forbidden imports in one file.
fn forbidden_imports(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for named in file.paths() {
        let Some(to) = named.path.strip_prefix("crate::").filter(|to| !to.starts_with(char::is_uppercase)) else {
            continue;
        };
        if let Some(why) = violation(&file.module_path(), to).filter(|_| !excepted(plan::ACROSS_LAYERS, file, to)) {
            found.push(format!("{}:{}: {} — {why}", file.path, named.line, named.path));
        }
        if within(&file.module_path(), "http") && ["store", "journal"].iter().any(|adapter| within(to, adapter)) {
            found.push(format!("{}:{}: a handler calls a service or request flow, never {to}", file.path, named.line));
        }
    }
    found
}

/// Uses of crates that belong to another module.
fn forbidden_crates(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for named in file.paths() {
        for (path, owners) in CRATES {
            let same_module = owners.iter().any(|owner| within(&file.module_path(), owner));
            if within(&named.path, path) && !same_module && !excepted(plan::CRATES_ELSEWHERE, file, &named.path) {
                found.push(format!("{}:{}: {path} belongs to {}", file.path, named.line, owners.join(" and ")));
            }
        }
    }
    found
}

fn none(found: &[String], advice: &str) {
    let list = found.iter().fold(String::new(), |mut list, line| {
        let _ = writeln!(list, "  {line}");
        list
    });
    assert!(found.is_empty(), "\n{list}{advice}\n");
}

#[test]
fn imports_point_downward() {
    let found: Vec<_> = source_files().iter().flat_map(forbidden_imports).collect();
    none(
        &found,
        "Move the code to a module that may import both, or pass the value in from app.rs; an exception needs a reason in tests/boundaries/plan.rs.",
    );
}

#[test]
fn one_crate_one_module() {
    let found: Vec<_> = source_files().iter().flat_map(forbidden_crates).collect();
    none(&found, "Call that module for what you need; an exception needs a reason in tests/boundaries/plan.rs.");
}

#[test]
fn pure_logic_does_no_io() {
    let mut found = Vec::new();
    for file in source_files().iter().filter(|file| layer(&file.module_path()).is_some_and(|(_, layer)| layer == 1)) {
        for named in file.paths() {
            if plan::IMPURE.iter().any(|impure| within(&named.path, impure)) {
                found.push(format!("{}:{}: {}", file.path, named.line, named.path));
            }
        }
        let is_async = source::tokens(&file.text).into_iter().find(|token| token.text == "async");
        found.extend(is_async.map(|token| format!("{}:{}: async", file.path, token.line)));
    }
    none(&found, "Pure logic gets the time and all data as arguments; do the I/O in the caller.");
}

#[test]
fn exceptions_are_still_needed() {
    let files = source_files();
    let needed = |exception: &Exception, prefix: &str| {
        let path = format!("{prefix}{}", exception.path);
        files
            .iter()
            .filter(|file| within(&file.module_path(), exception.module))
            .any(|file| file.paths().iter().any(|named| within(&named.path, &path)))
    };
    let across = plan::ACROSS_LAYERS.iter().filter(|e| !needed(e, "crate::"));
    let crates = plan::CRATES_ELSEWHERE.iter().filter(|e| !needed(e, ""));
    let found: Vec<_> = across.chain(crates).map(|e| format!("{} → {}: {}", e.module, e.path, e.reason)).collect();
    none(&found, "These exceptions are no longer used: remove them from tests/boundaries/plan.rs.");
}

#[test]
fn unsafe_stays_in_the_engine() {
    let mut found = Vec::new();
    for file in source_files().iter().filter(|file| !within(&file.module_path(), "engine")) {
        let token = source::tokens(&file.text).into_iter().find(|token| token.text == "unsafe");
        found.extend(token.map(|token| format!("{}:{}", file.path, token.line)));
    }
    none(&found, "Only engine, which loads a C library, may use unsafe.");
}

#[test]
fn files_stay_short() {
    let lengths = source_files().into_iter().map(|file| (file.text.lines().count(), file.path));
    let long = lengths.filter(|(lines, _)| *lines > LINES_MAX);
    let found: Vec<_> = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    none(&found, "Split it by what its parts do; tests count too.");
}

#[test]
fn file_names_say_what_is_inside() {
    let places = ["src", "benches", "tests", "load", "tracker-js/src", "dashboard/src"];
    let is_vague = |name: &String| {
        let stems = name.split('/').map(|part| part.split('.').next().unwrap_or(part));
        plan::VAGUE_NAMES.iter().any(|vague| stems.clone().any(|stem| stem == *vague))
    };
    let found: Vec<_> = files(&places, &[""]).into_iter().map(|(name, _)| name).filter(is_vague).collect();
    none(&found, "Name the file after what its code is about.");
}

#[test]
fn every_module_has_documentation() {
    let root = |file: &&File| file.path.ends_with("/mod.rs") || file.module.len() == 1;
    let silent = |file: &&File| !file.text.trim_start().starts_with("//!");
    let found: Vec<_> = source_files().iter().filter(root).filter(silent).map(|file| file.path.clone()).collect();
    none(&found, "Begin it with a //! paragraph: what the module does and what it must never do.");
}

/// Words of a line that belong to the private vocabulary.
fn private_words(line: &str) -> Vec<&'static str> {
    let lower = plan::OLD_PUBLIC_NAMES.iter().fold(line.to_lowercase(), |line, name| line.replace(name, ""));
    let words: Vec<_> = lower.split(|c: char| !c.is_alphabetic()).collect();
    plan::PRIVATE_VOCABULARY.iter().copied().filter(|private| words.contains(private)).collect()
}

#[test]
fn the_fields_terms_are_used() {
    let places = [
        "src",
        "benches",
        "tests",
        "load",
        "tracker-js",
        "dashboard",
        "docs",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "config.default.toml",
    ];
    let endings = [".rs", ".sql", ".ts", ".mjs", ".svelte", ".sh", ".lua", ".md", ".toml"];
    let mut found = Vec::new();
    for (name, path) in files(&places, &endings) {
        // What was applied to a database is not edited any more; the list itself is in `plan`.
        if name.starts_with("src/control/migrations") || name == "tests/boundaries/plan.rs" {
            continue;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            found.extend(private_words(line).iter().map(|word| format!("{name}:{}: {word}", number + 1)));
        }
    }
    none(&found, "Use the field's term; where there is none, define one in docs/glossary.md.");
}

#[test]
fn no_postponed_work_and_no_machine_paths() {
    let places =
        ["src", "benches", "tests", "load", "migrations", "tracker-js", "dashboard", "demo", "Makefile", ".ci"];
    let endings =
        [".rs", ".sql", ".ts", ".mjs", ".js", ".svelte", ".css", ".html", ".sh", ".lua", ".md", "Makefile", "run"];
    let mut found = Vec::new();
    for (name, path) in files(&places, &endings).into_iter().filter(|(name, _)| name != "tests/boundaries/plan.rs") {
        let text = fs::read_to_string(path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            if let Some(forbidden) = plan::FORBIDDEN_TEXT.iter().find(|text| line.contains(**text)) {
                found.push(format!("{name}:{}: {forbidden}", number + 1));
            }
        }
    }
    none(&found, "Do it now or file an issue; and no path of the machine it was written on belongs here.");
}

mod self_check {
    use super::{File, forbidden_crates, forbidden_imports};

    #[track_caller]
    fn check(guard: fn(&File) -> Vec<String>, path: &str, text: &str, expected: usize) {
        let found = guard(&File::new(path, text));
        assert_eq!(found.len(), expected, "{path}: {text}: {found:?}");
    }

    #[test]
    fn imports_upward_or_sideways_are_found() {
        check(forbidden_imports, "src/model/event.rs", "use crate::{clock, store::Store};", 1);
        check(forbidden_imports, "src/journal/mod.rs", "fn f(_: crate::store::Store) {}", 1);
        check(forbidden_imports, "src/collect.rs", "use crate::personalize;", 1);
        check(forbidden_imports, "src/journal/writer.rs", "use super::super::geo;", 1);
        check(forbidden_imports, "src/profiles/reducer.rs", "use super::cache::Cache;", 1);
        check(forbidden_imports, "src/nowhere.rs", "use crate::model::Event;", 1);
    }

    #[test]
    fn imports_downward_or_within_a_module_are_allowed() {
        check(forbidden_imports, "src/collect.rs", "use crate::{ingest::run, journal::Journal, model::Event};", 0);
        check(
            forbidden_imports,
            "src/journal/writer.rs",
            "use super::{batch::Batch, Position}; mod t { use super::X; }",
            0,
        );
        check(forbidden_imports, "src/profiles/cache.rs", "use super::{Key, pending::Pending};", 0);
        check(forbidden_imports, "src/decide/mod.rs", "use crate::catalog::snapshot::Snapshot; // crate::store", 0);
    }

    #[test]
    fn handlers_that_bypass_the_services_are_found() {
        check(forbidden_imports, "src/http/collect.rs", "use crate::store::Store;", 1);
        check(forbidden_imports, "src/http/collect.rs", "use crate::collect::Collect;", 0);
    }

    #[test]
    fn crates_outside_of_their_module_are_found() {
        check(forbidden_crates, "src/collect.rs", "use axum::Router;", 1);
        check(forbidden_crates, "src/http/mod.rs", "use axum::Router; fn f(c: cookie::Cookie) {}", 0);
        check(
            forbidden_crates,
            "src/store/read.rs",
            "#[derive(clickhouse::Row)] struct A; fn f() { tokio::spawn(g()) }",
            1,
        );
        check(forbidden_crates, "src/geo.rs", "use std::{env, fs};", 1);
    }
}
