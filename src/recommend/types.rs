//! Types shared by the files of this module.

use strum::{EnumString, IntoStaticStr, VariantArray};

/// Number of an item in the learned data; items are numbered from zero.
pub type Number = u32;

/// A request to [`Learned::rank`](super::Learned::rank).
#[derive(Debug, Clone, Copy)]
pub struct RankRequest<'a> {
    /// Items viewed in this visit, oldest first; unknown items may have any number from the catalogue's size on.
    pub clicks: &'a [Number],
    /// Time of the request, as returned by [`Sessions::since_origin`](super::Sessions::since_origin).
    pub now: u32,
    /// Length of the list.
    pub k: usize,
    /// The model that ranks.
    pub model: Model,
}

/// A ranking model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum Model {
    /// All models, weighted by what was learned from the site's own history.
    Blend,
    /// Items of similar visits.
    SessionNeighbours,
    /// Items viewed some clicks after the current item.
    SequentialRules,
    /// Items viewed directly after the current item.
    NextClick,
    /// Items viewed in one visit with the current item, in either order.
    ViewedTogether,
    /// Items two steps away over the rules.
    #[strum(serialize = "walks")]
    TwoHop,
    /// Popular recently.
    Trending,
    /// Popular over the whole history.
    Popular,
    /// Viewed in this visit, last first.
    RecentlyViewed,
}

impl Model {
    /// Every model, in the order of its `position`.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The model with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Its name in settings, reports and the log of impressions.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Its index in [`Self::ALL`].
    pub(super) const fn position(self) -> usize {
        self as usize
    }
}

/// Which items of the current visit are recommended again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case")]
pub enum RepeatPolicy {
    /// All of them.
    Keep,
    /// All but the current one.
    DropCurrent,
    /// None.
    DropSeen,
}

impl RepeatPolicy {
    /// Every policy.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// Whether a candidate may be recommended.
    pub(super) fn allows(self, candidate: &Candidate) -> bool {
        match self {
            Self::Keep => true,
            Self::DropCurrent => candidate.lag != 1,
            Self::DropSeen => candidate.lag == 0,
        }
    }

    /// Its name in reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The signals of all models for one item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Candidate {
    pub(super) item: Number,
    /// Votes of neighbours: weighted by distance from the shared item, for the very next item, unweighted, and of the
    /// most recent neighbours alone.
    pub(super) near: f32,
    pub(super) next: f32,
    pub(super) plain: f32,
    pub(super) recent: f32,
    /// Neighbours that contain it.
    pub(super) voters: f32,
    /// Shares of the current item's followers: at any distance, and next.
    pub(super) after: f32,
    pub(super) then: f32,
    /// Cosine with the current item, and visits with both.
    pub(super) together: f32,
    pub(super) support: f32,
    /// Share of the followers of the previous item, and of all recent items, decayed by lag.
    pub(super) after_previous: f32,
    pub(super) after_all: f32,
    /// Share of the followers of followers.
    pub(super) two_hop: f32,
    /// How many clicks ago the visitor viewed it (1: the current item); 0: not in this visit.
    pub(super) lag: u16,
    /// Views in this visit.
    pub(super) seen: u16,
    /// Quick estimate, by which the best are kept.
    pub(super) rough: f32,
}

/// The main reason for a recommended item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// Viewed in this visit, this many clicks ago.
    Seen {
        /// 1: the current item.
        lag: u16,
    },
    /// Visits that contain it together with the current item.
    Together {
        /// How many.
        visits: u32,
    },
    /// Similar visits that contain it.
    Neighbours {
        /// How many.
        visits: u32,
    },
    /// In no visit with the last items, but with items that others viewed next to them.
    TwoHop,
    /// Popular, and nothing more is known.
    Popular,
}

impl Evidence {
    pub(super) fn new(candidate: &Candidate) -> Self {
        if candidate.lag > 0 {
            Self::Seen { lag: candidate.lag }
        } else if candidate.support >= 2.0 {
            Self::Together { visits: candidate.support as u32 }
        } else if candidate.voters > 0.0 {
            Self::Neighbours { visits: candidate.voters as u32 }
        } else if candidate.two_hop > 0.0 || candidate.after_all > 0.0 {
            Self::TwoHop
        } else {
            Self::Popular
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_one_name_and_one_position() {
        let names = [
            "blend",
            "session_neighbours",
            "sequential_rules",
            "next_click",
            "viewed_together",
            "walks",
            "trending",
            "popular",
            "recently_viewed",
        ];
        assert_eq!(Model::ALL.len(), names.len());
        for (position, (name, model)) in names.into_iter().zip(Model::ALL).enumerate() {
            assert_eq!((Model::parse(name), model.as_str(), model.position()), (Some(*model), name, position));
        }
        assert_eq!(Model::parse("magic"), None);
    }

    #[test]
    fn names_of_repeat_policies_are_those_stored() {
        assert_eq!(
            RepeatPolicy::ALL.iter().map(|policy| policy.as_str()).collect::<Vec<_>>(),
            ["keep", "drop_current", "drop_seen"]
        );
    }
}
