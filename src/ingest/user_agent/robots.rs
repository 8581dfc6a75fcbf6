//! Kinds of robots.

/// What identified a robot. The names are stored with the events of sites that keep robots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::IntoStaticStr, strum::EnumString)]
#[strum(serialize_all = "snake_case")]
pub enum Robot {
    /// A browser without a screen, or one driven by a program.
    Headless,
    /// A programming library or tool, such as curl.
    Library,
    /// Reads for a language model: for training, or to answer a user.
    Ai,
    /// Declares itself: crawlers, spiders, previews, monitors, feed readers.
    Crawler,
    /// Claims to be a browser but omits what that browser always sends.
    Disguised,
    /// Views more pages within seconds than a person can.
    Impossible,
}

impl Robot {
    /// The stored name.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The kind with this stored name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// The name in metrics, whether its events are kept or not.
    #[must_use]
    pub const fn counted_as(self) -> &'static str {
        match self {
            Self::Crawler => "robot_crawler",
            Self::Library => "robot_library",
            Self::Headless => "robot_headless",
            Self::Ai => "robot_ai",
            Self::Disguised => "robot_disguised",
            Self::Impossible => "robot_impossible",
        }
    }
}
