//! Detects robots by names and words in the user agent.
//!
//! A user agent also has parts that do not describe the program: model and build of a phone, locale, carrier. They
//! are removed first, and in the user agent of a browser ordinary words count only as whole words: `S1RSS32.38` is a
//! build, `OrangeBotswana` a carrier, `CamScanner` an ordinary app.

use std::borrow::Cow;

use super::{
    crawlers::{self, is_whole_word},
    robots::Robot,
};

/// Lowercase parts of names that no ordinary browser has. The first match counts.
const NAMES: &[(&str, Robot)] = &[
    ("headlesschrome", Robot::Headless),
    ("phantomjs", Robot::Headless),
    ("slimerjs", Robot::Headless),
    ("puppeteer", Robot::Headless),
    ("playwright", Robot::Headless),
    ("selenium", Robot::Headless),
    ("cypress/", Robot::Headless),
    ("electron-fetch", Robot::Library),
    ("curl/", Robot::Library),
    ("libcurl", Robot::Library),
    ("wget/", Robot::Library),
    ("aiohttp", Robot::Library),
    ("httpx/", Robot::Library),
    ("scrapy", Robot::Library),
    ("go-http-client", Robot::Library),
    ("okhttp", Robot::Library),
    ("axios", Robot::Library),
    ("node-fetch", Robot::Library),
    ("undici", Robot::Library),
    ("got (", Robot::Library),
    ("httpclient", Robot::Library),
    ("http_request", Robot::Library),
    ("guzzle", Robot::Library),
    ("libwww", Robot::Library),
    ("reqwest", Robot::Library),
    ("postman", Robot::Library),
    ("insomnia/", Robot::Library),
    ("winhttp", Robot::Library),
    ("apachebench", Robot::Library),
    ("crawl", Robot::Crawler),
    ("spider", Robot::Crawler),
    ("slurp", Robot::Crawler),
    ("mediapartners-google", Robot::Crawler),
    ("google-inspectiontool", Robot::Crawler),
    ("googleother", Robot::Crawler),
    ("feedfetcher", Robot::Crawler),
    ("lighthouse", Robot::Crawler),
    ("bingpreview", Robot::Crawler),
    ("facebookexternalhit", Robot::Crawler),
    ("meta-external", Robot::Crawler),
    ("whatsapp/", Robot::Crawler),
    ("embedly", Robot::Crawler),
    ("pingdom", Robot::Crawler),
    ("chatgpt-user", Robot::Crawler),
    ("perplexity-user", Robot::Crawler),
    ("claude-user", Robot::Crawler),
    ("googleagent", Robot::Crawler),
    ("siteimprove", Robot::Crawler),
    ("nikto", Robot::Crawler),
    ("watchtowr", Robot::Crawler),
    ("ptst/", Robot::Crawler),
    ("google-read-aloud", Robot::Crawler),
    ("appinsights", Robot::Crawler),
];

/// Ordinary lowercase words: in the user agent of a browser they count only as whole words.
const WORDS: &[(&str, Robot)] = &[
    ("python", Robot::Library),
    ("java/", Robot::Library),
    ("lwp", Robot::Library),
    ("php/", Robot::Library),
    ("perl/", Robot::Library),
    ("preview", Robot::Crawler),
    ("validator", Robot::Crawler),
    ("monitor", Robot::Crawler),
    ("uptime", Robot::Crawler),
    ("archiver", Robot::Crawler),
    ("scan", Robot::Crawler),
    ("fetch", Robot::Crawler),
    ("feed", Robot::Crawler),
    ("-agent", Robot::Crawler),
    ("survey", Robot::Crawler),
    ("inspect", Robot::Crawler),
    ("synthetic", Robot::Crawler),
    ("audit", Robot::Crawler),
    ("scrap", Robot::Crawler),
    ("favicon", Robot::Crawler),
    ("check", Robot::Crawler),
    ("rss", Robot::Crawler),
    ("subscribers", Robot::Crawler),
];

