//! What a user agent tells: device class, system, browser, and whether it is a robot's.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use ahash::RandomState;

use crate::{
    ingest::{
        limits, own_or_shared,
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
}

impl Agent {
    /// Reads a user agent; an empty one tells nothing.
    #[must_use]
    pub fn of(user_agent: &str) -> Self {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        if user_agent.is_empty() || user_agent == "-" {
            return Self::default();
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
        let robot = robots::of_user_agent(user_agent, read.category == "crawler");
        let device = Device {
            class: if robot.is_some() { DeviceClass::Unknown } else { class },
            os: known(read.os),
            os_version: version(&read.os_version),
            browser: known(read.name),
            browser_version: version(read.version),
        };
        let browserlike = ["Mozilla/", "Opera/"].iter().any(|form| user_agent.starts_with(form));
        Self { device, robot, foreign: class == DeviceClass::Unknown && !browserlike }
    }
}

fn known(name: &str) -> Cow<'static, str> {
    if name == "UNKNOWN" { Cow::Borrowed("") } else { Cow::Owned(name.to_owned()) }
}

/// The first two numbers of a version: the rest tells builds apart, not browsers.
fn version(full: &str) -> Cow<'static, str> {
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

const SHARDS: usize = 16;

/// User agents read lately: reading one takes microseconds, and a few hundred are all of the traffic.
/// Bounded: a shard keeps two generations and forgets the older one when the younger is full.
#[derive(Debug)]
pub struct Cache {
    shards: [Mutex<Shard>; SHARDS],
    shard_agents_max: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    young: HashMap<Box<str>, Arc<Agent>, RandomState>,
    old: HashMap<Box<str>, Arc<Agent>, RandomState>,
}

impl Cache {
    /// A cache of at most about `agents_max` user agents.
    #[must_use]
    pub fn new(agents_max: usize) -> Self {
        Self {
            shards: Default::default(),
            shard_agents_max: (agents_max / (2 * SHARDS)).max(1),
            hasher: RandomState::new(),
        }
    }

    /// What a user agent tells.
    pub fn read(&self, user_agent: &str) -> Arc<Agent> {
        let user_agent = text::cut(user_agent.trim(), limits::USER_AGENT);
        let shard = &self.shards[usize::from(self.hasher.hash_one(user_agent).to_le_bytes()[7]) % SHARDS];
        {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(agent) = shard.young.get(user_agent) {
                return Arc::clone(agent);
            }
            if let Some((key, agent)) = shard.old.remove_entry(user_agent) {
                shard.keep(key, Arc::clone(&agent), self.shard_agents_max);
                return agent;
            }
        }
        // Read without the lock; two may read the same one at once, with the same result.
        let agent = Arc::new(Agent::of(user_agent));
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        shard.keep(user_agent.into(), Arc::clone(&agent), self.shard_agents_max);
        agent
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self::new(4096)
    }
}

impl Shard {
    fn keep(&mut self, user_agent: Box<str>, agent: Arc<Agent>, agents_max: usize) {
        if self.young.len() >= agents_max {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(user_agent, agent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fixture;

    #[test]
    fn user_agents_tell_device_system_and_browser() {
        let check = |user_agent: &str, class: DeviceClass, expected: [&str; 3]| {
            let Agent { device, robot, .. } = Agent::of(user_agent);
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

    #[test]
    fn the_cache_answers_as_reading_does_and_stays_small() {
        let cache = Cache::new(SHARDS * 4);
        for i in 0..1000 {
            let user_agent = format!("Mozilla/5.0 (X11; Linux x86_64; rv:{i}.0) Gecko/20100101 Firefox/{i}.0");
            assert_eq!(*cache.read(&user_agent), Agent::of(&user_agent));
            assert_eq!(*cache.read(&user_agent), Agent::of(&user_agent));
        }
        let held = |shard: &Mutex<Shard>| {
            let shard = shard.lock().unwrap();
            shard.young.len() + shard.old.len()
        };
        assert!(cache.shards.iter().map(held).sum::<usize>() <= SHARDS * 4);
        assert_eq!(*cache.read(&"x".repeat(10_000)), Agent::of(&"x".repeat(10_000)));
    }
}
