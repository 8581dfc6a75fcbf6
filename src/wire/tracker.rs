//! Settings of a site for the tracker on its pages, and the response of `/e`.

use serde::{Deserialize, Serialize};

use super::collect::text::Text;
use crate::model::{Capture, ConsentDefault, KnownBy, Site};

/// Cross-domain link: the token in the page's address, and the referring page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Link<'a> {
    /// Token created by `ingest::link`.
    #[serde(borrow)]
    pub token: Text<'a>,
    /// Address or origin of the referring page.
    #[serde(borrow)]
    pub referrer: Text<'a>,
}

/// The settings in the tracker's format.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TrackerSettings<'a> {
    /// Version, compared with the one the tracker has.
    pub v: &'a str,
    /// Whether consent is assumed until the visitor decides.
    pub consent: bool,
    /// Whether the browser's privacy signal counts as denied consent.
    pub gpc: bool,
    /// Whether anything may be stored in the browser at all, regardless of consent.
    pub keep: bool,
    /// Types of automatically captured events.
    pub on: Vec<&'static str>,
    /// Other origins of the site, for cross-domain links.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<&'a str>,
}

impl<'a> TrackerSettings<'a> {
    /// Returns the settings for a page of this origin.
    #[must_use]
    pub fn for_origin(site: &'a Site, v: &'a str, origin: Option<&str>) -> Self {
        let is_other = |listed: &&str| origin.is_none_or(|origin| !listed.eq_ignore_ascii_case(origin));
        Self {
            v,
            // Pinned tracker versions may not know `keep`; for them consent is reported as not granted.
            consent: site.consent_default == ConsentDefault::Granted && site.visitors.known_by == KnownBy::Cookie,
            gpc: site.honour_gpc,
            keep: site.visitors.known_by == KnownBy::Cookie,
            on: site.captures.iter().flat_map(Capture::types).copied().collect(),
            origins: site.origins.iter().map(String::as_str).filter(is_other).collect(),
        }
    }

    /// Returns a short hash of everything that [`Self::for_origin`] returns.
    #[must_use]
    pub fn version(site: &Site) -> Box<str> {
        let all = serde_json::to_vec(&TrackerSettings::for_origin(site, "", None)).unwrap_or_default();
        blake3::hash(&all).to_hex()[..8].into()
    }
}

/// Body of a response of `/e`; omitted when empty.
#[derive(Debug, Serialize)]
pub struct TrackerUpdate<'a> {
    /// Visitor id to use from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visitor: Option<String>,
    /// New settings of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<TrackerSettings<'a>>,
    /// Token for cross-domain links to other origins of the site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl TrackerUpdate<'_> {
    /// Returns whether the body would be empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
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
            rates: std::sync::Arc::new(crate::model::rates::Rates::identity(Currency::NONE)),
            rules: std::sync::Arc::default(),
            captures: Captures::from_names(["pages", "media"]).unwrap(),
            exploration: crate::model::ExplorationSettings::default(),
            offer_html: false,
            traffic_filters: std::sync::Arc::default(),
            contact_costs: std::sync::Arc::default(),
            holdout_bp: 0,
            demo: false,
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_page_gets_the_settings_and_the_other_origins() {
        let site = site();
        let settings =
            serde_json::to_value(TrackerSettings::for_origin(&site, "v1", Some("https://SHOP.example"))).unwrap();
        let expected = serde_json::json!({"v": "v1", "consent": false, "gpc": false, "keep": true,
            "on": ["view", "play", "pause", "ended"], "origins": ["https://blog.example"]});
        assert_eq!(settings, expected);
    }

    #[test]
    fn only_a_change_of_settings_changes_the_version() {
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
