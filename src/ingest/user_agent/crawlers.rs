//! The list of robots that declare themselves, compiled once into two matchers.
//!
//! Nearly all patterns are plain texts, found in one pass over the user agent by one automaton; the few regular
//! expressions are one set. The file names its source and licence.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::RegexSet;

use super::robots::Robot;

const LIST: &str = include_str!("data/crawlers.txt");

struct Crawlers {
    texts: AhoCorasick,
    text_patterns: Vec<TextPattern>,
    expressions: RegexSet,
    expression_classes: Vec<Robot>,
}

/// A plain text of the list.
#[derive(Clone, Copy)]
struct TextPattern {
    class: Robot,
    /// Whether ordinary browsers contain it too.
    in_browsers: bool,
}

static CRAWLERS: LazyLock<Option<Crawlers>> = LazyLock::new(|| compile(LIST).ok());

/// Patterns of the list that ordinary browsers contain too: a build of many Android phones, the in-app browsers of
/// Facebook, Viber and editors, and names that are parts of others (`ViewSonic`, `HTC Butterfly`). They count only
/// if the user agent does not have the form of a browser.
const IN_BROWSERS: [&str; 10] =
    ["AP3A.240617.008", "MetaIAB Facebook", "Viber", "Sonic", "Butterfly", "RED/", "008/", "Fluid", "Code/1.", "Trae/"];
/// Shorter patterns count only as whole words.
const SHORT: usize = 6;

/// The class of robot in the list that matches this user agent; the strictest if several match. In the user agent of a
/// browser a pattern counts only as a whole word.
pub(super) fn listed_robot(user_agent: &str, is_browser: bool) -> Option<Robot> {
    let crawlers = CRAWLERS.as_ref()?;
    let texts = crawlers.texts.find_overlapping_iter(user_agent).filter_map(|found| {
        let pattern = crawlers.text_patterns[found.pattern().as_usize()];
        let whole_word = is_browser || found.len() < SHORT;
        let counts = !whole_word || is_whole_word(user_agent, found.start(), found.end());
        (counts && !(pattern.in_browsers && is_browser)).then_some(pattern.class)
    });
    let expressions = crawlers.expressions.matches(user_agent);
    texts.chain(expressions.iter().map(|index| crawlers.expression_classes[index])).min()
}

/// Whether the text between two byte positions is not part of a longer word.
pub(super) fn is_whole_word(text: &str, begin: usize, end: usize) -> bool {
    let (bytes, in_word) = (text.as_bytes(), |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric));
    let cut_before = begin > 0 && in_word(bytes.get(begin)) && in_word(bytes.get(begin - 1));
    let cut_after = in_word(bytes.get(end.wrapping_sub(1))) && in_word(bytes.get(end));
    !cut_before && !cut_after
}

/// Compiles a list; the error is the line that is invalid. A test ensures that the included list compiles.
fn compile(list: &str) -> Result<Crawlers, String> {
    let (mut texts, mut text_patterns, mut expressions, mut expression_classes) = (vec![], vec![], vec![], vec![]);
    let mut class = Robot::Crawler;
    for line in list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.split_at_checked(2) {
            Some(("= ", text)) => {
                texts.push(text);
                text_patterns.push(TextPattern { class, in_browsers: IN_BROWSERS.contains(&text) });
            }
            Some(("~ ", expression)) => {
                expressions.push(expression);
                expression_classes.push(class);
            }
            _ => {
                class = match line {
                    "[headless]" => Robot::Headless,
                    "[library]" => Robot::Library,
                    "[ai]" => Robot::Ai,
                    "[crawler]" => Robot::Crawler,
                    _ => return Err(line.to_owned()),
                }
            }
        }
    }
    Ok(Crawlers {
        texts: AhoCorasick::new(texts).map_err(|e| e.to_string())?,
        text_patterns,
        expressions: RegexSet::new(expressions).map_err(|e| e.to_string())?,
        expression_classes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_compiles_whole() {
        let crawlers = compile(LIST).unwrap();
        assert_eq!(crawlers.text_patterns.len() + crawlers.expression_classes.len(), 1500);
        assert!(compile("[unknown]").is_err());
        assert!(compile("~ (").is_err());
    }

    #[test]
    fn robots_of_every_class_are_found() {
        let check = |user_agent: &str, expected: Option<Robot>| {
            assert_eq!(listed_robot(user_agent, true), expected, "{user_agent}");
        };
        check("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Some(Robot::Crawler));
        check("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", Some(Robot::Ai));
        check("Wget/1.21.3", Some(Robot::Library));
        check("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/142.0.0.0 Safari/537.36", Some(Robot::Headless));
        check(crate::ingest::fixture::CHROME, None);
        check("", None);
    }
}
