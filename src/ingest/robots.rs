//! Robots: what says so itself, what a program says that is no browser, and what drives a browser.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    DropReason, Sender, Setting, Verdict,
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
    // A server that passes on what an app's own request carried speaks of a person's device.
    let of_app = agent.app && setting.sender == Sender::Server;
    if let Some(robot) = driven.then_some(Robot::Headless).or(agent.robot.filter(|_| !of_app)).or(of_form) {
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
        // The page read them of the browser: a proxy left the headers out.
        withheld: of_connection.withheld && told.brands.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
