//! Robots: what says so itself, what a program says that is no browser, and what drives a browser.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    DropReason, Sender, Setting, Verdict, crawlers,
    enrich::{client_hints::Hints, user_agent::Agent},
    own_or_shared,
};
use crate::{
    model::{Event, RobotsPolicy},
    wire::collect::{self, Batch},
};

/// By what a robot is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Robot {
    /// A browser without a screen, or one driven by a program.
    Headless,
    /// A library or tool for programs, such as curl.
    Library,
    /// Reads for a language model: to learn from, or to answer somebody.
    Ai,
    /// It names itself one: crawlers, spiders, previews, monitors, feed readers.
    Crawler,
    /// Says it is a browser, and does not say what that browser always says.
    Disguised,
    /// Looks at more pages within seconds than anybody can.
    Impossible,
}

impl Robot {
    /// The word stored with the events of sites that keep robots.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crawler => "crawler",
            Self::Library => "library",
            Self::Headless => "headless",
            Self::Ai => "ai",
            Self::Disguised => "disguised",
            Self::Impossible => "impossible",
        }
    }

    /// The kind with this stored word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Headless, Self::Library, Self::Ai, Self::Crawler, Self::Disguised, Self::Impossible];
        if word.is_empty() { None } else { all.into_iter().find(|robot| robot.as_str() == word) }
    }

    /// The word it is counted under, whether its events are kept or not.
    #[must_use]
    pub const fn counted_as(self) -> &'static str {
        match self {
            Self::Crawler => "robot_crawler",
            Self::Library => "robot_library",
            Self::Headless => "robot_headless",
            Self::Ai => "robot_ai",
            Self::Disguised => "robot_disguised",
            Self::Impossible => "robot_impossible",
        }
    }
}

/// Parts of user agents, in lower case, and what they give away. The first that is found counts.
const MARKS: &[(&str, Robot)] = &[
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
    ("python", Robot::Library),
    ("aiohttp", Robot::Library),
    ("httpx/", Robot::Library),
    ("scrapy", Robot::Library),
    ("go-http-client", Robot::Library),
    ("okhttp", Robot::Library),
    ("axios", Robot::Library),
    ("node-fetch", Robot::Library),
    ("undici", Robot::Library),
    ("got (", Robot::Library),
    ("java/", Robot::Library),
    ("httpclient", Robot::Library),
    ("http_request", Robot::Library),
    ("guzzle", Robot::Library),
    ("libwww", Robot::Library),
    ("lwp", Robot::Library),
    ("reqwest", Robot::Library),
    ("postman", Robot::Library),
    ("insomnia/", Robot::Library),
    ("php/", Robot::Library),
    ("perl/", Robot::Library),
    ("winhttp", Robot::Library),
    ("apachebench", Robot::Library),
    ("bot", Robot::Crawler),
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
    ("preview", Robot::Crawler),
    ("validator", Robot::Crawler),
    ("monitor", Robot::Crawler),
    ("pingdom", Robot::Crawler),
    ("uptime", Robot::Crawler),
    ("archiver", Robot::Crawler),
    ("scan", Robot::Crawler),
    ("fetch", Robot::Crawler),
    ("feed", Robot::Crawler),
    ("chatgpt-user", Robot::Crawler),
    ("perplexity-user", Robot::Crawler),
    ("claude-user", Robot::Crawler),
    ("-agent", Robot::Crawler),
    ("googleagent", Robot::Crawler),
    ("survey", Robot::Crawler),
    ("inspect", Robot::Crawler),
    ("synthetic", Robot::Crawler),
    ("audit", Robot::Crawler),
    ("scrap", Robot::Crawler),
    ("favicon", Robot::Crawler),
    ("check", Robot::Crawler),
    ("siteimprove", Robot::Crawler),
    ("rss", Robot::Crawler),
    ("subscribers", Robot::Crawler),
    ("nikto", Robot::Crawler),
    ("watchtowr", Robot::Crawler),
    ("ptst/", Robot::Crawler),
    ("google-read-aloud", Robot::Crawler),
    ("appinsights", Robot::Crawler),
    // Robots of good manners leave an address to complain to; people's browsers have none.
    ("http://", Robot::Crawler),
    ("https://", Robot::Crawler),
    ("@", Robot::Crawler),
];

