//! The list of robots that say who they are, compiled once into two matchers.
//!
//! Nearly all of its marks are plain texts and found in one pass over the user agent by one automaton;
//! the few that are expressions are one set. The file tells its source and licence.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::RegexSet;

use super::{robot_names::stands_alone, robots::Robot};

const LIST: &str = include_str!("data/crawlers.txt");

struct Crawlers {
    texts: AhoCorasick,
    /// The class of each, and whether people's browsers carry it too.
    of_text: Vec<(Robot, bool)>,
    expressions: RegexSet,
    of_expression: Vec<Robot>,
}

static CRAWLERS: LazyLock<Option<Crawlers>> = LazyLock::new(|| compile(LIST).ok());

/// Marks of the list that people's browsers carry too: a build of many Android telephones, the browsers inside of
/// Facebook, Viber and editors, and names that are parts of others (`ViewSonic`, `HTC Butterfly`). They count only
/// in what has not the form of a browser.
const OF_PEOPLE: [&str; 10] =
    ["AP3A.240617.008", "MetaIAB Facebook", "Viber", "Sonic", "Butterfly", "RED/", "008/", "Fluid", "Code/1.", "Trae/"];
/// Shorter marks count only as words of their own.
const SHORT: usize = 6;

/// The class of robot that the list knows this user agent for; the strictest when several marks are found. In the user
/// agent of a browser a mark counts only as a word of its own.
pub(super) fn of_program(user_agent: &str, is_browser: bool) -> Option<Robot> {
    let crawlers = CRAWLERS.as_ref()?;
    let texts = crawlers.texts.find_overlapping_iter(user_agent).filter_map(|found| {
        let (class, of_people) = crawlers.of_text[found.pattern().as_usize()];
        let of_word = is_browser || found.len() < SHORT;
        let counts = !of_word || stands_alone(user_agent, found.start(), found.end());
        (counts && !(of_people && is_browser)).then_some(class)
    });
    let expressions = crawlers.expressions.matches(user_agent);
    texts.chain(expressions.iter().map(|place| crawlers.of_expression[place])).min()
}

/// The matchers of a list, or the line that is none of it; a test keeps the shipped one from failing.
fn compile(list: &str) -> Result<Crawlers, String> {
    let (mut texts, mut of_text, mut expressions, mut of_expression) = (vec![], vec![], vec![], vec![]);
    let mut class = Robot::Crawler;
    for line in list.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        match line.split_at_checked(2) {
            Some(("= ", text)) => {
                texts.push(text);
                of_text.push((class, OF_PEOPLE.contains(&text)));
            }
            Some(("~ ", expression)) => {
                expressions.push(expression);
                of_expression.push(class);
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
        of_text,
        expressions: RegexSet::new(expressions).map_err(|e| e.to_string())?,
        of_expression,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_compiles_whole() {
        let crawlers = compile(LIST).unwrap();
        assert_eq!(crawlers.of_text.len() + crawlers.of_expression.len(), 1500);
        assert!(compile("[unknown]").is_err());
        assert!(compile("~ (").is_err());
    }

    #[test]
    fn marks_of_every_class_are_found() {
        let check = |user_agent: &str, expected: Option<Robot>| {
            assert_eq!(of_program(user_agent, true), expected, "{user_agent}");
        };
        check("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Some(Robot::Crawler));
        check("Mozilla/5.0 AppleWebKit/537.36 (compatible; GPTBot/1.2; +https://openai.com/gptbot)", Some(Robot::Ai));
        check("Wget/1.21.3", Some(Robot::Library));
        check("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/142.0.0.0 Safari/537.36", Some(Robot::Headless));
        check(crate::ingest::fixture::CHROME, None);
        check("", None);
    }
}
