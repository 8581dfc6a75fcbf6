//! Validates a site's offers and compiles them for decisions.
//!
//! No I/O. An unusable rule is refused here, with one line that names the offer, so that decisions cannot fail.
//! Example: `{"field":"visit","op":"gte","value":3}` is refused with "unknown field `visit`; known are visits,
//! pageviews, …".

mod events;
mod experiments;
mod merchandising;
mod offers;
mod schedule;
mod segments;
mod slots;
mod values;

use std::{collections::HashMap, sync::Arc};

pub use experiments::{ExperimentError, compile_experiments};
pub use merchandising::compile_merchandising;
pub use offers::compile_offer;
pub use segments::{SegmentError, builtin as builtin_segment, compile_segment_rule, compile_segments};
use serde_json::Value;
pub use slots::check_slot;

use self::values::{flag_test, number_test, text_test, trait_test};
use super::{
    condition::{Condition, NumberField, SetField, TextField},
    merchandising::CompiledRules,
    snapshot::{CompiledOffer, Items, SiteSnapshot},
};
use crate::{
    model::{Offer, OfferStatus, Op, Rule, Site, WantedEvents, WantedSnapshot},
    segments::{EventCondition, SegmentSet},
    wire::tracker::TrackerSettings,
};

/// Maximum nesting depth of a rule.
pub const DEPTH_MAX: usize = 8;
/// Maximum number of parts of a rule, including the values of its lists.
pub const NODES_MAX: usize = 200;
/// Maximum number of items an offer may request.
pub const ITEMS_MAX: usize = 50;

/// Maximum length of an offer's id and of a slot name, bytes.
pub const NAME_BYTES_MAX: usize = 100;

/// An offer that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("offer `{which}`: {message}")]
pub struct CompileError {
    /// The offer's id.
    pub which: String,
    /// What is wrong, in one line.
    pub message: String,
}

/// Compiles a site without segments.
///
/// # Errors
/// The first unusable offer, and why.
pub fn compile(site: impl Into<Arc<Site>>, items: Arc<Items>, offers: &[Offer]) -> Result<SiteSnapshot, CompileError> {
    compile_with(site, items, offers, SegmentSet::default())
}

/// Compiles a site. Disabled offers are validated too, so that enabling one cannot fail.
///
/// # Errors
/// The first unusable offer, and why.
pub fn compile_with(
    site: impl Into<Arc<Site>>,
    items: Arc<Items>,
    offers: &[Offer],
    segments: SegmentSet,
) -> Result<SiteSnapshot, CompileError> {
    let site = site.into();
    let mut wanted = WantedEvents::default();
    segments.iter().for_each(|segment| segment.rule.add_wanted(&mut wanted));
    let mut by_slot: HashMap<Box<str>, Vec<CompiledOffer>> = HashMap::new();
    let mut inactive: HashMap<Box<str>, Vec<(Box<str>, OfferStatus)>> = HashMap::new();
    for offer in offers {
        let mut compiled = compile_offer(offer, &segments)?;
        // Stored before the owner withdrew the permission: such HTML is no longer sent.
        if !site.offer_html {
            compiled.content.remove(Offer::HTML);
        }
        compiled.schedule = compiled.schedule.map(|schedule| schedule.or_zone_of(&site));
        let competing = by_slot.entry(offer.slot.as_str().into()).or_default();
        if offer.status() == OfferStatus::Live {
            compiled.add_wanted(&mut wanted);
            competing.push(compiled);
        } else {
            inactive.entry(offer.slot.as_str().into()).or_default().push((compiled.id, offer.status()));
        }
    }
    for competing in by_slot.values_mut() {
        competing.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.id.cmp(&b.id)));
    }
    let offers: HashMap<_, _> = by_slot.into_iter().map(|(slot, offers)| (slot, offers.into_boxed_slice())).collect();
    let settings_version = TrackerSettings::version(&site);
    let merchandising = Arc::new(CompiledRules::default());
    Ok(SiteSnapshot {
        site,
        settings_version: settings_version.into(),
        items,
        offers: Arc::new(offers),
        inactive_offers: Arc::new(inactive),
        slots: Arc::default(),
        merchandising,
        segments,
        experiments: None,
        wanted: Arc::new(WantedSnapshot::new(wanted)),
    })
}

/// Ids appear unescaped in URLs and reports.
pub(super) fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// A condition tree.
pub(super) trait Tree: Sized {
    fn everything() -> Self;
    fn all(parts: Vec<Self>) -> Self;
    fn any(parts: Vec<Self>) -> Self;
    fn not(part: Self) -> Self;
    /// One comparison of a field.
    fn test(field: &str, op: Op, value: &Value) -> Result<Self, String>;
    /// A condition on past events.
    fn events(events: EventCondition) -> Result<Self, String>;
    /// The rule of a segment, which `find` finds.
    fn segment(id: &str, find: FindSegment<'_>) -> Result<Self, String>;
}

/// Finds the compiled rule of a segment by its id, or says why there is none.
pub(super) type FindSegment<'a> = &'a dyn Fn(&str) -> Result<Condition, String>;

/// What is left to use while a rule is compiled.
pub(super) struct Budget<'a> {
    nodes_left: usize,
    find: FindSegment<'a>,
}

