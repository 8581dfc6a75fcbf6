//! What a check can find, by stable words, and what to do about it. PURE.

/// One thing that a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Finding {
    /// The page as served holds the tag, as it should be.
    TagFound,
    /// The page as served has no tag; one that a tag manager writes is seen in a browser only.
    TagMissing,
    /// The tag is there more than once; the second does nothing.
    TagTwice,
    /// The tag has no `data-key`.
    KeyMissing,
    /// The tag's key is not the site's.
    WrongKey,
    /// `integrity` on an address whose content changes with each release.
    IntegrityUnpinned,
    /// The page's Content-Security-Policy keeps the script out.
    PolicyStopsScript,
    /// The page's Content-Security-Policy keeps the events in.
    PolicyStopsEvents,
    /// The page answers with an error.
    PageMissing,
    /// The page cannot be read from here.
    PageUnreachable,
    /// Events of the page arrive.
    EventsArrive,
    /// The page's origin is not one of the site's.
    WrongOrigin,
    /// The browser, or something in it, stops the requests.
    Blocked,
    /// The browser's clock is more than five minutes off.
    WrongClock,
    /// The browser looks like a robot, whose events are not counted.
    Robot,
    /// Without consent events are tied to nobody.
    NoConsent,
    /// The browser's privacy signal counts as a refusal.
    PrivacySignal,
    /// This browser opted out.
    OptedOut,
    /// The tracker runs and sends nothing.
    NothingSent,
    /// Events were left out or refused; the answers say why.
    NotCounted,
}

impl Finding {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TagFound => "tag_found",
            Self::TagMissing => "tag_missing",
            Self::TagTwice => "tag_twice",
            Self::KeyMissing => "key_missing",
            Self::WrongKey => "wrong_key",
            Self::IntegrityUnpinned => "integrity_unpinned",
            Self::PolicyStopsScript => "policy_stops_script",
            Self::PolicyStopsEvents => "policy_stops_events",
            Self::PageMissing => "page_missing",
            Self::PageUnreachable => "page_unreachable",
            Self::EventsArrive => "events_arrive",
            Self::WrongOrigin => "wrong_origin",
            Self::Blocked => "blocked",
            Self::WrongClock => "wrong_clock",
            Self::Robot => "robot",
            Self::NoConsent => "no_consent",
            Self::PrivacySignal => "privacy_signal",
            Self::OptedOut => "opted_out",
            Self::NothingSent => "nothing_sent",
            Self::NotCounted => "not_counted",
        }
    }

    /// What to do about it, in a line.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::TagFound => "The tag is in place.",
            Self::TagMissing => "Put the script tag into the page's head.",
            Self::TagTwice => "The tag is there more than once; remove one.",
            Self::KeyMissing => "The tag has no data-key; copy it again.",
            Self::WrongKey => "No site has the tag's key; copy the tag again.",
            Self::IntegrityUnpinned => "integrity needs the pinned address /t/HASH.js.",
            Self::PolicyStopsScript => {
                "The page's Content-Security-Policy stops the script; add the service to script-src."
            }
            Self::PolicyStopsEvents => {
                "The page's Content-Security-Policy stops the events; add the service to connect-src."
            }
            Self::PageMissing => "The page answers with an error.",
            Self::PageUnreachable => "The page cannot be read from here.",
            Self::EventsArrive => "Events of this page arrive.",
            Self::WrongOrigin => "The page's origin is not one of the site's; add it in the dashboard.",
            Self::Blocked => {
                "Something stops the requests: a content blocker, a firewall, or the service is not there."
            }
            Self::WrongClock => "The clock is more than five minutes off; events are placed by their arrival.",
            Self::Robot => "The browser looks like a robot; its events are not counted.",
            Self::NoConsent => "There is no consent; events are tied to nobody.",
            Self::PrivacySignal => "The browser objects (GPC or DNT); events are tied to nobody.",
            Self::OptedOut => "This browser opted out.",
            Self::NothingSent => "The tracker runs and sends nothing: it may be waiting for consent.",
            Self::NotCounted => "Not all events were counted; the answers name the reasons.",
        }
    }
}
