//! What speaks for a recommended item: a closed kind with its names and numbers, and the sentence made of them.

use std::fmt;

use super::ItemId;

/// What speaks most for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Visitors who looked at `item`, which this one looked at, looked at it too.
    ViewedTogether {
        /// What it goes with.
        item: ItemId,
        /// How many looked at both.
        visitors: u32,
    },
    /// Visits like this one had it.
    SimilarVisits {
        /// How many.
        visits: u32,
    },
    /// It goes together with what goes together with this visit's items.
    TwoSteps,
    /// It is popular in a category that the visitor prefers.
    LikedCategory {
        /// Its name.
        category: String,
    },
    /// It is popular.
    Popular,
    /// The visitor looked at it.
    Seen,
    /// It is new in the catalogue.
    New,
    /// The marketer gave it its place.
    Pinned,
    /// In orders with `item`.
    BoughtTogether {
        /// What it goes with.
        item: ItemId,
        /// How many had both.
        orders: u32,
    },
    /// In orders with `item` or after them, for another need.
    BoughtAfter {
        /// What it goes with.
        item: ItemId,
        /// How many had both.
        orders: u32,
    },
    /// For the same need as the item at hand, and dearer.
    Dearer,
    /// It says of itself what the item at hand says.
    Alike,
}

impl Evidence {
    /// The word on the wire.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ViewedTogether { .. } => "viewed_together",
            Self::SimilarVisits { .. } => "similar_visits",
            Self::TwoSteps => "two_steps",
            Self::LikedCategory { .. } => "liked_category",
            Self::Popular => "popular",
            Self::Seen => "seen",
            Self::New => "new",
            Self::Pinned => "pinned",
            Self::BoughtTogether { .. } => "bought_together",
            Self::BoughtAfter { .. } => "bought_after",
            Self::Dearer => "dearer",
            Self::Alike => "alike",
        }
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ViewedTogether { item, visitors } => {
                write!(f, "viewed together with `{item}` by {visitors} visitors")
            }
            Self::SimilarVisits { visits } => write!(f, "in {visits} visits like this one"),
            Self::TwoSteps => f.write_str("goes together with what goes together with this visit's items"),
            Self::LikedCategory { category } => write!(f, "from {category}, which the visitor looks at"),
            Self::Popular => f.write_str("popular now"),
            Self::Seen => f.write_str("the visitor looked at it lately"),
            Self::New => f.write_str("new in the catalogue"),
            Self::Pinned => f.write_str("pinned"),
            Self::BoughtTogether { item, orders } => write!(f, "bought together with `{item}` in {orders} orders"),
            Self::BoughtAfter { item, orders } => write!(f, "bought with or after `{item}` in {orders} orders"),
            Self::Dearer => f.write_str("for the same need, and dearer"),
            Self::Alike => f.write_str("like the item at hand by its words, categories and attributes"),
        }
    }
}