/// What a user agent gives away; `listed` is woothee's opinion. An empty one says nothing.
pub(super) fn of_user_agent(user_agent: &str, listed: bool) -> Option<Robot> {
    let mut lower = user_agent.to_ascii_lowercase();
    // A maker of telephones whose name ends like a robot's.
    let is_phone = lower.contains("cubot");
    if is_phone {
        lower = lower.replace("cubot", "");
    }
    let listed_as = crawlers::of_user_agent(user_agent).filter(|_| !is_phone);
    let marked = MARKS.iter().find(|(mark, _)| lower.contains(mark)).map(|(_, robot)| *robot);
    // The list knows names, the marks know words; the narrower class of the two counts.
    let known = listed_as.into_iter().chain(marked).min();
    known.or((listed && !is_phone).then_some(Robot::Crawler))
}

/// Whether a browser with this user agent sends `Sec-CH-UA` with every request over TLS: Chrome itself,
/// on a computer, of the versions that do. Forks and web views may leave it out.
pub(super) fn must_send_hints(user_agent: &str) -> bool {
    let Some((system, rest)) = user_agent.strip_prefix("Mozilla/5.0 (").and_then(|rest| rest.split_once(") ")) else {
        return false;
    };
    let on_computer = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"];
    let version = rest.strip_prefix("AppleWebKit/537.36 (KHTML, like Gecko) Chrome/").and_then(|rest| {
        // Chrome's own user agent ends here; forks add themselves.
        rest.strip_suffix(".0.0.0 Safari/537.36")?.parse::<u32>().ok()
    });
    on_computer.contains(&system) && version.is_some_and(|version| version >= 110)
}

/// Judges by the user agent that is the visitor's: on calls from servers that is only what they tell.
pub(super) fn drop_robot<'a>(
    event: &mut Event<'a>,
    setting: &Setting<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<Arc<Agent>, Verdict<'a>> {
    let user_agent: &str = match setting.sender {
        Sender::Browser | Sender::Import => setting.user_agent,
        Sender::Server => own_or_shared(call, batch, |context| &context.user_agent),
    };
    let agent = setting.readings.agent(user_agent, &hints(setting, batch, call));
    // An app's server may tell any name; a browser that opens a connection itself has the form of one.
    let of_form = (agent.foreign && setting.sender != Sender::Server).then_some(Robot::Library);
    let driven = call.context.webdriver || batch.context.webdriver;
    if let Some(robot) = driven.then_some(Robot::Headless).or(agent.robot).or(of_form) {
        drop_or_mark(event, setting, robot)?;
    }
    Ok(agent)
}

/// Judges by what the visitor did before: nobody looks at dozens of pages within seconds.
pub(super) fn drop_impossible<'a>(event: &mut Event<'a>, setting: &Setting<'_>) -> Result<(), Verdict<'a>> {
    // A server may tell of many pages at once, as a queue that was emptied does.
    let judged = setting.sender != Sender::Server && event.visitor.is_somebody() && event.robot.is_empty();
    if judged && setting.pace.is_impossible(setting.site.id, event.visitor, event.occurred_at) {
        drop_or_mark(event, setting, Robot::Impossible)?;
    }
    Ok(())
}

fn drop_or_mark<'a>(event: &mut Event<'a>, setting: &Setting<'_>, robot: Robot) -> Result<(), Verdict<'a>> {
    if setting.site.robots == RobotsPolicy::Drop {
        return Err(Verdict::Drop(DropReason::Robot(robot)));
    }
    event.robot = robot.as_str();
    Ok(())
}

/// The hints of the visitor's browser: what the page read of it, else what the connection says.
fn hints<'h>(setting: &Setting<'h>, batch: &'h Batch<'_>, call: &'h collect::Event<'_>) -> Hints<'h> {
    let of_connection = if setting.sender == Sender::Browser { setting.hints } else { Hints::default() };
    let own = &call.context.user_agent_data;
    let told = if own.is_empty() { &batch.context.user_agent_data } else { own };
    if told.is_empty() {
        return of_connection;
    }
    Hints {
        brands: told.brands.map_or(of_connection.brands, RawValue::get),
        mobile: told.mobile.as_str(),
        platform: told.platform.as_str(),
        platform_version: told.platform_version.as_str(),
        withheld: of_connection.withheld,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn robots_are_told_by_their_marks() {
        let check = |user_agent: &str, expected: Option<Robot>| {
            assert_eq!(of_user_agent(user_agent, false), expected, "{user_agent}");
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
    fn only_chrome_itself_must_send_hints() {
        let check =
            |user_agent: &str, expected: bool| assert_eq!(must_send_hints(user_agent), expected, "{user_agent}");
        let chrome = crate::ingest::fixture::CHROME;
        check(chrome, true);
        check(&chrome.replace("142.", "88."), false);
        check(&format!("{chrome} Edg/142.0.0.0"), false);
        check(&format!("{chrome} OPR/124.0.0.0"), false);
        check(&chrome.replace("Chrome/", "Version/4.0 Chrome/"), false);
        check("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", false);
        check("", false);
    }
}
