//! Robots: what says so itself, what a program says that is no browser, and what drives a browser.

use std::sync::Arc;

use super::{DropReason, Sender, Setting, Verdict, enrich::user_agent::Agent, own_or_shared};
use crate::{
    model::{Event, RobotsPolicy},
    wire::collect::{self, Batch},
};

/// By what a robot is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Robot {
    /// It names itself one: crawlers, spiders, previews, monitors, feed readers.
    Crawler,
    /// A library or tool for programs, such as curl.
    Library,
    /// A browser without a screen, or one driven by a program.
    Headless,
}

impl Robot {
    /// The word stored with the events of sites that keep robots.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Crawler => "crawler",
            Self::Library => "library",
            Self::Headless => "headless",
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
    let marked = MARKS.iter().find(|(mark, _)| lower.contains(mark)).map(|(_, robot)| *robot);
    marked.or((listed && !is_phone).then_some(Robot::Crawler))
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
    let agent = setting.agents.read(user_agent);
    // An app's server may tell any name; a browser that opens a connection itself has the form of one.
    let of_form = (agent.foreign && setting.sender != Sender::Server).then_some(Robot::Library);
    if let Some(robot) = agent.robot.or(of_form) {
        if setting.site.robots == RobotsPolicy::Drop {
            return Err(Verdict::Drop(DropReason::Robot(robot)));
        }
        event.robot = robot.as_str();
    }
    Ok(agent)
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
        check("curl/8.5.0", Some(Robot::Library));
        check("python-requests/2.32", Some(Robot::Library));
        check("Go-http-client/1.1", Some(Robot::Library));
        check("Mozilla/5.0 (Linux; Android 10; CUBOT X30) Chrome/142.0 Mobile Safari/537.36", None);
        check("Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", None);
        check("", None);
    }
}
