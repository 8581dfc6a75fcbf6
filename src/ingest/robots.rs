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
const MARKS: [(&str, Robot); 62] = [
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
    ("ruby", Robot::Library),
    ("reqwest", Robot::Library),
    ("postman", Robot::Library),
    ("insomnia/", Robot::Library),
    ("php/", Robot::Library),
    ("perl", Robot::Library),
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
    ("http://", Robot::Crawler),
];

/// What a user agent gives away; `listed` is woothee's opinion. An empty one says nothing.
pub(super) fn of_user_agent(user_agent: &str, listed: bool) -> Option<Robot> {
    let lower = user_agent.to_ascii_lowercase();
    let marked = MARKS.iter().find(|(mark, _)| lower.contains(mark)).map(|(_, robot)| *robot);
    marked.or(listed.then_some(Robot::Crawler))
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
    if let Some(robot) = agent.robot {
        if setting.site.robots == RobotsPolicy::Drop {
            return Err(Verdict::Drop(DropReason::Robot(robot)));
        }
        event.robot = robot.as_str();
    }
    Ok(agent)
}