impl<'a> Budget<'a> {
    pub(super) const fn new(find: FindSegment<'a>) -> Self {
        Self { nodes_left: NODES_MAX, find }
    }

    pub(super) fn spend(&mut self, nodes: usize) -> Result<(), String> {
        let left = self.nodes_left.checked_sub(nodes);
        self.nodes_left = left.ok_or_else(|| format!("its rule has more than {NODES_MAX} parts and values"))?;
        Ok(())
    }
}

impl Tree for Condition {
    fn everything() -> Self {
        Self::Everyone
    }

    fn all(parts: Vec<Self>) -> Self {
        Self::All(parts)
    }

    fn any(parts: Vec<Self>) -> Self {
        Self::Any(parts)
    }

    fn not(part: Self) -> Self {
        Self::Not(Box::new(part))
    }

    fn test(field: &str, op: Op, value: &Value) -> Result<Self, String> {
        compile_test(field, op, value)
    }

    fn events(events: EventCondition) -> Result<Self, String> {
        Ok(Self::Events(Box::new(events)))
    }

    fn segment(id: &str, find: FindSegment<'_>) -> Result<Self, String> {
        find(id)
    }
}

/// Compiles a rule to a tree of typed tests, bounded in depth and size.
pub(super) fn compile_rule<T: Tree>(rule: &Rule, depth: usize, budget: &mut Budget<'_>) -> Result<T, String> {
    if depth > DEPTH_MAX {
        return Err(format!("its rule is nested deeper than {DEPTH_MAX} levels"));
    }
    budget.spend(1)?;
    let mut parts = |rules: &[Rule]| -> Result<Vec<T>, String> {
        rules.iter().map(|rule| compile_rule(rule, depth + 1, budget)).collect()
    };
    match rule {
        Rule::Everyone {} => Ok(T::everything()),
        Rule::All { all } => parts(all).map(T::all),
        Rule::Any { any } => parts(any).map(T::any),
        Rule::Not { not } => Ok(T::not(compile_rule(not, depth + 1, budget)?)),
        Rule::Test { field, op, value } => {
            if let Value::Array(list) = value {
                budget.spend(list.len())?;
            }
            T::test(field, *op, value)
        }
        Rule::Event(event) => T::events(events::event(event, budget)?),
        Rule::Sequence(sequence) => T::events(events::sequence(sequence, budget)?),
        Rule::Segment { segment } => T::segment(segment, budget.find),
    }
}

fn compile_test(name: &str, op: Op, value: &Value) -> Result<Condition, String> {
    if let Some(field) = lookup(&NumberField::NAMES, name) {
        return number_test(name, op, value).map(|test| Condition::Number { field, test });
    }
    if let Some(field) = lookup(&TextField::NAMES, name) {
        return text_test(name, op, value).map(|test| Condition::Text { field, test });
    }
    if let Some(field) = lookup(&SetField::NAMES, name) {
        return text_test(name, op, value).map(|test| Condition::Set { field, test });
    }
    if name == "new_visitor" {
        return flag_test(name, op, value).map(Condition::NewVisitor);
    }
    if let Some(key) = name.strip_prefix("trait.").filter(|key| !key.is_empty()) {
        return trait_test(name, op, value).map(|test| Condition::Trait { name: key.into(), test });
    }
    let numbers = NumberField::NAMES.iter().map(|(name, _)| *name);
    let texts = TextField::NAMES.iter().map(|(name, _)| *name);
    let sets = SetField::NAMES.iter().map(|(name, _)| *name);
    let known: Vec<_> = numbers.chain(texts).chain(sets).chain(["new_visitor", "trait.NAME"]).collect();
    Err(format!("unknown field `{}`; known are {}", shown(name), known.join(", ")))
}

pub(super) fn lookup<F: Copy>(names: &[(&str, F)], name: &str) -> Option<F> {
    names.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
}