/// A phone manufacturer whose name ends in `bot`.
const CUBOT: &str = "cubot";

/// The robot that a user agent identifies; `is_crawler` is woothee's classification.
pub(super) fn detect(user_agent: &str, is_crawler: bool) -> Option<Robot> {
    let is_browser = has_form_of_browser(user_agent);
    let program = without_device(user_agent);
    let lower = program.to_ascii_lowercase();
    let is_phone = user_agent.contains("Profile/MIDP") || user_agent.to_ascii_lowercase().contains(CUBOT);
    let by_list = crawlers::listed_robot(&program, is_browser).filter(|_| !is_phone);
    let by_name = NAMES.iter().find(|(name, _)| lower.contains(name)).map(|(_, robot)| *robot);
    let by_word = WORDS
        .iter()
        .find(|(word, _)| if is_browser || is_phone { has_word(&lower, word) } else { lower.contains(word) })
        .filter(|(word, _)| !(is_phone && *word == "java/"))
        .map(|(_, robot)| *robot);
    let by_suffix = (names_a_bot(&lower, is_browser) || has_contact(&lower)).then_some(Robot::Crawler);
    // The list has names, the words are general; the stricter class counts.
    let found = [by_list, by_name, by_word, by_suffix].into_iter().flatten().min();
    found.or((is_crawler && !is_phone && !is_browser).then_some(Robot::Crawler))
}

/// Whether it is a user agent that an app's own requests carry: on calls from the site's server they stand for
/// phones.
pub(super) fn is_app(user_agent: &str) -> bool {
    const STACKS: [&str; 6] = ["okhttp/", "UnityPlayer/", "Dalvik/", "Dart/", "Alamofire/", "CFNetwork/"];
    STACKS.iter().any(|stack| user_agent.starts_with(stack)) || user_agent.contains(" CFNetwork/")
}

/// `Mozilla/5.0 (` with a common operating system, and an engine.
fn has_form_of_browser(user_agent: &str) -> bool {
    const SYSTEMS: [&str; 10] =
        ["Windows NT", "Windows Phone", "Macintosh", "X11", "Linux", "iPhone", "iPad", "iPod", "Android", "SMART-TV"];
    const ENGINES: [&str; 4] = ["AppleWebKit/", "Gecko/", "Trident/", "Presto/"];
    user_agent.strip_prefix("Mozilla/5.0 (").is_some_and(|rest| SYSTEMS.iter().any(|system| rest.starts_with(system)))
        && ENGINES.iter().any(|engine| user_agent.contains(engine))
        && !user_agent.contains("compatible;")
}

/// The user agent without the model and build of an Android phone and without the bracket in which Facebook's apps
/// describe device, carrier and locale.
fn without_device(user_agent: &str) -> Cow<'_, str> {
    let mut rest = Cow::Borrowed(user_agent);
    if let Some((before, described)) = user_agent.split_once("[FB") {
        let after = described.split_once(']').map_or("", |(_, after)| after);
        rest = Cow::Owned(format!("{before}{after}"));
    }
    let Some((before, comment, after)) = system_comment(&rest) else { return rest };
    let mut parts = comment.split(';');
    let mut kept = String::from(before);
    let mut is_android = false;
    for (index, part) in parts.by_ref().enumerate() {
        let part = part.split_once(" Build/").map_or(part, |(model, _)| model);
        // What follows the system is the model, unless it is a name with a version.
        if is_android && (part.trim_start().starts_with("Build/") || !part.contains('/')) {
            continue;
        }
        is_android |= part.contains("Android");
        kept.push_str(if index == 0 { "" } else { ";" });
        kept.push_str(part);
    }
    kept.push_str(after);
    if kept.len() == rest.len() { rest } else { Cow::Owned(kept) }
}

