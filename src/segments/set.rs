//! The segments of a site, compiled.

use std::sync::Arc;

use serde_json::{Value, json};

use super::evaluate::{Evaluator, Facts};
use crate::{
    catalog::condition::Condition,
    model::{Site, Timestamp},
};

/// The segments of a site, by id. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SegmentSet(Arc<[CompiledSegment]>);

/// A segment with its compiled rule.
#[derive(Debug, Clone)]
pub struct CompiledSegment {
    /// Its id.
    pub id: Box<str>,
    /// Its rule.
    pub rule: Arc<Condition>,
}

impl CompiledSegment {
    /// Ids that begin like this are those of [`SegmentSet::BUILTIN`].
    pub const BUILTIN_PREFIX: &str = "builtin-";

    /// Whether every site has it.
    #[must_use]
    pub fn is_builtin(&self) -> bool {
        self.id.starts_with(Self::BUILTIN_PREFIX)
    }
}

impl SegmentSet {
    /// Ids and names of the segments that every site has.
    pub const BUILTIN: [(&str, &str); 8] = [
        ("builtin-new", "New visitors"),
        ("builtin-returning", "Returning visitors"),
        ("builtin-loyal", "Loyal customers"),
        ("builtin-at-risk", "Customers at risk"),
        ("builtin-lost", "Lost customers"),
        ("builtin-big-spenders", "Big spenders"),
        ("builtin-cart-abandoners", "Cart abandoners"),
        ("builtin-one-time-buyers", "One-time buyers"),
    ];

    /// The rule of a segment that every site has, as JSON.
    #[must_use]
    pub fn builtin_rule(id: &str) -> Option<Value> {
        let field = |field: &str, op: &str, value: u32| json!({"field": field, "op": op, "value": value});
        Some(match id {
            "builtin-new" => json!({"field": "new_visitor", "op": "eq", "value": true}),
            "builtin-returning" => json!({"field": "new_visitor", "op": "eq", "value": false}),
            "builtin-loyal" => json!({"all": [field("orders", "gte", 3), field("last_seen_days", "lte", 90)]}),
            "builtin-at-risk" => json!({"all": [field("orders", "gte", 2), field("last_seen_days", "gt", 90),
                field("last_seen_days", "lte", 180)]}),
            "builtin-lost" => json!({"all": [field("orders", "gte", 1), field("last_seen_days", "gt", 180)]}),
            "builtin-big-spenders" => field("value_decile", "gte", 9),
            "builtin-cart-abandoners" => json!({"all": [field("cart_items", "gte", 1),
                field("last_seen_days", "gte", 1), field("last_seen_days", "lte", 30)]}),
            "builtin-one-time-buyers" => field("orders", "eq", 1),
            _ => return None,
        })
    }

    /// A set of segments, in order of id.
    #[must_use]
    pub fn new(mut segments: Vec<CompiledSegment>) -> Self {
        segments.sort_by(|a, b| a.id.cmp(&b.id));
        Self(segments.into())
    }

    /// All segments, in order of id.
    pub fn iter(&self) -> impl Iterator<Item = &CompiledSegment> {
        self.0.iter()
    }

    /// The segment with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&CompiledSegment> {
        let index = self.0.binary_search_by(|known| (*known.id).cmp(id)).ok()?;
        self.0.get(index)
    }

    /// The segments that hold for a person, in order of id.
    pub fn of<'a, F: Facts>(&'a self, facts: &'a F, site: &'a Site, now: Timestamp) -> Vec<&'a CompiledSegment> {
        let evaluator = Evaluator::new(facts, site, now);
        self.iter().filter(|segment| evaluator.holds(&segment.rule)).collect()
    }
}