/// A marketer's text, shortened so that a message stays one readable line.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::snapshot::{Model, Recommend},
        *,
    };

    fn compile_offer(offer: &Offer) -> Result<CompiledOffer, CompileError> {
        super::compile_offer(offer, &SegmentSet::default())
    }

    #[expect(clippy::needless_pass_by_value, reason = "json!() makes values")]
    fn offer(when: Value, content: Value) -> Offer {
        serde_json::from_value(json!({"id": "o", "slot": "s", "when": when, "content": content})).unwrap()
    }

    fn message(when: Value, content: Value) -> String {
        compile_offer(&offer(when, content)).unwrap_err().to_string()
    }

    #[test]
    fn rules_become_sentences() {
        let check = |when: Value, expected: &str| {
            assert_eq!(compile_offer(&offer(when, json!({}))).unwrap().condition.to_string(), expected);
        };
        check(json!({}), "everyone");
        check(json!({"field": "visits", "op": "gte", "value": 3}), "visits ≥ 3");
        check(
            json!({"all": [{"field": "affinity", "op": "eq", "value": "Coffee"},
                           {"any": [{"field": "country", "op": "in", "value": ["DE", "AT"]},
                                    {"not": {"field": "new_visitor", "op": "eq", "value": true}}]}]}),
            r#"affinity is “coffee” and (country is one of ["de", "at"] or not (a new visitor))"#,
        );
        check(json!({"field": "trait.plan", "op": "exists"}), "trait.plan is known");
        check(json!({"field": "trait.age", "op": "gt", "value": 30}), "trait.age > 30");
    }

    #[test]
    fn an_unusable_rule_is_refused_in_one_line_that_names_the_offer() {
        let test =
            |field: &str, op: &str, value: Value| message(json!({"field": field, "op": op, "value": value}), json!({}));
        assert!(test("visit", "eq", json!(1)).starts_with("offer `o`: unknown field `visit`; known are visits, "));
        assert!(test("visits", "eq", json!("3")).contains("compared with a number"));
        assert!(test("visits", "contains", json!(3)).contains("is a number"));
        assert!(test("country", "gt", json!("DE")).contains("is a text"));
        assert!(test("country", "in", json!("DE")).contains("needs a list"));
        assert!(test("new_visitor", "eq", json!("yes")).contains("true or false"));
        assert!(test("trait.", "eq", json!("yes")).contains("unknown field"));
        assert!(!test("a\nb", "eq", json!(1)).contains('\n'));
    }

    #[test]
    fn deep_and_large_rules_are_refused() {
        let mut deep = json!({});
        for _ in 1..DEPTH_MAX {
            deep = json!({"not": deep});
        }
        assert!(compile_offer(&offer(deep.clone(), json!({}))).is_ok());
        assert!(message(json!({"not": deep}), json!({})).contains("nested deeper than 8"));
        let wide: Vec<Value> = (0..NODES_MAX).map(|_| json!({})).collect();
        assert!(message(json!({"any": wide}), json!({})).contains("more than 200"));
        let list: Vec<String> = (0..NODES_MAX).map(|i| i.to_string()).collect();
        assert!(message(json!({"field": "source", "op": "in", "value": list}), json!({})).contains("more than 200"));
    }

    #[test]
    fn an_offer_names_the_items_it_shows() {
        let compiled =
            compile_offer(&offer(json!({}), json!({"recommend": "affinity", "k": 4, "title": "T"}))).unwrap();
        assert_eq!(compiled.recommend, Some(Recommend { model: Model::Affinity, k: 4 }));
        assert_eq!(Value::Object(compiled.content), json!({"title": "T"}));
        assert!(message(json!({}), json!({"recommend": "magic"})).contains("known are auto, trending"));
        assert!(message(json!({}), json!({"recommend": "auto", "k": 0})).contains("from 1 to 50"));
    }

    #[test]
    fn offers_compete_by_priority_then_id_and_times_must_make_sense() {
        let site = crate::model::Site {
            id: crate::model::SiteId(1),
            name: String::new(),
            origins: Vec::new(),
            write_key: "k".into(),
            secret: "".into(),
            currency: crate::model::Currency::NONE,
            timezone: "UTC".into(),
            robots: crate::model::RobotsPolicy::Drop,
            consent_default: crate::model::ConsentDefault::Granted,
            honour_gpc: true,
            events_per_second_max: 0,
            visitors: crate::model::VisitorRules::default(),
            rate_entries: [].into(),
            rates: std::sync::Arc::new(crate::model::rates::Rates::identity(crate::model::Currency(*b"EUR"))),
            rules: std::sync::Arc::default(),
            captures: crate::model::Captures::ALL,
            exploration: crate::model::ExplorationSettings::default(),
            offer_html: false,
            traffic_filters: std::sync::Arc::default(),
            contact_costs: std::sync::Arc::default(),
            holdout_bp: 0,
            demo: false,
            created_at: crate::model::Timestamp(0),
        };
        let with = |id: &str, priority: i32, enabled: bool| Offer {
            id: id.into(),
            priority,
            enabled,
            ..offer(json!({}), json!({}))
        };
        let offers = [with("b", 1, true), with("z", 9, true), with("a", 1, true), with("off", 99, false)];
        let snapshot = compile(site, Arc::default(), &offers).unwrap();
        let order: Vec<_> = snapshot.offers_for("s").iter().map(|o| &*o.id).collect();
        assert_eq!(order, ["z", "a", "b"]);
        assert!(snapshot.knows_slot("s") && snapshot.knows_slot("any-recs") && !snapshot.knows_slot("other"));

        let mut backwards = offer(json!({}), json!({}));
        backwards.starts_at = Some(crate::model::Timestamp(5));
        backwards.ends_at = Some(crate::model::Timestamp(5));
        assert!(compile_offer(&backwards).unwrap_err().message.contains("before it starts"));
    }
}
