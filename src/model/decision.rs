//! What the decision engine answers for one slot.

use serde_json::{Map, Value};

use super::{Evidence, Exposure, ItemId};

/// Texts of an offer by name.
pub type Content = Map<String, Value>;

/// The answer for one slot.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The slot asked for.
    pub slot: String,
    /// The offer shown, if one was.
    pub offer: Option<String>,
    /// The experiment's arm, if the visitor is in one.
    pub variant: Option<String>,
    /// What to show besides items.
    pub content: Content,
    /// Items to show, best first.
    pub items: Vec<Ranked>,
    /// How the items were drawn, where there are any.
    pub exposure: Option<Exposure>,
    /// In one word, why this.
    pub reason: Reason,
    /// In detail, why this; shown to `server` and `admin` keys only.
    pub explanation: Vec<String>,
    /// Why each item, and why others not; as `explanation`, and `None` where nobody asked.
    pub shelf: Option<Box<SlotExplanation>>,
}

/// Why a shelf shows these items.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SlotExplanation {
    /// Those shown, in their order.
    pub items: Vec<WhyShown>,
    /// Those that would have been shown by their scores, the best first.
    pub left_out: Vec<LeftOut>,
}

/// Why an item is shown.
#[derive(Debug, Clone, PartialEq)]
pub struct WhyShown {
    /// What speaks most for it.
    pub evidence: Evidence,
    /// What the model says, before the marketer's rules.
    pub model_score: f32,
    /// The rules that moved it.
    pub rules: Vec<String>,
}

/// Why an item is not shown.
#[derive(Debug, Clone, PartialEq)]
pub struct LeftOut {
    /// The item.
    pub id: ItemId,
    /// What keeps it away.
    pub because: String,
}

/// Why a slot shows what it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// A marketer's offer whose rule holds.
    Offer,
    /// An experiment's arm.
    Experiment,
    /// Items picked for this visitor.
    Recommendation,
    /// Nothing is known of the visitor yet: what is popular.
    Fallback,
    /// The visitor is held back to measure the effect.
    Control,
}

impl Reason {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Experiment => "experiment",
            Self::Recommendation => "recommendation",
            Self::Fallback => "fallback",
            Self::Control => "control",
        }
    }
}

/// One recommended item.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranked {
    /// The item: its number in the catalogue that it was picked from. Not its id, whose count of owners all
    /// threads would write at once.
    pub number: u32,
    /// Its score; comparable within one answer only.
    pub score: f32,
    /// Which model put it here.
    pub why: Why,
}

/// The model that put an item on a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// Seen by the same people as what the visitor looks at.
    ViewedTogether,
    /// In visits like this one.
    SimilarVisits,
    /// From a category the visitor prefers.
    Affinity,
    /// Popular now.
    Trending,
    /// The visitor looked at it lately.
    RecentlyViewed,
    /// New in the catalogue.
    New,
    /// The marketer gave it this place.
    Pinned,
    /// Bought with what the visitor looks at, in one order.
    BoughtTogether,
    /// Bought with it or after it, for another need.
    CrossSell,
    /// For the same need, and dearer.
    UpSell,
    /// It says of itself what the other item says.
    SimilarItem,
}

impl Why {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewedTogether => "viewed_together",
            Self::SimilarVisits => "similar_visits",
            Self::Affinity => "affinity",
            Self::Trending => "trending",
            Self::RecentlyViewed => "recently_viewed",
            Self::New => "new",
            Self::Pinned => "pinned",
            Self::BoughtTogether => "bought_together",
            Self::CrossSell => "cross_sell",
            Self::UpSell => "up_sell",
            Self::SimilarItem => "similar_item",
        }
    }
}
