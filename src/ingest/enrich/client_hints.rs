//! What a browser tells of itself besides its user agent: User-Agent Client Hints, as request headers or
//! as `navigator.userAgentData` that the page sends along (W3C WICG, "User-Agent Client Hints").
//!
//! The user agents of Chromium's browsers are frozen: they say Windows 10 and Chrome whatever is true.
//! Example: `"Brave";v="142"` with platform `Windows` and version `15.0.0` is Brave on Windows 11.

use std::borrow::Cow;

use serde::Deserialize;

use crate::model::{Device, DeviceClass};

/// Brands that are looked at; a browser sends three or four.
const BRANDS_MAX: usize = 8;
/// Bytes of a list of brands that are looked at.
pub(super) const LIST_BYTES_MAX: usize = 512;
/// Bytes of a platform and of its version.
pub(super) const PLATFORM_BYTES_MAX: usize = 32;

/// The hints as they came; every text empty when it was not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hints<'h> {
    /// A list of brands with versions: a header's (`"Chromium";v="142"`) or JSON (`[{"brand","version"}]`).
    pub brands: &'h str,
    /// `?1`, `?0`, `true` or `false`.
    pub mobile: &'h str,
    /// Such as `Windows`, with the header's quotes or without.
    pub platform: &'h str,
    /// Such as `15.0.0`, likewise.
    pub platform_version: &'h str,
    /// Whether a browser that must send hints was free to, and sent not one, nor what every browser of
    /// today says of a request.
    pub withheld: bool,
}

impl Hints<'_> {
    /// Whether nothing was sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.brands.is_empty() && self.platform.is_empty() && self.mobile.is_empty()
    }

    /// Whether a brand says that there is no screen.
    pub(super) fn is_headless(&self) -> bool {
        self.brands.contains("HeadlessChrome")
    }

    /// Puts what the hints know better than the user agent.
    pub(super) fn put(&self, device: &mut Device<'static>) {
        self.put_browser(device);
        self.put_system(device);
        device.class = match (self.mobile, device.class) {
            ("?1" | "true", DeviceClass::Unknown | DeviceClass::Desktop) => DeviceClass::Mobile,
            ("?0" | "false", DeviceClass::Mobile) if device.os == "Android" => DeviceClass::Tablet,
            ("?0" | "false", DeviceClass::Unknown) => DeviceClass::Desktop,
            (_, known) => known,
        };
    }

    fn put_browser(&self, device: &mut Device<'static>) {
        let brands = brands(self.brands);
        let Some((name, version)) = brands.iter().filter_map(|(brand, version)| Some((name_of(brand)?, version))).max()
        else {
            return;
        };
        // The user agent's version is as good where both mean one browser.
        if device.browser != name.name {
            device.browser = Cow::Borrowed(name.name);
            device.browser_version = super::user_agent::version(version);
            if !device.browser_version.is_empty() && !device.browser_version.contains('.') {
                device.browser_version.to_mut().push_str(".0");
            }
        }
    }

    fn put_system(&self, device: &mut Device<'static>) {
        let version = self.platform_version.trim_matches('"');
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let name = match self.platform.trim_matches('"') {
            // Windows tells the version of its Universal API contract: 13 and up came with Windows 11.
            "Windows" => match (major, version) {
                (Some(13..), _) => "Windows 11",
                (Some(1..), _) => "Windows 10",
                (Some(0), "0.3" | "0.3.0") => "Windows 8.1",
                (Some(0), "0.2" | "0.2.0") => "Windows 8",
                (Some(0), "0.1" | "0.1.0") => "Windows 7",
                _ if device.os.starts_with("Windows") => return,
                _ => "Windows",
            },
            "macOS" | "Mac OS X" => "Mac OSX",
            "Android" => "Android",
            "Chrome OS" | "Chromium OS" | "ChromeOS" => "ChromeOS",
            "Linux" => "Linux",
            "iOS" => "iPhone",
            _ => return,
        };
        if device.os != name {
            device.os = Cow::Borrowed(name);
            if !name.starts_with("Windows") {
                device.os_version = Cow::Borrowed("");
            }
        }
        if major.is_some_and(|major| major > 0) && !name.starts_with("Windows") {
            device.os_version = super::user_agent::version(version);
        }
    }
}

/// A browser's name as user agents give it, and how much it says: the fork says more than its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    weight: u8,
    name: &'static str,
}

/// Brands and the names of their browsers. Others, made-up ones among them, say nothing.
fn name_of(brand: &str) -> Option<Name> {
    let named = |weight, name| Some(Name { weight, name });
    match brand {
        "Brave" | "Brave Browser" => named(3, "Brave"),
        "Microsoft Edge" | "Microsoft Edge WebView2" => named(3, "Edge"),
        "Opera" | "Opera Mobile" | "Opera GX" | "OperaMobile" => named(3, "Opera"),
        "Vivaldi" => named(3, "Vivaldi"),
        "Yandex" | "YaBrowser" | "Yowser" => named(3, "YaBrowser"),
        "Samsung Internet" => named(3, "SamsungBrowser"),
        "DuckDuckGo" => named(3, "DuckDuckGo"),
        "Whale" => named(3, "Whale"),
        "Android WebView" => named(2, "Webview"),
        "Google Chrome" => named(2, "Chrome"),
        _ => None,
    }
}

