//! Why an item of a catalogue is not taken, in one word for counting and one line for its sender.

use std::fmt;

/// What is wrong with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemIssueKind {
    /// The row cannot be read at all.
    Unreadable,
    /// The row is larger than any item.
    RowTooLarge,
    /// No id, or one that cannot be an id.
    Id,
    /// The same id stands earlier in the same file.
    Repeated,
    /// A text is longer than the limit.
    TextTooLong,
    /// An address that may not be put into a page.
    Address,
    /// Too many or too long categories, tags or attributes.
    TooMuch,
    /// No ISO 4217 code.
    Currency,
    /// No amount of money.
    Price,
    /// A word for availability that nobody knows.
    Availability,
    /// No language tag.
    Language,
    /// The catalogue holds as many items as it can.
    CatalogueFull,
}

impl ItemIssueKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Unreadable,
        Self::RowTooLarge,
        Self::Id,
        Self::Repeated,
        Self::TextTooLong,
        Self::Address,
        Self::TooMuch,
        Self::Currency,
        Self::Price,
        Self::Availability,
        Self::Language,
        Self::CatalogueFull,
    ];

    /// The word in counts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable_item",
            Self::RowTooLarge => "item_too_large",
            Self::Id => "bad_id",
            Self::Repeated => "repeated_id",
            Self::TextTooLong => "text_too_long",
            Self::Address => "bad_address",
            Self::TooMuch => "too_many_values",
            Self::Currency => "bad_currency",
            Self::Price => "bad_price",
            Self::Availability => "bad_availability",
            Self::Language => "bad_language",
            Self::CatalogueFull => "catalogue_full",
        }
    }

    /// The kind with this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// With one line that says what to mend.
    #[must_use]
    pub fn because(self, message: impl Into<String>) -> ItemIssue {
        ItemIssue { kind: self, message: message.into() }
    }
}

/// Why one item is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemIssue {
    /// For counting.
    pub kind: ItemIssueKind,
    /// For whoever sent it.
    pub message: String,
}

impl fmt::Display for ItemIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in ItemIssueKind::ALL {
            assert_eq!(ItemIssueKind::from_word(kind.as_str()), Some(kind));
        }
        assert_eq!(ItemIssueKind::from_word("fine"), None);
    }
}
