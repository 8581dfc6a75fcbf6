//! Parses a user agent: device class, operating system, browser, and whether it is a robot's.

use std::borrow::Cow;

use super::{
    hints::{self, ClientHints, version},
    robot_names,
    robots::Robot,
};
use crate::{
    ingest::{limits, text},
    model::{Device, DeviceClass},
};

/// A parsed user agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Agent {
    /// The device.
    pub device: Device<'static>,
    /// Why it is a robot's, if it is.
    pub robot: Option<Robot>,
    /// Whether it does not even have the form of a browser's, such as `Zabbix` or `MyApp/1.0`.
    pub unlike_browser: bool,
    /// Whether it is one that an app's own requests carry: it names an HTTP library, not the device.
    pub app: bool,
}

impl Agent {
    /// Parses a user agent with its client hints; an empty one gives no device.
    #[must_use]
    pub fn parse(user_agent: &str, hints: &ClientHints<'_>) -> Self {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        if user_agent.is_empty() || user_agent == "-" {
            return Self { robot: hints.is_headless().then_some(Robot::Headless), ..Self::default() };
        }
        let parsed = woothee::parser::Parser::new().parse(user_agent).unwrap_or_default();
        let class = match parsed.category {
            "pc" => DeviceClass::Desktop,
            // Android tablets omit `Mobile`.
            "smartphone" if parsed.os == "iPad" || (parsed.os == "Android" && !user_agent.contains("Mobile")) => {
                DeviceClass::Tablet
            }
            "smartphone" | "mobilephone" => DeviceClass::Mobile,
            "appliance" => DeviceClass::Appliance,
            _ => DeviceClass::Unknown,
        };
        let robot = robot_names::detect(user_agent, parsed.category == "crawler")
            .or(hints.is_headless().then_some(Robot::Headless))
            .or((hints.withheld && hints::must_send_hints(user_agent)).then_some(Robot::Disguised));
        let (browser, browser_version) =
            ios_browser(user_agent).unwrap_or_else(|| (text_or_empty(parsed.name), version(parsed.version)));
        let mut device = Device {
            class: if robot.is_some() { DeviceClass::Unknown } else { class },
            // One system under one name, as apps send it.
            os: if is_ios(parsed.os) { Cow::Borrowed(IOS) } else { text_or_empty(parsed.os) },
            os_version: version(&parsed.os_version),
            browser,
            browser_version,
        };
        if robot.is_none() {
            hints.apply(&mut device);
        }
        let browserlike = ["Mozilla/", "Opera/"].iter().any(|form| user_agent.starts_with(form));
        let app = robot_names::is_app(user_agent);
        if app {
            device = Device { os: device.os, os_version: device.os_version, ..Device::default() };
        }
        Self { device, robot, unlike_browser: class == DeviceClass::Unknown && !browserlike, app }
    }
}

/// The name of the system of iPhones and iPads.
pub(super) const IOS: &str = "iOS";

fn is_ios(os: &str) -> bool {
    ["iPhone", "iPad", "iPod"].contains(&os)
}

/// Browsers of iOS that are Safari but for one product in their user agent, with their names.
const IOS_BROWSERS: [(&str, &str); 3] = [("Brave/", "Brave"), ("DuckDuckGo/", "DuckDuckGo"), ("OPT/", "Opera")];

fn ios_browser(user_agent: &str) -> Option<(Cow<'static, str>, Cow<'static, str>)> {
    if !user_agent.contains("like Mac OS X") {
        return None;
    }
    let (product, name) = IOS_BROWSERS.iter().find(|(product, _)| user_agent.contains(product))?;
    let (_, rest) = user_agent.split_once(product)?;
    let number = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
    Some((Cow::Borrowed(name), version(number)))
}

fn text_or_empty(name: &str) -> Cow<'static, str> {
    if name == "UNKNOWN" { Cow::Borrowed("") } else { Cow::Owned(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fixture;

    #[test]
    fn device_system_and_browser_are_parsed() {
        let check = |user_agent: &str, class: DeviceClass, expected: [&str; 3]| {
            let Agent { device, robot, .. } = Agent::parse(user_agent, &ClientHints::default());
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
            ["iOS", "Safari", "18.1"],
        );
        check(
            "Mozilla/5.0 (iPad; CPU OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.1 Mobile/15E148 Safari/604.1",
            DeviceClass::Tablet,
            ["iOS", "Safari", "16.1"],
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 DuckDuckGo/7 Safari/605.1.15",
            DeviceClass::Mobile,
            ["iOS", "DuckDuckGo", "7"],
        );
        check(
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1 OPT/4.6.1",
            DeviceClass::Mobile,
            ["iOS", "Opera", "4.6"],
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