/// The brands of a list; a damaged list ends where it is damaged.
fn brands(list: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    #[derive(Deserialize)]
    struct Told<'a> {
        #[serde(borrow)]
        brand: Cow<'a, str>,
        #[serde(borrow, default)]
        version: Cow<'a, str>,
    }
    if list.starts_with('[') {
        let told: Vec<Told<'_>> = serde_json::from_str(list).unwrap_or_default();
        return told.into_iter().take(BRANDS_MAX).map(|told| (told.brand, told.version)).collect();
    }
    let mut found = Vec::new();
    let mut rest = list;
    while let Some((brand, after)) = quoted(rest)
        && found.len() < BRANDS_MAX
    {
        let (version, after) = match after.trim_start().strip_prefix(";v=").and_then(quoted) {
            Some((version, after)) => (version, after),
            None => ("", after),
        };
        found.push((Cow::Borrowed(brand), Cow::Borrowed(version)));
        rest = after.trim_start().trim_start_matches(',');
    }
    found
}

/// Splits `"text"rest`; an escaped quote does not end the text.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let inner = text.trim_start().strip_prefix('"')?;
    let end = inner.match_indices('"').map(|(at, _)| at).find(|at| !inner[..*at].ends_with('\\'))?;
    Some((&inner[..end], &inner[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        DeviceClass::{Desktop, Mobile, Tablet},
        *,
    };
    use crate::ingest::{enrich::user_agent::Agent, fixture};

    const CHROME: &str = r#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#;
    const BRAVE: &str = r#""Not;A=Brand";v="8", "Chromium";v="141", "Brave";v="141""#;
    const EDGE: &str = r#"[{"brand":"Microsoft Edge","version":"142"},{"brand":"Chromium","version":"142"}]"#;
    const ANDROID: &str =
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

    #[test]
    fn hints_know_better_than_frozen_user_agents() {
        let check = |user_agent: &str, hints: [&str; 4], class: DeviceClass, expected: [&str; 4]| {
            let [brands, mobile, platform, platform_version] = hints;
            let hints = Hints { brands, mobile, platform, platform_version, withheld: false };
            let device = Agent::of(user_agent, &hints).device;
            let seen = [&*device.os, &*device.os_version, &*device.browser, &*device.browser_version];
            assert_eq!((device.class, seen), (class, expected), "{hints:?}");
        };
        let on = fixture::CHROME;
        check(on, [""; 4], Desktop, ["Windows 10", "NT 10.0", "Chrome", "142.0"]);
        check(on, [CHROME, "?0", "\"Windows\"", ""], Desktop, ["Windows 10", "NT 10.0", "Chrome", "142.0"]);
        check(on, [CHROME, "?0", "\"Windows\"", "\"15.0.0\""], Desktop, ["Windows 11", "NT 10.0", "Chrome", "142.0"]);
        check(on, [CHROME, "?0", "\"Windows\"", "\"10.0.0\""], Desktop, ["Windows 10", "NT 10.0", "Chrome", "142.0"]);
        check(on, [BRAVE, "?0", "\"Windows\"", "\"0.3.0\""], Desktop, ["Windows 8.1", "NT 10.0", "Brave", "141.0"]);
        check(on, [EDGE, "false", "Windows", "13.0.0"], Desktop, ["Windows 11", "NT 10.0", "Edge", "142.0"]);
        check(on, [CHROME, "?0", "\"macOS\"", "\"15.1.0\""], Desktop, ["Mac OSX", "15.1", "Chrome", "142.0"]);
        check(on, [CHROME, "?0", "\"Linux\"", "\"6.1.0\""], Desktop, ["Linux", "6.1", "Chrome", "142.0"]);
        check(
            on,
            [CHROME, "?0", "\"Chrome OS\"", "\"16093.1.2\""],
            Desktop,
            ["ChromeOS", "16093.1", "Chrome", "142.0"],
        );
        check(ANDROID, [CHROME, "?1", "\"Android\"", "\"14.0.0\""], Tablet, ["Android", "14.0", "Chrome", "142.0"]);
        check(on, [CHROME, "?1", "\"Android\"", "\"14.0.0\""], Mobile, ["Android", "14.0", "Chrome", "142.0"]);
        check(on, [r#""Mine";v="1""#, "?0", "\"Fuchsia\"", "1"], Desktop, ["Windows 10", "NT 10.0", "Chrome", "142.0"]);
        check(on, ["[{]", "x", "\"", "\""], Desktop, ["Windows 10", "NT 10.0", "Chrome", "142.0"]);
    }

    #[test]
    fn lists_are_read_as_browsers_write_them() {
        let check = |list: &str, expected: &[(&str, &str)]| {
            let read = brands(list);
            let read: Vec<(&str, &str)> = read.iter().map(|(brand, version)| (&**brand, &**version)).collect();
            assert_eq!(read, expected, "{list}");
        };
        check(BRAVE, &[("Not;A=Brand", "8"), ("Chromium", "141"), ("Brave", "141")]);
        check(EDGE, &[("Microsoft Edge", "142"), ("Chromium", "142")]);
        check(r#""A, \"B";v="1","C""#, &[(r#"A, \"B"#, "1"), ("C", "")]);
        check("nonsense", &[]);
        check("", &[]);
    }

    proptest! {
        #[test]
        fn any_text_can_be_sent(list in "\\PC{0,60}", platform in "\\PC{0,12}", version in "[0-9.\"x]{0,12}") {
            let hints = Hints { brands: &list, platform: &platform, platform_version: &version, ..Hints::default() };
            let _ = Agent::of(fixture::CHROME, &hints);
        }
    }
}
