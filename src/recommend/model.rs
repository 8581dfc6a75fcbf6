//! The models by name, and how each ranks alone.

use super::{Learned, candidates::Candidate};

/// A way to rank items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Model {
    /// All of them, weighed by what was learned from the site's own past.
    Blend,
    /// Visits like this one.
    SessionNeighbours,
    /// What is looked at after the current item, soon or later.
    SequentialRules,
    /// What is looked at right after the current item.
    NextClick,
    /// What is looked at in one visit with the current item, in either order.
    ViewedTogether,
    /// What two steps over the rules lead to.
    TwoHop,
    /// Popular lately.
    Trending,
    /// Popular over the whole time.
    Popular,
    /// Looked at in this visit, last first.
    RecentlyViewed,
}

/// Whether items of the visit are shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Returns {
    /// All of them.
    Keep,
    /// All but the current one.
    DropCurrent,
    /// None.
    DropSeen,
}

impl Returns {
    /// Every choice.
    pub const ALL: [Self; 3] = [Self::Keep, Self::DropCurrent, Self::DropSeen];

    /// Whether a candidate may be shown.
    pub(super) fn allow(self, candidate: &Candidate) -> bool {
        match self {
            Self::Keep => true,
            Self::DropCurrent => candidate.lag != 1,
            Self::DropSeen => candidate.lag == 0,
        }
    }

    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::DropCurrent => "drop_current",
            Self::DropSeen => "drop_seen",
        }
    }
}

impl Model {
    /// Every model and its word.
    pub const WORDS: [(&'static str, Self); 9] = [
        ("blend", Self::Blend),
        ("session_neighbours", Self::SessionNeighbours),
        ("sequential_rules", Self::SequentialRules),
        ("next_click", Self::NextClick),
        ("viewed_together", Self::ViewedTogether),
        ("walks", Self::TwoHop),
        ("trending", Self::Trending),
        ("popular", Self::Popular),
        ("recently_viewed", Self::RecentlyViewed),
    ];

    /// The model of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::WORDS.iter().find(|(known, _)| *known == word).map(|(_, model)| *model)
    }

    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, model)| *model == self).map_or("", |(word, _)| word)
    }

    /// Its place among the models.
    pub(super) const fn place(self) -> usize {
        self as usize
    }

    /// What the model alone says of a candidate; zero: nothing.
    pub(super) fn score(self, learned: &Learned, c: &Candidate) -> f32 {
        match self {
            Self::Blend => c.rough,
            Self::SessionNeighbours => c.near,
            Self::SequentialRules => c.after,
            Self::NextClick => c.then,
            Self::ViewedTogether => c.together,
            Self::TwoHop => c.farther,
            Self::Trending => learned.popular.of(c.item).quick,
            Self::Popular => learned.popular.of(c.item).slow,
            Self::RecentlyViewed if c.lag > 0 => 1.0 / f32::from(c.lag),
            Self::RecentlyViewed => 0.0,
        }
    }
}

/// What speaks most for an item of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// Looked at in this visit, so many clicks ago.
    Seen {
        /// 1: the current item.
        lag: u16,
    },
    /// Visits that had it together with the current item.
    Together {
        /// How many.
        visits: u32,
    },
    /// Visits like this one that had it.
    Neighbours {
        /// How many.
        visits: u32,
    },
    /// Nobody had it in one visit with the last items, but with what others looked at beside them.
    Walk,
    /// Popular, and nothing more is known.
    Popular,
}

impl Evidence {
    pub(super) fn of(c: &Candidate) -> Self {
        if c.lag > 0 {
            Self::Seen { lag: c.lag }
        } else if c.support >= 2.0 {
            Self::Together { visits: c.support as u32 }
        } else if c.voters > 0.0 {
            Self::Neighbours { visits: c.voters as u32 }
        } else if c.farther > 0.0 || c.after_all > 0.0 {
            Self::Walk
        } else {
            Self::Popular
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_one_word_and_one_place() {
        for (place, (word, model)) in Model::WORDS.into_iter().enumerate() {
            assert_eq!((Model::parse(word), model.as_str(), model.place()), (Some(model), word, place));
        }
        assert_eq!(Model::parse("magic"), None);
    }
}
