//! What a site's settings are for the tracker on its pages.

use serde::{Deserialize, Serialize};

use super::collect::Text;
use crate::model::{Capture, ConsentDefault, KnownBy, Site};

/// A token from the address of the page, and the page before.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Link<'a> {
    /// As `ingest::link` made it.
    #[serde(borrow)]
    pub token: Text<'a>,
    /// Address or origin of the page before.
    #[serde(borrow)]
    pub referrer: Text<'a>,
}

/// The settings as the tracker takes them; `v` names this state of them.
#[derive(Debug, Serialize)]
pub struct TrackerSettings<'a> {
    /// Compared with what the tracker says it has.
    pub v: &'a str,
    /// Whether visitors are recognized until they say otherwise.
    pub consent: bool,
    /// Whether the browser's privacy signal counts as a refusal.
    pub gpc: bool,
    /// Whether anything may be kept in browsers, whatever the visitor says.
    pub keep: bool,
    /// Types of what the tracker notices by itself.
    pub on: Vec<&'static str>,
    /// Other origins of the site, to which it carries visitors over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<&'a str>,
}

impl<'a> TrackerSettings<'a> {
    /// The settings for a page of this origin.
    #[must_use]
    pub fn of(site: &'a Site, v: &'a str, origin: Option<&str>) -> Self {
        let is_other = |listed: &&str| origin.is_none_or(|origin| !listed.eq_ignore_ascii_case(origin));
        Self {
            v,
            // A pinned tracker may be one that has not heard of `keep`: it is told that nobody agreed.
            consent: site.consent_default == ConsentDefault::Granted && site.visitors.known_by == KnownBy::Cookie,
            gpc: site.honour_gpc,
            keep: site.visitors.known_by == KnownBy::Cookie,
            on: site.captures.iter().flat_map(Capture::types).copied().collect(),
            origins: site.origins.iter().map(String::as_str).filter(is_other).collect(),
        }
    }

    /// A short name of all that [`Self::of`] would tell.
    #[must_use]
    pub fn version(site: &Site) -> Box<str> {
        let all = serde_json::to_vec(&TrackerSettings::of(site, "", None)).unwrap_or_default();
        blake3::hash(&all).to_hex()[..8].into()
    }
}

/// What `/e` answers beside the status, if anything.
#[derive(Debug, Serialize)]
pub struct TrackerNews<'a> {
    /// The id to go on with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
    /// The site's settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<TrackerSettings<'a>>,
    /// Carries the visitor over to another origin of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl TrackerNews<'_> {
    /// Whether there is nothing to say.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.visitor.is_none() && self.settings.is_none() && self.link.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Captures, Currency, RobotsPolicy, SiteId, Timestamp, VisitorRules};

    fn site() -> Site {
        Site {
            id: SiteId(1),
            name: String::new(),
            origins: vec!["https://shop.example".into(), "https://blog.example".into()],
            write_key: "k".into(),
            secret: "".into(),
            currency: Currency::NONE,
            timezone: "UTC".into(),
            robots: RobotsPolicy::Drop,
            consent_default: ConsentDefault::Denied,
            honour_gpc: false,
            events_per_second_max: 0,
            visitors: VisitorRules::default(),
            rate_entries: [].into(),
            rates: std::sync::Arc::new(crate::model::rates::Rates::to(Currency::NONE)),
            rules: std::sync::Arc::default(),
            captures: Captures::of_words(["pages", "media"]).unwrap(),
            recommending: crate::model::Recommending::default(),
            offer_html: false,
            demo: false,
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_page_hears_what_holds_and_where_else_the_site_lives() {
        let site = site();
        let told = serde_json::to_value(TrackerSettings::of(&site, "v1", Some("https://SHOP.example"))).unwrap();
        let expected = serde_json::json!({"v": "v1", "consent": false, "gpc": false, "keep": true,
            "on": ["view", "play", "pause", "ended"], "origins": ["https://blog.example"]});
        assert_eq!(told, expected);
    }

    #[test]
    fn a_change_has_a_new_name_and_nothing_else_has() {
        let before = TrackerSettings::version(&site());
        assert_eq!(before, TrackerSettings::version(&Site { name: "Other".into(), ..site() }));
        for changed in [
            Site { honour_gpc: true, ..site() },
            Site { consent_default: ConsentDefault::Granted, ..site() },
            Site { visitors: VisitorRules { known_by: KnownBy::DailyHash, ..VisitorRules::default() }, ..site() },
            Site { captures: Captures::ALL, ..site() },
            Site { origins: Vec::new(), ..site() },
        ] {
            assert_ne!(before, TrackerSettings::version(&changed), "{changed:?}");
        }
    }
}
