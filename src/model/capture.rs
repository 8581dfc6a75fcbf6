//! What the tracker captures on a page automatically.

/// One kind of automatic capture; each can be switched off per site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, utoipa::ToSchema)]
#[schema(rename_all = "lowercase")]
#[repr(u8)]
pub enum Capture {
    /// Page views, those of single-page navigation included.
    Pages,
    /// Time on page and scroll depth.
    Engagement,
    /// Clicks on links and buttons.
    Clicks,
    /// Rage clicks: repeated impatient clicks.
    Rage,
    /// Forms started, submitted and abandoned.
    Forms,
    /// Site searches, recognized by the URL of the results page.
    Searches,
    /// JavaScript errors.
    Errors,
    /// Core Web Vitals.
    Vitals,
    /// Video and audio playback.
    Media,
    /// Copied text: only its length.
    Copy,
    /// What the page pushes to `window.dataLayer`.
    DataLayer,
}

impl Capture {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Pages,
        Self::Engagement,
        Self::Clicks,
        Self::Rage,
        Self::Forms,
        Self::Searches,
        Self::Errors,
        Self::Vitals,
        Self::Media,
        Self::Copy,
        Self::DataLayer,
    ];

    /// Name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pages => "pages",
            Self::Engagement => "engagement",
            Self::Clicks => "clicks",
            Self::Rage => "rage",
            Self::Forms => "forms",
            Self::Searches => "searches",
            Self::Errors => "errors",
            Self::Vitals => "vitals",
            Self::Media => "media",
            Self::Copy => "copy",
            Self::DataLayer => "datalayer",
        }
    }

    /// Types of the messages that the tracker sends for it.
    #[must_use]
    pub const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Pages => &["view"],
            Self::Engagement => &["engage"],
            Self::Clicks => &["click"],
            Self::Rage => &["rage"],
            Self::Forms => &["input", "submit", "abandon"],
            Self::Searches => &[],
            Self::Errors => &["error"],
            Self::Vitals => &["vitals"],
            Self::Media => &["play", "pause", "ended"],
            Self::Copy => &["copy"],
            Self::DataLayer => &["gtag"],
        }
    }
}

/// The kinds of capture enabled for a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captures(u16);

impl Default for Captures {
    fn default() -> Self {
        Self::ALL
    }
}

impl Captures {
    /// Everything.
    pub const ALL: Self = Self((1 << Capture::ALL.len()) - 1);

    /// Whether a kind is enabled.
    #[must_use]
    pub const fn has(self, capture: Capture) -> bool {
        self.0 & (1 << capture as u8) != 0
    }

    /// The enabled kinds, in order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Capture> {
        Capture::ALL.into_iter().filter(move |capture| self.has(*capture))
    }

    /// Parses names.
    ///
    /// # Errors
    /// Returns the first unknown name.
    pub fn from_names<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Self, &'n str> {
        names.into_iter().try_fold(Self(0), |set, name| {
            let capture = Capture::ALL.into_iter().find(|capture| capture.as_str() == name).ok_or(name)?;
            Ok(Self(set.0 | 1 << capture as u8))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_written_and_read_by_name() {
        let names: Vec<_> = Captures::ALL.iter().map(Capture::as_str).collect();
        assert_eq!(names.len(), Capture::ALL.len());
        assert_eq!(Captures::from_names(names), Ok(Captures::ALL));
        let some = Captures::from_names(["rage", "copy"]).unwrap();
        assert!(some.has(Capture::Rage) && some.has(Capture::Copy) && !some.has(Capture::Pages));
        assert_eq!(some.iter().collect::<Vec<_>>(), [Capture::Rage, Capture::Copy]);
        assert_eq!(Captures::from_names(["rage", "keys"]), Err("keys"));
        assert_eq!(Captures::from_names([]).unwrap().iter().count(), 0);
    }
}
