//! The segments that are followed, by site. No I/O.

use std::{collections::HashMap, fmt::Write as _, sync::Arc};

use super::transition::FollowedRule;
use crate::{
    catalog::{condition::Condition, snapshot::SiteSnapshot},
    control::FollowedRow,
    model::SiteId,
    segments::{RuleSet, TriggerIndex},
};

/// A followed segment.
#[derive(Debug)]
pub struct FollowedSegment {
    /// Number of this version of its rule.
    pub number: u32,
    /// Its row.
    pub row: FollowedRow,
    /// Name shown to marketers.
    pub name: String,
    /// Its rule.
    pub rule: Arc<Condition>,
}

/// The followed segments of a site.
#[derive(Debug)]
pub struct FollowedSite {
    /// The segments, in order of id.
    pub segments: Vec<FollowedSegment>,
    /// What can change them.
    pub index: TriggerIndex,
    /// Those that have been counted.
    pub counted: RuleSet,
}

/// All followed segments.
pub type FollowedSites = HashMap<SiteId, Arc<FollowedSite>>;

impl FollowedSite {
    /// Of segments in order of id.
    #[must_use]
    pub fn new(segments: Vec<FollowedSegment>) -> Self {
        let index = TriggerIndex::new(segments.iter().map(|segment| &*segment.rule));
        let mut counted = RuleSet::default();
        let known = segments.iter().enumerate().filter(|(_, segment)| segment.row.counted);
        known.for_each(|(place, _)| counted.add(place));
        Self { segments, index, counted }
    }

    /// A rule by its index; `None` if it cannot be evaluated yet.
    #[must_use]
    pub fn rule(&self, index: usize, has_values: bool) -> Option<FollowedRule<'_>> {
        let segment = self.segments.get(index).filter(|segment| segment.row.counted)?;
        let is_known = has_values || !self.index.by_value().contains(index);
        let fades = self.index.by_interest().contains(index);
        is_known.then(|| FollowedRule { number: segment.number, rule: &segment.rule, fades })
    }

    /// Whether a number is that of a followed segment.
    #[must_use]
    pub fn has(&self, number: u32) -> bool {
        self.segments.iter().any(|segment| segment.number == number)
    }
}

/// Names of a site's segments that are followed, by id: its own, and those built-in ones that `is_called` names.
#[must_use]
pub fn names_to_follow(
    site: &SiteSnapshot,
    own: &HashMap<String, String>,
    is_called: impl Fn(&str) -> bool,
) -> Vec<(Box<str>, String)> {
    let builtin_name = |id: &str| {
        let known = crate::segments::SegmentSet::BUILTIN.iter().find(|(known, _)| *known == id);
        known.map(|(_, name)| (*name).to_owned())
    };
    let followed = site.segments.iter().filter(|segment| !segment.is_builtin() || is_called(&segment.id));
    followed
        .map(|segment| {
            let name = own.get(&*segment.id).cloned().or_else(|| builtin_name(&segment.id)).unwrap_or_default();
            (segment.id.clone(), name)
        })
        .collect()
}

/// Equal for equal rules, those of the segments that they refer to included.
#[must_use]
pub fn fingerprint(rule: &Condition) -> String {
    struct Hashing(blake3::Hasher);
    impl std::fmt::Write for Hashing {
        fn write_str(&mut self, text: &str) -> std::fmt::Result {
            self.0.update(text.as_bytes());
            Ok(())
        }
    }
    let mut hashing = Hashing(blake3::Hasher::new());
    let _ = write!(hashing, "{rule:?}");
    hashing.0.finalize().to_hex().as_str()[..32].to_owned()
}
