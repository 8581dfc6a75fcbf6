//! Where visitors live and which devices they use.

use serde_json::{Value, json};

/// A country. One address represents it: ingest reduces addresses to a location, so more of them would add nothing.
#[derive(Debug)]
pub(super) struct Country {
    weight: f64,
    pub(super) address: &'static str,
    pub(super) locale: &'static str,
    pub(super) timezone: &'static str,
    /// Offset of standard time from UTC.
    pub(super) offset_minutes: i64,
}

const fn country(
    weight: f64,
    address: &'static str,
    locale: &'static str,
    timezone: &'static str,
    offset_minutes: i64,
) -> Country {
    Country { weight, address, locale, timezone, offset_minutes }
}

pub(super) const COUNTRIES: [Country; 20] = [
    country(0.21, "80.128.0.1", "de-DE", "Europe/Berlin", 60),
    country(0.12, "86.128.0.1", "en-GB", "Europe/London", 0),
    country(0.10, "90.0.0.1", "fr-FR", "Europe/Paris", 60),
    country(0.08, "77.160.0.1", "nl-NL", "Europe/Amsterdam", 60),
    country(0.08, "2.176.0.1", "fa-IR", "Asia/Tehran", 210),
    country(0.07, "73.0.0.1", "en-US", "America/New_York", -300),
    country(0.05, "62.46.0.1", "de-AT", "Europe/Vienna", 60),
    country(0.05, "79.0.0.1", "it-IT", "Europe/Rome", 60),
    country(0.04, "85.0.0.1", "de-CH", "Europe/Zurich", 60),
    country(0.04, "83.32.0.1", "es-ES", "Europe/Madrid", 60),
    country(0.03, "81.240.0.1", "nl-BE", "Europe/Brussels", 60),
    country(0.03, "78.64.0.1", "sv-SE", "Europe/Stockholm", 60),
    country(0.02, "83.0.0.1", "pl-PL", "Europe/Warsaw", 60),
    country(0.02, "78.160.0.1", "tr-TR", "Europe/Istanbul", 180),
    country(0.02, "80.62.0.1", "da-DK", "Europe/Copenhagen", 60),
    country(0.01, "99.224.0.1", "en-CA", "America/Toronto", -300),
    country(0.01, "83.70.0.1", "en-IE", "Europe/Dublin", 0),
    country(0.01, "1.128.0.1", "en-AU", "Australia/Sydney", 600),
    country(0.005, "126.0.0.1", "ja-JP", "Asia/Tokyo", 540),
    country(0.005, "117.192.0.1", "en-IN", "Asia/Kolkata", 330),
];

impl Country {
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }
}

/// A browser on a device.
#[derive(Debug)]
pub(super) struct Browser {
    weight: f64,
    pub(super) user_agent: &'static str,
    screen: (u32, u32),
    density: u32,
    /// Whether it is a handheld device: such visitors browse more and buy less.
    pub(super) handheld: bool,
}

impl Browser {
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    pub(super) fn screen(&self) -> Value {
        json!({ "width": self.screen.0, "height": self.screen.1, "density": self.density })
    }
}

const fn browser(weight: f64, user_agent: &'static str, screen: (u32, u32), density: u32, handheld: bool) -> Browser {
    Browser { weight, user_agent, screen, density, handheld }
}

pub(super) const BROWSERS: [Browser; 12] = [
    browser(
        0.22,
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        (393, 852),
        3,
        true,
    ),
    browser(
        0.21,
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36",
        (412, 915),
        3,
        true,
    ),
    browser(
        0.19,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        (1920, 1080),
        1,
        false,
    ),
    browser(
        0.09,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
        (1512, 982),
        2,
        false,
    ),
    browser(
        0.07,
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        (1440, 900),
        2,
        false,
    ),
    browser(
        0.06,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0",
        (1920, 1080),
        1,
        false,
    ),
    browser(
        0.05,
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        (1536, 864),
        1,
        false,
    ),
    browser(
        0.04,
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
        (384, 854),
        3,
        true,
    ),
    browser(0.02, "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", (2560, 1440), 1, false),
    browser(0.02, "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0", (412, 892), 3, true),
    browser(
        0.02,
        "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
        (820, 1180),
        2,
        true,
    ),
    browser(
        0.01,
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        (1920, 1200),
        1,
        false,
    ),
];

/// Bots that read the shop; ingest detects and counts them. The second value is their share of the pages.
pub(super) const BOTS: [(&str, f64); 8] = [
    ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", 0.34),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
        0.2,
    ),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)", 0.16),
    ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/bot/)", 0.1),
    ("Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)", 0.08),
    ("Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)", 0.05),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/142.0.0.0 Safari/537.36",
        0.05,
    ),
    ("python-requests/2.32.3", 0.02),
];
