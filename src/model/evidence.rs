//! Evidence for a recommended item: a closed set of kinds with names and counts, and the sentence built from them.

use std::fmt;

use super::ItemId;

/// The strongest evidence for an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Evidence {
    /// Visitors who viewed `item`, as this visitor did, viewed it too.
    ViewedTogether {
        /// The related item.
        item: ItemId,
        /// How many viewed both.
        visitors: u32,
    },
    /// Similar sessions contained it.
    SimilarVisits {
        /// How many.
        visits: u32,
    },
    /// Two steps away in the co-view graph: seen with items that were seen with this session's items.
    TwoSteps,
    /// Popular in a category that the visitor prefers.
    LikedCategory {
        /// The category's name.
        category: String,
    },
    /// Popular.
    Popular,
    /// The visitor viewed it.
    Seen,
    /// New in the catalogue.
    New,
    /// Pinned by the marketer.
    Pinned,
    /// Ordered together with `item`.
    BoughtTogether {
        /// The related item.
        item: ItemId,
        /// How many orders had both.
        orders: u32,
    },
    /// Ordered with `item` or after it, from another category.
    BoughtAfter {
        /// The related item.
        item: ItemId,
        /// How many orders had both.
        orders: u32,
    },
    /// A more expensive alternative to the current item.
    HigherPriced,
    /// Its content is similar to the current item's.
    SimilarContent,
}

impl Evidence {
    /// Value in API answers.
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
            Self::HigherPriced => "dearer",
            Self::SimilarContent => "alike",
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
            Self::TwoSteps => f.write_str("seen with items that were seen with this visit's items"),
            Self::LikedCategory { category } => write!(f, "popular in {category}, a category of this visit"),
            Self::Popular => f.write_str("popular now"),
            Self::Seen => f.write_str("the visitor viewed it recently"),
            Self::New => f.write_str("new in the catalogue"),
            Self::Pinned => f.write_str("pinned"),
            Self::BoughtTogether { item, orders } => write!(f, "bought together with `{item}` in {orders} orders"),
            Self::BoughtAfter { item, orders } => write!(f, "bought with or after `{item}` in {orders} orders"),
            Self::HigherPriced => f.write_str("a more expensive alternative"),
            Self::SimilarContent => f.write_str("similar text, categories and attributes"),
        }
    }
}
