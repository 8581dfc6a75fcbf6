//! The walls of the house that a crate boundary would have guarded. Each rule is one test whose
//! message says what to do; the tables in `plan` are the picture that ARCHITECTURE.md draws.

mod plan;
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

    fn room(&self) -> String {
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

fn rooms() -> Vec<File> {
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

/// The room of a module path, the longest one in the plan, and its layer.
fn layer(module: &str) -> Option<(&'static str, u8)> {
    LAYERS.iter().copied().filter(|(room, _)| within(module, room)).max_by_key(|(room, _)| room.len())
}

fn excepted(list: &[Exception], file: &File, path: &str) -> bool {
    list.iter().any(|e| within(&file.room(), e.room) && within(path, e.path))
}

/// Why this import may not be, if so: it must point downward; only words and pure thinking meet on one level.
fn wall(from: &str, to: &str) -> Option<String> {
    let Some((here, low)) = layer(from) else { return Some(format!("{from} is not in LAYERS: give it a layer")) };
    let Some((there, high)) = layer(to) else { return Some(format!("{to} is not in LAYERS: give it a layer")) };
    // At home only purity counts: a pure part must not lean on its room's waiting parts.
    let at_home = from.split("::").next() == to.split("::").next() && low >= 2;
    let fine = here == there || high < low || (high == low && low <= 1) || at_home;
    (!fine).then(|| format!("{here} (layer {low}) must not import {there} (layer {high})"))
}

/// Breaches of the layers in one file.
fn breaches(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for named in file.paths() {
        let Some(to) = named.path.strip_prefix("crate::").filter(|to| !to.starts_with(char::is_uppercase)) else {
            continue;
        };
        if let Some(why) = wall(&file.room(), to).filter(|_| !excepted(plan::ACROSS_LAYERS, file, to)) {
            found.push(format!("{}:{}: {} — {why}", file.path, named.line, named.path));
        }
        if within(&file.room(), "http") && ["store", "journal"].iter().any(|room| within(to, room)) {
            found.push(format!("{}:{}: a door asks a story, never {to}", file.path, named.line));
        }
    }
    found
}

/// Paths in one file of a crate that lives in another room.
fn strangers(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for named in file.paths() {
        for (path, homes) in CRATES {
            let at_home = homes.iter().any(|home| within(&file.room(), home));
            if within(&named.path, path) && !at_home && !excepted(plan::CRATES_ELSEWHERE, file, &named.path) {
                found.push(format!("{}:{}: {path} lives in {}", file.path, named.line, homes.join(" and ")));
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
    let found: Vec<_> = rooms().iter().flat_map(breaches).collect();
    none(
        &found,
        "Move the code to the room that may know both, or pass the value in from app.rs; an exception needs a reason in tests/boundaries/plan.rs.",
    );
}

#[test]
fn one_crate_one_room() {
    let found: Vec<_> = rooms().iter().flat_map(strangers).collect();
    none(&found, "Ask that room for what you need; an exception needs a reason in tests/boundaries/plan.rs.");
}

#[test]
fn thinking_is_pure() {
    let mut found = Vec::new();
    for file in rooms().iter().filter(|file| layer(&file.room()).is_some_and(|(_, layer)| layer == 1)) {
        for named in file.paths() {
            if plan::IMPURE.iter().any(|impure| within(&named.path, impure)) {
                found.push(format!("{}:{}: {}", file.path, named.line, named.path));
            }
        }
        let is_async = source::tokens(&file.text).into_iter().find(|token| token.text == "async");
        found.extend(is_async.map(|token| format!("{}:{}: async", file.path, token.line)));
    }
    none(
        &found,
        "A pure room gets the time, the bytes and the answers as arguments; do the waiting in the story that calls it.",
    );
}

#[test]
fn no_exception_outlives_its_need() {
    let rooms = rooms();
    let needed = |exception: &Exception, prefix: &str| {
        let path = format!("{prefix}{}", exception.path);
        rooms
            .iter()
            .filter(|file| within(&file.room(), exception.room))
            .any(|file| file.paths().iter().any(|named| within(&named.path, &path)))
    };
    let across = plan::ACROSS_LAYERS.iter().filter(|e| !needed(e, "crate::"));
    let crates = plan::CRATES_ELSEWHERE.iter().filter(|e| !needed(e, ""));
    let found: Vec<_> = across.chain(crates).map(|e| format!("{} → {}: {}", e.room, e.path, e.reason)).collect();
    none(&found, "These exceptions are no longer used: take them out of tests/boundaries/plan.rs.");
}

#[test]
fn unsafe_stays_in_the_engine() {
    let mut found = Vec::new();
    for file in rooms().iter().filter(|file| !within(&file.room(), "engine")) {
        let token = source::tokens(&file.text).into_iter().find(|token| token.text == "unsafe");
        found.extend(token.map(|token| format!("{}:{}", file.path, token.line)));
    }
    none(&found, "Only engine, which loads a C library, may say unsafe.");
}

#[test]
fn files_stay_short() {
    let lengths = rooms().into_iter().map(|file| (file.text.lines().count(), file.path));
    let long = lengths.filter(|(lines, _)| *lines > LINES_MAX);
    let found: Vec<_> = long.map(|(lines, path)| format!("{path}: {lines} lines")).collect();
    none(&found, "Split it by what its parts do; tests count too.");
}

#[test]
fn rooms_have_names_that_say_something() {
    let places = ["src", "benches", "tests", "load", "tracker-js/src", "dashboard/src"];
    let drawer = |name: &String| {
        let stems = name.split('/').map(|part| part.split('.').next().unwrap_or(part));
        plan::DRAWERS.iter().any(|drawer| stems.clone().any(|stem| stem == *drawer))
    };
    let found: Vec<_> = files(&places, &[""]).into_iter().map(|(name, _)| name).filter(drawer).collect();
    none(&found, "A drawer attracts everything: name the file after what its code is about.");
}

#[test]
fn every_room_says_what_it_is() {
    let root = |file: &&File| file.path.ends_with("/mod.rs") || file.module.len() == 1;
    let silent = |file: &&File| !file.text.trim_start().starts_with("//!");
    let found: Vec<_> = rooms().iter().filter(root).filter(silent).map(|file| file.path.clone()).collect();
    none(&found, "Open it with a //! paragraph: what the room does and what it must never do.");
}

#[test]
fn nothing_is_left_for_later_and_no_machine_is_named() {
    let places =
        ["src", "benches", "tests", "load", "migrations", "tracker-js", "dashboard", "demo", "Makefile", ".ci"];
    let endings =
        [".rs", ".sql", ".ts", ".mjs", ".js", ".svelte", ".css", ".html", ".sh", ".lua", ".md", "Makefile", "run"];
    let mut found = Vec::new();
    for (name, path) in files(&places, &endings).into_iter().filter(|(name, _)| name != "tests/boundaries/plan.rs") {
        let text = fs::read_to_string(path).unwrap_or_default();
        for (number, line) in text.lines().enumerate() {
            if let Some(word) = plan::UNSAID.iter().find(|word| line.contains(**word)) {
                found.push(format!("{name}:{}: {word}", number + 1));
            }
        }
    }
    none(&found, "Do it now or file an issue; and no path of the machine it was written on belongs here.");
}

mod the_walls_themselves {
    use super::{File, breaches, strangers};

    #[track_caller]
    fn check(guard: fn(&File) -> Vec<String>, path: &str, text: &str, breaches: usize) {
        let found = guard(&File::new(path, text));
        assert_eq!(found.len(), breaches, "{path}: {text}: {found:?}");
    }

    #[test]
    fn an_import_upward_or_sideways_is_seen() {
        check(breaches, "src/model/event.rs", "use crate::{clock, store::Store};", 1);
        check(breaches, "src/journal/mod.rs", "fn f(_: crate::store::Store) {}", 1);
        check(breaches, "src/collect.rs", "use crate::personalize;", 1);
        check(breaches, "src/journal/writer.rs", "use super::super::geo;", 1);
        check(breaches, "src/profiles/reducer.rs", "use super::cache::Cache;", 1);
        check(breaches, "src/nowhere.rs", "use crate::model::Event;", 1);
    }

    #[test]
    fn an_import_downward_or_at_home_is_not() {
        check(breaches, "src/collect.rs", "use crate::{ingest::run, journal::Journal, model::Event};", 0);
        check(breaches, "src/journal/writer.rs", "use super::{batch::Batch, Position}; mod t { use super::X; }", 0);
        check(breaches, "src/profiles/cache.rs", "use super::{Key, pending::Pending};", 0);
        check(breaches, "src/decide/mod.rs", "use crate::catalog::snapshot::Snapshot; // crate::store", 0);
    }

    #[test]
    fn a_door_that_reaches_past_the_stories_is_seen() {
        check(breaches, "src/http/collect.rs", "use crate::store::Store;", 1);
        check(breaches, "src/http/collect.rs", "use crate::collect::Collect;", 0);
    }

    #[test]
    fn a_crate_away_from_home_is_seen() {
        check(strangers, "src/collect.rs", "use axum::Router;", 1);
        check(strangers, "src/http/mod.rs", "use axum::Router; fn f(c: cookie::Cookie) {}", 0);
        check(strangers, "src/store/read.rs", "#[derive(clickhouse::Row)] struct A; fn f() { tokio::spawn(g()) }", 1);
        check(strangers, "src/geo.rs", "use std::{env, fs};", 1);
    }
}
