//! What a user agent tells: device class, system, browser, and whether it is a robot's.

use std::borrow::Cow;

use super::client_hints::Hints;
use crate::{
    ingest::{
        limits, own_or_shared, robot_names,
        robots::{self, Robot},
        text,
    },
    model::{Device, DeviceClass, Event},
    wire::collect::{self, Batch},
};

/// What one user agent tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agent {
    /// The device.
    pub device: Device<'static>,
    /// Why it is a robot's, if it is.
    pub robot: Option<Robot>,
    /// Whether it has not even the form of a browser's, such as `Zabbix` or `MyApp/1.0`.
    pub foreign: bool,
    /// Whether it is what an app's own requests carry: it names a program, not the device.
    pub app: bool,
}

impl Agent {
    /// Reads a user agent and the hints beside it; an empty one tells nothing.
    #[must_use]
    pub fn of(user_agent: &str, hints: &Hints<'_>) -> Self {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        if user_agent.is_empty() || user_agent == "-" {
            return Self { robot: hints.is_headless().then_some(Robot::Headless), ..Self::default() };
        }
        let read = woothee::parser::Parser::new().parse(user_agent).unwrap_or_default();
        let class = match read.category {
            "pc" => DeviceClass::Desktop,
            // Android's tablets are those that do not call themselves mobile.
            "smartphone" if read.os == "iPad" || (read.os == "Android" && !user_agent.contains("Mobile")) => {
                DeviceClass::Tablet
            }
            "smartphone" | "mobilephone" => DeviceClass::Mobile,
            "appliance" => DeviceClass::Appliance,
            _ => DeviceClass::Unknown,
        };
        let robot = robot_names::of_user_agent(user_agent, read.category == "crawler")
            .or(hints.is_headless().then_some(Robot::Headless))
            .or((hints.withheld && robots::must_send_hints(user_agent)).then_some(Robot::Disguised));
        let mut device = Device {
            class: if robot.is_some() { DeviceClass::Unknown } else { class },
            os: known(read.os),
            os_version: version(&read.os_version),
            browser: known(read.name),
            browser_version: version(read.version),
        };
        if robot.is_none() {
            hints.put(&mut device);
        }
        let browserlike = ["Mozilla/", "Opera/"].iter().any(|form| user_agent.starts_with(form));
        let app = robot_names::is_app(user_agent);
        if app {
            device = Device { os: device.os, os_version: device.os_version, ..Device::default() };
        }
        Self { device, robot, foreign: class == DeviceClass::Unknown && !browserlike, app }
    }
}

fn known(name: &str) -> Cow<'static, str> {
    if name == "UNKNOWN" { Cow::Borrowed("") } else { Cow::Owned(name.to_owned()) }
}

/// The first two numbers of a version: the rest tells builds apart, not browsers.
pub(super) fn version(full: &str) -> Cow<'static, str> {
    if full == "UNKNOWN" {
        return Cow::Borrowed("");
    }
    let end = full.match_indices(['.', '_']).nth(1).map_or(full.len(), |(at, _)| at);
    Cow::Owned(text::clean_borrowed(&full[..end], limits::VERSION).into_owned())
}

pub(crate) fn put_device<'a>(event: &mut Event<'a>, agent: &Agent, batch: &Batch<'a>, call: &collect::Event<'a>) {
    event.device = agent.device.clone();
    if event.device.os.is_empty() {
        let named = |pick: fn(&'_ collect::Named<'a>) -> Cow<'a, str>| {
            let own = pick(&call.context.os);
            if own.is_empty() { pick(&batch.context.os) } else { own }
        };
        event.device.os = text::clean(&named(|os| os.name.0.clone()), limits::LIBRARY);
        event.device.os_version = text::clean(&named(|os| os.version.0.clone()), limits::VERSION);
    }
    if event.device.class == DeviceClass::Unknown && agent.robot.is_none() {
        event.device.class = class_of_app(own_or_shared(call, batch, |context| &context.device.kind));
    }
}

fn class_of_app(device_type: &str) -> DeviceClass {
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(device_type));
    if is(&["ios", "android", "mobile", "phone", "handset", "smartphone"]) {
        DeviceClass::Mobile
    } else if is(&["tablet", "ipad", "ipados"]) {
        DeviceClass::Tablet
    } else if is(&["desktop", "pc", "macos", "windows", "linux"]) {
        DeviceClass::Desktop
    } else if is(&["tv", "smarttv", "tvos", "console"]) {
        DeviceClass::Appliance
    } else {
        DeviceClass::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fixture;

    #[test]
    fn user_agents_tell_device_system_and_browser() {
        let check = |user_agent: &str, class: DeviceClass, expected: [&str; 3]| {
            let Agent { device, robot, .. } = Agent::of(user_agent, &Hints::default());
            assert_eq!((device.class, robot), (class, None), "{user_agent}");
            assert_eq!([&*device.os, &*device.browser, &*device.browser_version], expected, "{user_agent}");
        };
        check(fixture::CHROME, DeviceClass::Desktop, ["Windows 10", "Chrome", "142.0"]);
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
            DeviceClass::Desktop,
            ["Mac OSX", "Safari", "18.1"],
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
            DeviceClass::Mobile,
            ["iPhone", "Safari", "18.1"],
        );
        check(
            "Mozilla/5.0 (iPad; CPU OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1",
            DeviceClass::Tablet,
            ["iPad", "Safari", "16.1"],
        );
        check(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
            DeviceClass::Mobile,
            ["Android", "Chrome", "142.0"],
        );
        check(
            "Mozilla/5.0 (Linux; Android 13; SM-X700) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
            DeviceClass::Tablet,
            ["Android", "Chrome", "142.0"],
        );
        check(
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            DeviceClass::Desktop,
            ["Linux", "Firefox", "145.0"],
        );
        check("", DeviceClass::Unknown, ["", "", ""]);
        check("-", DeviceClass::Unknown, ["", "", ""]);
    }
}
