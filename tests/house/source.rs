//! Just enough of a Rust reader to know which paths a file names. Comments, strings and characters
//! are skipped, `use` trees are unfolded, `self` and `super` are resolved by the file's place in
//! the module tree; macros are read as plain tokens, which is what is wanted here.

/// One path named in a file, such as `crate::model::Event` or `axum::Router`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub path: String,
    pub line: usize,
}

/// A word or one sign of punctuation (`::` is one), with its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub text: &'a str,
    pub line: usize,
}

/// The words and signs of a source text without comments, strings, characters and lifetimes.
pub(crate) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or_else(|| {
            let length = match first {
                c if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                ':' if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            found.push(Token { text: &rest[..length], line });
            length
        });
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How much of the text's beginning says nothing about paths, if it is such a thing.
fn skipped(rest: &str) -> Option<usize> {
    let upto = |end: &str, after: usize| rest[after..].find(end).map_or(rest.len(), |at| after + at + end.len());
    let raw = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')).unwrap_or("");
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    match rest.as_bytes() {
        [b, ..] if b.is_ascii_whitespace() => Some(1),
        [b'/', b'/', ..] => Some(rest.find('\n').unwrap_or(rest.len())),
        [b'/', b'*', ..] => Some(upto("*/", 2)),
        [b'"', ..] | [b'b' | b'c', b'"', ..] => Some(string(rest)),
        _ if raw[hashes..].starts_with('"') => {
            let quote = rest.len() - raw.len() + hashes + 1;
            Some(upto(&format!("\"{}", "#".repeat(hashes)), quote))
        }
        [b'\'', b'\\', ..] => Some(upto("'", 3)),
        [b'\'', ..] => {
            let mut chars = rest.char_indices().skip(1);
            let word = chars.next().map_or(1, |(at, c)| at + c.len_utf8());
            // 'x' is a character, 'x alone begins a lifetime.
            Some(if rest[word..].starts_with('\'') { word + 1 } else { word })
        }
        _ => None,
    }
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    let start = rest.find('"').unwrap_or_default() + 1;
    for (at, c) in rest[start..].char_indices() {
        match c {
            '"' if !escaped => return start + at + 1,
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    rest.len()
}

/// Every path that the file names; `module` is the file's own, such as `["profiles", "reducer"]`.
pub(crate) fn paths(source: &str, module: &[&str]) -> Vec<Named> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut named = Vec::new();
    let mut inner: Vec<(usize, &str)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        let word = text(at).chars().next().is_some_and(is_word);
        let begins = at == 0 || !matches!(text(at - 1), "::" | ".");
        if word && begins && (text(at + 1) == "::" || (at > 0 && text(at - 1) == "use")) {
            let here: Vec<&str> = module.iter().copied().chain(inner.iter().map(|(_, name)| *name)).collect();
            let (mut found, line) = (Vec::new(), tokens[at].line);
            at = unfold(&tokens, at, &[], &mut found);
            for mut path in found {
                // A module declared in this very file hides a crate of the same name.
                if tokens.windows(2).any(|pair| pair[0].text == "mod" && pair[1].text == path[0]) {
                    path.insert(0, "self");
                }
                named.push(Named { path: resolved(&path, &here), line });
            }
            continue;
        }
        match text(at) {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inner.retain(|(opened, _)| *opened <= depth);
            }
            "mod" if text(at + 2) == "{" => inner.push((depth + 1, text(at + 1))),
            _ => {}
        }
        at += 1;
    }
    named
}

/// Follows a path from the token `at`, into the braces of a `use` tree; returns the token after it.
fn unfold<'a>(tokens: &[Token<'a>], mut at: usize, before: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    let mut path = before.to_vec();
    loop {
        if text(at) == "{" {
            at += 1;
            while !matches!(text(at), "}" | "") {
                at = unfold(tokens, at, &path, found);
                while !matches!(text(at), "," | "}" | "") {
                    at += 1;
                }
                at += usize::from(text(at) == ",");
            }
            return at + 1;
        }
        path.push(text(at));
        if text(at + 1) != "::" || text(at + 2) == "<" {
            found.push(path);
            return at + 1;
        }
        at += 2;
    }
}

/// `self::x` and `super::x` as seen from the root; other paths as they are.
fn resolved(path: &[&str], module: &[&str]) -> String {
    let ups = path.iter().take_while(|part| **part == "super").count();
    let home = match path[0] {
        "self" => Some((module.len(), 1)),
        "super" => Some((module.len().saturating_sub(ups), ups)),
        _ => None,
    };
    let Some((kept, skip)) = home else { return path.join("::") };
    let parts = module[..kept].iter().chain(&path[skip..]).filter(|part| **part != "self");
    std::iter::once(&"crate").chain(parts).copied().collect::<Vec<_>>().join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn names(source: &str, module: &[&str], expected: &[&str]) {
        let found: Vec<_> = paths(source, module).into_iter().map(|named| named.path).collect();
        assert_eq!(found, expected, "{source}");
    }

    #[test]
    fn use_trees_unfold() {
        names(
            "use crate::{clock, model::{Event, time::*}};",
            &["journal"],
            &["crate::clock", "crate::model::Event", "crate::model::time::*"],
        );
        names("pub use axum as web;", &["x"], &["axum"]);
    }

    #[test]
    fn inline_paths_and_attributes_count() {
        names(
            "fn f() -> crate::store::Store { sqlx::query(1).get::<u8>() }",
            &["x"],
            &["crate::store::Store", "sqlx::query"],
        );
        names("#[derive(clickhouse::Row)] struct A;", &["x"], &["clickhouse::Row"]);
    }

    #[test]
    fn comments_strings_and_lifetimes_do_not() {
        let source = "//! axum::a\n/* axum::b */ fn f<'a>(x: &'a str) { let _ = (\"axum::c \\\" axum::d\", '\\'', 'x', r#\"axum::e\"#); }";
        names(source, &["x"], &[]);
    }

    #[test]
    fn super_and_self_are_resolved_also_inside_inline_modules() {
        names("use super::super::store::Store;", &["profiles", "cache"], &["crate::store::Store"]);
        names("use self::parts::A;", &["profiles"], &["crate::profiles::parts::A"]);
        names(
            "mod tests { use super::X; } use super::Y;",
            &["profiles", "cache"],
            &["crate::profiles::cache::X", "crate::profiles::Y"],
        );
    }

    #[test]
    fn a_module_of_the_file_hides_a_crate_of_its_name() {
        names(
            "mod clickhouse; pub use clickhouse::Clickhouse;",
            &["config"],
            &["crate::config::clickhouse::Clickhouse"],
        );
    }

    #[test]
    fn lines_are_counted() {
        let source = "//! one\n\n/* two\n three */\nuse crate::a;\n";
        assert_eq!(paths(source, &["x"]), [Named { path: "crate::a".into(), line: 5 }]);
    }
}
