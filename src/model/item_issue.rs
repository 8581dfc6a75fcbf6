//! Why a catalogue item is rejected: a code for counting and a message for its sender.

use std::fmt;

/// What is wrong with an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ItemIssueKind {
    /// The row cannot be parsed.
    #[strum(serialize = "unreadable_item")]
    Unreadable,
    /// The row exceeds the size limit.
    #[strum(serialize = "item_too_large")]
    RowTooLarge,
    /// The id is missing or invalid.
    #[strum(serialize = "bad_id")]
    Id,
    /// The same id occurs earlier in the file.
    #[strum(serialize = "repeated_id")]
    Repeated,
    /// A text exceeds its limit.
    TextTooLong,
    /// A URL that may not be put into a page.
    #[strum(serialize = "bad_address")]
    Address,
    /// Too many or too long categories, tags or attributes.
    #[strum(serialize = "too_many_values")]
    TooMuch,
    /// Not an ISO 4217 code.
    #[strum(serialize = "bad_currency")]
    Currency,
    /// Not an amount of money.
    #[strum(serialize = "bad_price")]
    Price,
    /// An unknown availability value.
    #[strum(serialize = "bad_availability")]
    Availability,
    /// Not a language tag.
    #[strum(serialize = "bad_language")]
    Language,
    /// The catalogue has reached its limit.
    CatalogueFull,
}

impl ItemIssueKind {
    /// Code in counts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// An issue of this kind; the message says in one line what to fix.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> ItemIssue {
        ItemIssue { kind: self, message: message.into() }
    }
}

/// Why one item is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemIssue {
    /// Category, for counting.
    pub kind: ItemIssueKind,
    /// What to fix, for the sender.
    pub message: String,
}

impl fmt::Display for ItemIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
