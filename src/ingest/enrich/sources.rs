//! Known traffic sources: which name or host is a search engine, a social network, and so on.
//!
//! The lists are text files with one source per line; each names the origin of its data.

use std::{collections::HashMap, sync::LazyLock};

use ahash::RandomState;

/// What kind of site a source is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// A search engine.
    Search,
    /// A social network, forum or messenger.
    Social,
    /// A shopping site.
    Shopping,
    /// A video site.
    Video,
    /// An assistant built on a language model.
    Ai,
}

/// A known source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// Its name, such as `google`.
    pub name: &'static str,
    /// What kind of site it is.
    pub category: Category,
    /// Whether subdomains of its hosts belong to it.
    with_subdomains: bool,
}

static LISTS: [(Category, &str); 5] = [
    (Category::Ai, include_str!("data/ai.txt")),
    (Category::Search, include_str!("data/search.txt")),
    (Category::Social, include_str!("data/social.txt")),
    (Category::Shopping, include_str!("data/shopping.txt")),
    (Category::Video, include_str!("data/video.txt")),
];

static SOURCES: LazyLock<HashMap<&'static str, Source, RandomState>> = LazyLock::new(|| {
    let mut sources = HashMap::default();
    for (category, list) in LISTS {
        for line in list.lines().filter(|line| !line.starts_with('#')) {
            let (name, hosts) = line.split_once(": ").unwrap_or((line, ""));
            let known = Source { name, category, with_subdomains: category != Category::Search };
            sources.entry(name).or_insert(known);
            for host in hosts.split(' ').filter(|host| !host.is_empty()) {
                match host.strip_prefix("*.") {
                    Some(parent) => sources.insert(parent, Source { with_subdomains: true, ..known }),
                    None => sources.insert(host, known),
                };
            }
        }
    }
    sources
});

/// Returns the source of a lowercase host or one of its parent domains; `www.` is ignored.
#[must_use]
pub fn by_host(host: &str) -> Option<Source> {
    let host = ["www.", "m.", "mobile.", "wap."].iter().find_map(|p| host.strip_prefix(p)).unwrap_or(host);
    let mut suffix = host;
    // No web site has more than eight labels.
    for _ in 0..8 {
        let belongs = |source: &&Source| suffix.len() == host.len() || source.with_subdomains;
        if let Some(source) = SOURCES.get(suffix).filter(belongs) {
            return Some(*source);
        }
        let (label, rest) = suffix.split_once('.')?;
        if is_country_suffix(rest)
            && let Some(source) = any_country(label).filter(|source| belongs(&source))
        {
            return Some(source);
        }
        suffix = rest;
    }
    None
}

/// Returns the source of a `utm_source`: a name in the lists, or a host.
#[must_use]
pub fn by_name(name: &str) -> Option<Source> {
    let name = name.trim().to_ascii_lowercase();
    SOURCES.get(name.as_str()).copied().or_else(|| name.contains('.').then(|| by_host(&name))?)
}

fn any_country(label: &str) -> Option<Source> {
    let mut pattern = [0; 24];
    let bytes = pattern.get_mut(..label.len() + 2)?;
    bytes[..label.len()].copy_from_slice(label.as_bytes());
    bytes[label.len()..].copy_from_slice(b".*");
    SOURCES.get(std::str::from_utf8(bytes).ok()?).copied()
}

/// Whether it is a suffix for a country or `com`: `com`, `de`, `co.uk`, `com.br`.
fn is_country_suffix(ending: &str) -> bool {
    let is_code = |code: &str| code.len() == 2 && code.bytes().all(|b| b.is_ascii_lowercase());
    match ending.split_once('.') {
        None => ending == "com" || is_code(ending),
        Some((second, code)) => matches!(second, "co" | "com") && is_code(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_found_in_all_countries_and_subdomains() {
        let check = |host: &str, expected: Option<(&str, Category)>| {
            assert_eq!(by_host(host).map(|source| (source.name, source.category)), expected, "{host}");
        };
        check("google.com", Some(("google", Category::Search)));
        check("www.google.co.uk", Some(("google", Category::Search)));
        check("google.com.br", Some(("google", Category::Search)));
        check("mail.google.com", None);
        check("google.evil.com", None);
        check("google.com.evil.example", None);
        check("gemini.google.com", Some(("gemini", Category::Ai)));
        check("uk.search.yahoo.com", Some(("yahoo", Category::Search)));
        check("duckduckgo.com", Some(("duckduckgo", Category::Search)));
        check("bing.com", Some(("bing", Category::Search)));
        check("yandex.kz", Some(("yandex", Category::Search)));
        check("l.facebook.com", Some(("facebook", Category::Social)));
        check("old.reddit.com", Some(("reddit", Category::Social)));
        check("t.co", Some(("twitter", Category::Social)));
        check("notfacebook.com", None);
        check("youtube.com", Some(("youtube", Category::Video)));
        check("chatgpt.com", Some(("chatgpt", Category::Ai)));
        check("amazon.de", Some(("amazon", Category::Shopping)));
        check("android", None);
        check("", None);
        check(&"a.".repeat(60), None);
    }

    #[test]
    fn utm_sources_are_names_or_hosts() {
        let check = |name: &str, expected: Option<Category>| {
            assert_eq!(by_name(name).map(|source| source.category), expected, "{name}");
        };
        check("Google", Some(Category::Search));
        check("fb", Some(Category::Social));
        check("Google Shopping", Some(Category::Shopping));
        check("chatgpt.com", Some(Category::Ai));
        check("m.facebook.com", Some(Category::Social));
        check("newsletter", None);
    }

    #[test]
    fn every_line_of_the_lists_is_found() {
        for (category, list) in LISTS {
            for line in list.lines().filter(|line| !line.starts_with('#')) {
                let name = line.split(": ").next().unwrap();
                assert!(!name.is_empty() && name == name.trim().to_lowercase() && !name.contains(':'), "{line}");
                let other = by_name(name).filter(|source| source.category != category);
                assert!(by_name(name).is_some(), "{name}");
                assert!(other.is_none(), "{name} is also {other:?}");
            }
        }
    }
}
