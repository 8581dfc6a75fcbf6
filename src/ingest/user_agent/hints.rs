//! User-Agent Client Hints (W3C WICG), as request headers or as `navigator.userAgentData` that the page sends.
//!
//! The user agents of Chromium browsers are frozen: they always name Windows 10 and Chrome.
//! Example: `"Brave";v="142"` with platform `Windows` and version `15.0.0` is Brave on Windows 11.

use std::borrow::Cow;

use serde::Deserialize;

use crate::{
    ingest::{limits, text},
    model::{Device, DeviceClass},
};

/// Brands that are read; a browser sends three or four.
const BRANDS_MAX: usize = 8;
/// Bytes of a brand list that are read.
pub(in crate::ingest) const LIST_BYTES_MAX: usize = 512;
/// Bytes of a platform and of its version that are read.
pub(in crate::ingest) const PLATFORM_BYTES_MAX: usize = 32;

/// The hints as received; a text is empty if it was not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ClientHints<'h> {
    /// A list of brands with versions, as a header (`"Chromium";v="142"`) or JSON (`[{"brand","version"}]`).
    pub brands: &'h str,
    /// `?1`, `?0`, `true` or `false`.
    pub mobile: &'h str,
    /// Such as `Windows`, with the header's quotes or without.
    pub platform: &'h str,
    /// Such as `15.0.0`, with quotes or without.
    pub platform_version: &'h str,
    /// Whether the connection allowed hints, but none were sent, nor the headers that every current browser sends
    /// (`Sec-Fetch-*`).
    pub withheld: bool,
}

impl ClientHints<'_> {
    /// Whether nothing was sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.brands.is_empty() && self.platform.is_empty() && self.mobile.is_empty()
    }

    /// Whether a brand declares a headless browser.
    pub(super) fn is_headless(&self) -> bool {
        self.brands.contains("HeadlessChrome")
    }

    /// Overwrites what the hints state more precisely than the user agent.
    pub(super) fn apply(&self, device: &mut Device<'static>) {
        self.set_browser(device);
        self.set_system(device);
        device.class = match (self.mobile, device.class) {
            ("?1" | "true", DeviceClass::Unknown | DeviceClass::Desktop) => DeviceClass::Mobile,
            ("?0" | "false", DeviceClass::Mobile) if device.os == "Android" => DeviceClass::Tablet,
            ("?0" | "false", DeviceClass::Unknown) => DeviceClass::Desktop,
            (_, known) => known,
        };
    }

    fn set_browser(&self, device: &mut Device<'static>) {
        let brands = brands(self.brands);
        let named = brands.iter().filter_map(|(brand, version)| Some((name_of(brand)?, version)));
        let Some((name, brand_version)) = named.max() else { return };
        // If both name the same browser, the user agent's version is as precise.
        if device.browser != name.name {
            device.browser = Cow::Borrowed(name.name);
            device.browser_version = version(brand_version);
            if !device.browser_version.is_empty() && !device.browser_version.contains('.') {
                device.browser_version.to_mut().push_str(".0");
            }
        }
    }

    fn set_system(&self, device: &mut Device<'static>) {
        let platform_version = self.platform_version.trim_matches('"');
        let major = platform_version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        let name = match self.platform.trim_matches('"') {
            // Windows sends the version of its Universal API contract: 13 and above is Windows 11.
            "Windows" => match (major, platform_version) {
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
            "iOS" => "iOS",
            _ => return,
        };
        if device.os != name {
            device.os = Cow::Borrowed(name);
            if !name.starts_with("Windows") {
                device.os_version = Cow::Borrowed("");
            }
        }
        if major.is_some_and(|major| major > 0) && !name.starts_with("Windows") {
            device.os_version = version(platform_version);
        }
    }
}

/// A browser's name as user agents spell it. A fork has a higher weight than its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    weight: u8,
    name: &'static str,
}