/// The first comment, if it names Android, with the text before and after it.
fn system_comment(user_agent: &str) -> Option<(&str, &str, &str)> {
    let begin = user_agent.find('(')? + 1;
    // Comments may be nested, as in some models.
    let mut depth = 1_usize;
    let length = user_agent[begin..].find(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    let comment = &user_agent[begin..begin + length];
    comment.contains("Android").then(|| (&user_agent[..begin], comment, &user_agent[begin + length..]))
}

/// Whether the text has this word, not as part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, found)| is_whole_word(text, at, at + found.len()))
}

/// `bot` at the end of a word; if it is not a browser's user agent, also within one.
fn names_a_bot(lower: &str, is_browser: bool) -> bool {
    lower.match_indices("bot").any(|(at, _)| {
        let ends = !lower.as_bytes().get(at + 3).is_some_and(u8::is_ascii_lowercase);
        (ends || !is_browser) && !lower[..at].ends_with("cu")
    })
}

/// A contact address: a URL or e-mail address, as well-behaved robots give and browsers do not.
fn has_contact(lower: &str) -> bool {
    lower.contains("http://")
        || lower.contains("https://")
        || lower.match_indices('@').any(|(at, _)| {
            let local = lower[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "._+-".contains(c));
            let domain: &str =
                lower[at + 1..].split(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c))).next().unwrap_or("");
            let last = domain.trim_end_matches('.').rsplit_once('.').map_or("", |(_, last)| last);
            // Versions and calendars are not domains: `ios@9.2.3`, `en_IR@calendar=gregorian`.
            local && last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_lowercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_are_recognized_by_their_names() {
        let check = |user_agent: &str, expected: Option<Robot>| {
            assert_eq!(detect(user_agent, false), expected, "{user_agent}");
        };
        check("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Some(Robot::Crawler));
        check("Mozilla/5.0 (compatible; Ezooms/1.0; help@moz.example)", Some(Robot::Crawler));
        check("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/142.0.0.0 Safari/537.36", Some(Robot::Headless));
        check("Mozilla/5.0 AppleWebKit/537.36 (compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", Some(Robot::Ai));
        check("Mozilla/5.0 (compatible; Uncommonbot/0.1)", Some(Robot::Crawler));
        check("curl/8.5.0", Some(Robot::Library));
        check("python-requests/2.32", Some(Robot::Library));
        check("Go-http-client/1.1", Some(Robot::Library));
        check("Mozilla/5.0 (Linux; Android 10; CUBOT X30) Chrome/142.0 Mobile Safari/537.36", None);
        check("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", None);
        check("", None);
    }

    #[test]
    fn ordinary_browsers_with_such_words_are_not_robots() {
        for user_agent in include_str!("data/browsers.txt").lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(detect(user_agent, false), None, "{user_agent}");
        }
    }

    #[test]
    fn robots_with_a_browser_like_user_agent_are_found() {
        for user_agent in [
            "Mozilla/5.0 (Linux; Android 8.0; Pixel 2 Build/OPD3.170816.012; Storebot-Google/1.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/81.0.4044.138 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 8_3 like Mac OS X) AppleWebKit/600.1.4 (KHTML, like Gecko) Version/8.0 Mobile/12F70 Safari/600.1.4 (compatible; Applebot/0.1)",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 site-check",
        ] {
            assert!(detect(user_agent, false).is_some(), "{user_agent}");
        }
    }

    #[test]
    fn requests_of_apps_are_recognized() {
        let check = |user_agent: &str, expected: bool| assert_eq!(is_app(user_agent), expected, "{user_agent}");
        check("okhttp/4.12.0", true);
        check("UnityPlayer/2022.3 (UnityWebRequest/1.0, libcurl/8.4.0-DEV)", true);
        check("MyShop/3.1 CFNetwork/1490.0.4 Darwin/23.2.0", true);
        check("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A.230803.041)", true);
        check("python-requests/2.32", false);
        check("curl/8.5.0", false);
    }
}
