//! Which paths a file names. The compiler's own tokens (by `proc-macro2`, which `syn` stands on) are read, so that
//! comments, strings and lifetimes are never taken for code; `use` trees are unfolded, `self` and `super` are resolved
//! by the file's place in the module tree; macros are read as plain tokens, which is what is wanted here and what
//! a syntax tree would not give.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One path named in a file, such as `crate::model::Event` or `axum::Router`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub path: String,
    pub line: usize,
}

/// An identifier or one punctuation token (`::` is one), with its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub text: String,
    pub line: usize,
}

impl Token {
    fn new(text: &str, line: usize) -> Self {
        Self { text: text.to_owned(), line }
    }
}

/// The identifiers and punctuation of a source text without comments, literals and lifetimes.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let stream: TokenStream = source.parse().unwrap_or_else(|error| panic!("no Rust, {error}: {source}"));
    let mut found = Vec::new();
    flatten(stream, &mut found);
    found
}

fn flatten(stream: TokenStream, found: &mut Vec<Token>) {
    let mut trees = stream.into_iter();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Literal(_) => {}
            TokenTree::Ident(identifier) => found.push(Token::new(&identifier.to_string(), line)),
            // A lifetime is this and an identifier.
            TokenTree::Punct(sign) if sign.as_char() == '\'' => _ = trees.next(),
            // Nothing but a path has one colon joined to another.
            TokenTree::Punct(sign) if sign.as_char() == ':' && sign.spacing() == Spacing::Joint => {
                _ = trees.next();
                found.push(Token::new("::", line));
            }
            TokenTree::Punct(sign) => found.push(Token::new(sign.as_char().encode_utf8(&mut [0; 4]), line)),
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                found.push(Token::new(open, line));
                flatten(group.stream(), found);
                found.push(Token::new(close, group.span_close().start().line));
            }
        }
    }
}

fn starts_identifier(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Every path that the file names; `module` is the file's own, such as `["profiles", "reducer"]`.
pub(crate) fn paths(source: &str, module: &[&str]) -> Vec<Named> {
    let tokens = tokens(source);
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    // A module declared in this very file hides a crate of the same name.
    let declared: Vec<&str> =
        tokens.windows(2).filter(|pair| pair[0].text == "mod").map(|pair| pair[1].text.as_str()).collect();
    let mut named = Vec::new();
    let mut inner: Vec<(usize, &str)> = Vec::new();
    let (mut depth, mut at) = (0, 0);
    while at < tokens.len() {
        let identifier = text(at).chars().next().is_some_and(starts_identifier);
        let begins = at == 0 || !matches!(text(at - 1), "::" | ".");
        if identifier && begins && (text(at + 1) == "::" || (at > 0 && text(at - 1) == "use")) {
            let here: Vec<&str> = module.iter().copied().chain(inner.iter().map(|(_, name)| *name)).collect();
            let (mut found, line) = (Vec::new(), tokens[at].line);
            at = unfold(&tokens, at, &[], &mut found);
            for mut path in found {
                if declared.contains(&path[0]) {
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
fn unfold<'a>(tokens: &'a [Token], mut at: usize, before: &[&'a str], found: &mut Vec<Vec<&'a str>>) -> usize {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
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
    let base = match path[0] {
        "self" => Some((module.len(), 1)),
        "super" => Some((module.len().saturating_sub(ups), ups)),
        _ => None,
    };
    let Some((kept, skip)) = base else { return path.join("::") };
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
        let source = "//! axum::a\n/* axum::b /* axum::c */ axum::d */ fn f<'a>(x: &'a str) { \
                      let _ = (\"axum::e \\\" axum::f\", '\\'', 'x', r#\"axum::g\"#, c\"axum::h\", b'\\x27', 'y'); }";
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