/// The browser of a brand; `None` for others, including made-up ones (GREASE).
fn name_of(brand: &str) -> Option<Name> {
    let browser = |weight, name| Some(Name { weight, name });
    match brand {
        "Brave" | "Brave Browser" => browser(3, "Brave"),
        "Microsoft Edge" | "Microsoft Edge WebView2" => browser(3, "Edge"),
        "Opera" | "Opera Mobile" | "Opera GX" | "OperaMobile" => browser(3, "Opera"),
        "Vivaldi" => browser(3, "Vivaldi"),
        "Yandex" | "YaBrowser" | "Yowser" => browser(3, "YaBrowser"),
        "Samsung Internet" => browser(3, "SamsungBrowser"),
        "DuckDuckGo" => browser(3, "DuckDuckGo"),
        "Whale" => browser(3, "Whale"),
        "Android WebView" => browser(2, "Webview"),
        "Google Chrome" => browser(2, "Chrome"),
        _ => None,
    }
}

/// Brands and versions of a list; a malformed list ends where it is malformed.
fn brands(list: &str) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    #[derive(Deserialize)]
    struct Brand<'a> {
        #[serde(borrow)]
        brand: Cow<'a, str>,
        #[serde(borrow, default)]
        version: Cow<'a, str>,
    }
    if list.starts_with('[') {
        let brands: Vec<Brand<'_>> = serde_json::from_str(list).unwrap_or_default();
        return brands.into_iter().take(BRANDS_MAX).map(|brand| (brand.brand, brand.version)).collect();
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

/// The first two numbers of a version; the rest distinguishes builds, not versions.
pub(super) fn version(full: &str) -> Cow<'static, str> {
    if full == "UNKNOWN" {
        return Cow::Borrowed("");
    }
    let end = full.match_indices(['.', '_']).nth(1).map_or(full.len(), |(at, _)| at);
    Cow::Owned(text::clean_borrowed(&full[..end], limits::VERSION).into_owned())
}

/// Whether a browser with this user agent sends `Sec-CH-UA` with every request over TLS: Chrome itself, on a
/// desktop, version 110 or later. Forks and web views may omit it.
pub(super) fn must_send_hints(user_agent: &str) -> bool {
    let Some((system, rest)) = user_agent.strip_prefix("Mozilla/5.0 (").and_then(|rest| rest.split_once(") ")) else {
        return false;
    };
    let desktops = ["Windows NT 10.0; Win64; x64", "Macintosh; Intel Mac OS X 10_15_7", "X11; Linux x86_64"];
    let version = rest.strip_prefix("AppleWebKit/537.36 (KHTML, like Gecko) Chrome/").and_then(|rest| {
        // Chrome's own user agent ends here; forks append their names.
        rest.strip_suffix(".0.0.0 Safari/537.36")?.parse::<u32>().ok()
    });
    desktops.contains(&system) && version.is_some_and(|version| version >= 110)
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
    use crate::ingest::{fixture, user_agent::Agent};

    const CHROME: &str = r#""Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99""#;
    const BRAVE: &str = r#""Not;A=Brand";v="8", "Chromium";v="141", "Brave";v="141""#;
    const EDGE: &str = r#"[{"brand":"Microsoft Edge","version":"142"},{"brand":"Chromium","version":"142"}]"#;
    const ANDROID: &str =
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

    #[test]
    fn hints_override_frozen_user_agents() {
        let check = |user_agent: &str, hints: [&str; 4], class: DeviceClass, expected: [&str; 4]| {
            let [brands, mobile, platform, platform_version] = hints;
            let hints = ClientHints { brands, mobile, platform, platform_version, withheld: false };
            let device = Agent::parse(user_agent, &hints).device;
            let parsed = [&*device.os, &*device.os_version, &*device.browser, &*device.browser_version];
            assert_eq!((device.class, parsed), (class, expected), "{hints:?}");
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
    fn brand_lists_are_parsed_in_both_forms() {
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

    proptest! {
        #[test]
        fn arbitrary_input_is_accepted(list in "\\PC{0,60}", platform in "\\PC{0,12}", version in "[0-9.\"x]{0,12}") {
            let hints = ClientHints { brands: &list, platform: &platform, platform_version: &version, ..ClientHints::default() };
            let _ = Agent::parse(fixture::CHROME, &hints);
        }
    }
}
