//! What the tracker notices on a page without being asked.

/// One kind of thing that is noticed; each can be switched off for a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Capture {
    /// Page views, those of single-page navigation included.
    Pages,
    /// Time and depth of attention.
    Engagement,
    /// Clicks on links and buttons.
    Clicks,
    /// Impatient clicks.
    Rage,
    /// Forms begun, sent and left.
    Forms,
    /// Searches on the site, told by the address of the page with the results.
    Searches,
    /// Errors of scripts.
    Errors,
    /// Core Web Vitals.
    Vitals,
    /// Films and sounds.
    Media,
    /// Copied text: how long it was.
    Copy,
    /// What the page pushes to `window.dataLayer`.
    DataLayer,
}

impl Capture {
    /// Every one of them.
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

    /// The word in settings.
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

    /// The types under which the tracker sends what it notices.
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

/// What is noticed on a site.
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

    /// Whether it is noticed.
    #[must_use]
    pub const fn has(self, capture: Capture) -> bool {
        self.0 & (1 << capture as u8) != 0
    }

    /// Those noticed, in their order.
    pub fn iter(self) -> impl Iterator<Item = Capture> {
        Capture::ALL.into_iter().filter(move |capture| self.has(*capture))
    }

    /// Reads words; the first unknown one is given back.
    ///
    /// # Errors
    /// When a word names no capture.
    pub fn of_words<'w>(words: impl IntoIterator<Item = &'w str>) -> Result<Self, &'w str> {
        words.into_iter().try_fold(Self(0), |set, word| {
            let capture = Capture::ALL.into_iter().find(|capture| capture.as_str() == word).ok_or(word)?;
            Ok(Self(set.0 | 1 << capture as u8))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_written_and_read_as_words() {
        let words: Vec<_> = Captures::ALL.iter().map(Capture::as_str).collect();
        assert_eq!(words.len(), Capture::ALL.len());
        assert_eq!(Captures::of_words(words), Ok(Captures::ALL));
        let some = Captures::of_words(["rage", "copy"]).unwrap();
        assert!(some.has(Capture::Rage) && some.has(Capture::Copy) && !some.has(Capture::Pages));
        assert_eq!(some.iter().collect::<Vec<_>>(), [Capture::Rage, Capture::Copy]);
        assert_eq!(Captures::of_words(["rage", "keys"]), Err("keys"));
        assert_eq!(Captures::of_words([]).unwrap().iter().count(), 0);
    }
}
