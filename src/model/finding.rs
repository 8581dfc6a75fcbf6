//! Findings of an installation check, with stable codes and advice.

use strum::IntoStaticStr;

/// One finding of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, utoipa::ToSchema)]
#[strum(serialize_all = "snake_case")]
#[schema(rename_all = "snake_case")]
pub enum Finding {
    /// The served page contains the tag, correctly installed.
    TagFound,
    /// The served page has no tag; a tag added by a tag manager is visible only in a browser.
    TagMissing,
    /// The page has more than one tag; only the first one works.
    TagTwice,
    /// The tag has no `data-key`.
    KeyMissing,
    /// The tag's key is not the site's.
    WrongKey,
    /// `integrity` on a URL whose content changes with each release.
    IntegrityUnpinned,
    /// The page's Content-Security-Policy blocks the script.
    PolicyStopsScript,
    /// The page's Content-Security-Policy blocks sending events.
    PolicyStopsEvents,
    /// The page returns an HTTP error.
    PageMissing,
    /// The service cannot fetch the page.
    PageUnreachable,
    /// Events of the page are received.
    EventsArrive,
    /// The page's origin is not one of the site's.
    WrongOrigin,
    /// Requests are blocked in the browser or on the network.
    Blocked,
    /// The browser's clock is more than five minutes off.
    WrongClock,
    /// The browser looks like a bot, whose events are not counted.
    Robot,
    /// There is no consent, so events are anonymous.
    NoConsent,
    /// The browser's privacy signal counts as denied consent.
    PrivacySignal,
    /// This browser has opted out.
    OptedOut,
    /// The tracker runs but sends nothing.
    NothingSent,
    /// Events were dropped or rejected; the responses contain the reasons.
    NotCounted,
}

impl Finding {
    /// Returns the stable code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns one line of advice.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::TagFound => "The tag is in place.",
            Self::TagMissing => "Add the script tag to the page's head.",
            Self::TagTwice => "The page has more than one tag; remove the others.",
            Self::KeyMissing => "The tag has no data-key; copy it again.",
            Self::WrongKey => "The tag's key belongs to no site; copy the tag again.",
            Self::IntegrityUnpinned => "integrity requires the pinned URL /t/HASH.js.",
            Self::PolicyStopsScript => {
                "The page's Content-Security-Policy blocks the script; add the service to script-src."
            }
            Self::PolicyStopsEvents => {
                "The page's Content-Security-Policy blocks the events; add the service to connect-src."
            }
            Self::PageMissing => "The page returns an HTTP error.",
            Self::PageUnreachable => "The service cannot fetch the page.",
            Self::EventsArrive => "Events of this page are received.",
            Self::WrongOrigin => "The page's origin is not one of the site's; add it in the dashboard.",
            Self::Blocked => {
                "The requests are blocked: by a content blocker or a firewall, or the service is not reachable."
            }
            Self::WrongClock => "The clock is more than five minutes off; events get their time of arrival.",
            Self::Robot => "The browser looks like a bot; its events are not counted.",
            Self::NoConsent => "There is no consent; events are anonymous.",
            Self::PrivacySignal => "The browser sends a privacy signal (GPC or DNT); events are anonymous.",
            Self::OptedOut => "This browser has opted out.",
            Self::NothingSent => "The tracker runs but sends nothing; it may be waiting for consent.",
            Self::NotCounted => "Some events were not counted; the responses contain the reasons.",
        }
    }
}
