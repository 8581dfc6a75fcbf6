//! Compiles the segments of a site: each once, after those it refers to.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use super::{Budget, NAME_BYTES_MAX, compile_rule, is_id, shown};
use crate::{
    catalog::condition::Condition,
    model::Rule,
    segments::{CompiledSegment, SegmentSet},
};

/// Maximum number of segments of a site.
pub const SEGMENTS_MAX: usize = 500;
/// Maximum number of parts of a rule together with the rules of the segments it refers to.
const PARTS_MAX: usize = 2000;
/// Maximum number of segments that refer to each other in a row.
const CHAIN_MAX: usize = 16;

/// A segment that cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("segment `{which}`: {message}")]
pub struct SegmentError {
    /// The segment's id.
    pub which: String,
    /// What is wrong, in one line.
    pub message: String,
}

/// Compiles a site's segments, each an id and a rule, and those that every site has.
///
/// # Errors
/// The first unusable segment, and why.
pub fn compile_segments(segments: &[(&str, &Rule)]) -> Result<SegmentSet, SegmentError> {
    let refuse = |which: &str, message: String| SegmentError { which: shown(which), message };
    let builtin: Vec<(&str, Rule)> =
        SegmentSet::BUILTIN.iter().filter_map(|(id, _)| Some((*id, builtin(id)?))).collect();
    if segments.len() > SEGMENTS_MAX {
        return Err(refuse(segments[SEGMENTS_MAX].0, format!("a site has at most {SEGMENTS_MAX} segments")));
    }
    for (id, _) in segments {
        if !is_id(id) {
            return Err(refuse(id, format!("an id has 1 to {NAME_BYTES_MAX} letters, digits, `-` and `_`")));
        }
        if id.starts_with(CompiledSegment::BUILTIN_PREFIX) {
            let prefix = CompiledSegment::BUILTIN_PREFIX;
            return Err(refuse(id, format!("ids that begin with `{prefix}` are reserved for built-in segments")));
        }
    }
    let rules = builtin.iter().map(|(id, rule)| (*id, rule)).chain(segments.iter().copied()).collect();
    let resolver = Resolver { rules, done: RefCell::default(), path: RefCell::default() };
    let ids: Vec<&str> = segments.iter().map(|(id, _)| *id).chain(builtin.iter().map(|(id, _)| *id)).collect();
    let mut compiled = Vec::with_capacity(ids.len());
    for id in ids {
        let rule = resolver.compile(id).map_err(|message| refuse(id, message))?;
        compiled.push(CompiledSegment { id: id.into(), rule });
    }
    Ok(SegmentSet::new(compiled))
}

/// The rule of a segment that every site has.
#[must_use]
pub fn builtin(id: &str) -> Option<Rule> {
    serde_json::from_value(SegmentSet::builtin_rule(id)?).ok()
}

/// Compiles a rule that may refer to the site's segments.
///
/// # Errors
/// Why it is unusable, in one line.
pub fn compile_segment_rule(rule: &Rule, segments: &SegmentSet) -> Result<Condition, String> {
    let find = |id: &str| match segments.get(id) {
        Some(segment) => Ok(Condition::Segment { id: id.into(), rule: Arc::clone(&segment.rule) }),
        None => Err(no_segment(id)),
    };
    let condition = compile_rule(rule, 1, &mut Budget::new(&find))?;
    check_size(&condition)?;
    Ok(condition)
}

fn no_segment(id: &str) -> String {
    format!("there is no segment `{}`", shown(id))
}

fn check_size(condition: &Condition) -> Result<(), String> {
    if chain_length(condition) > CHAIN_MAX {
        return Err(too_long_a_chain());
    }
    let mut parts = 0_usize;
    condition.visit(&mut |_| parts += 1);
    if parts > PARTS_MAX {
        return Err(format!("with the segments it refers to, its rule has more than {PARTS_MAX} parts"));
    }
    Ok(())
}

/// The number of segments that follow each other by reference.
fn chain_length(condition: &Condition) -> usize {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts.iter().map(chain_length).max().unwrap_or(0),
        Condition::Not(part) => chain_length(part),
        Condition::Segment { rule, .. } => 1 + chain_length(rule),
        _ => 0,
    }
}

fn too_long_a_chain() -> String {
    format!("more than {CHAIN_MAX} segments refer to each other in a row")
}

struct Resolver<'a> {
    rules: HashMap<&'a str, &'a Rule>,
    done: RefCell<HashMap<Box<str>, Arc<Condition>>>,
    /// The segments that are being compiled, each because of the one before it.
    path: RefCell<Vec<String>>,
}

impl Resolver<'_> {
    fn compile(&self, id: &str) -> Result<Arc<Condition>, String> {
        if let Some(done) = self.done.borrow().get(id) {
            return Ok(Arc::clone(done));
        }
        let rule = self.rules.get(id).ok_or_else(|| no_segment(id))?;
        {
            let mut path = self.path.borrow_mut();
            if let Some(start) = path.iter().position(|known| known == id) {
                let cycle = path[start..].iter().map(String::as_str).chain([id]).collect::<Vec<_>>().join(" → ");
                return Err(format!("segments refer to each other in a circle: {cycle}"));
            }
            if path.len() >= CHAIN_MAX {
                return Err(too_long_a_chain());
            }
            path.push(id.to_owned());
        }
        let find = |id: &str| Ok(Condition::Segment { id: id.into(), rule: self.compile(id)? });
        let condition = compile_rule(rule, 1, &mut Budget::new(&find));
        self.path.borrow_mut().pop();
        let condition: Condition = condition?;
        check_size(&condition)?;
        let condition = Arc::new(condition);
        self.done.borrow_mut().insert(id.into(), Arc::clone(&condition));
        Ok(condition)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rules(segments: &[(&str, Value)]) -> Vec<(String, Rule)> {
        let read = |(id, rule): &(&str, Value)| ((*id).to_owned(), serde_json::from_value(rule.clone()).unwrap());
        segments.iter().map(read).collect()
    }

    fn compile(segments: &[(&str, Value)]) -> Result<SegmentSet, String> {
        let rules = rules(segments);
        let rules: Vec<_> = rules.iter().map(|(id, rule)| (id.as_str(), rule)).collect();
        compile_segments(&rules).map_err(|error| error.to_string())
    }

    #[test]
    fn segments_refer_to_others_and_to_built_in_ones() {
        let set = compile(&[
            ("a", json!({"all": [{"segment": "b"}, {"segment": "builtin-loyal"}]})),
            ("b", json!({"event": "Order Completed", "within_days": 30, "sum": {"property": "revenue", "op": "gte", "value": 100}})),
        ])
        .unwrap();
        assert_eq!(set.get("a").unwrap().rule.to_string(), "in segment `b` and in segment `builtin-loyal`");
        let sum = "sum of revenue ≥ 100 over “Order Completed” in the last 30 days";
        assert_eq!(set.get("b").unwrap().rule.to_string(), sum);
        assert_eq!(set.iter().count(), 2 + SegmentSet::BUILTIN.len());
        let mut wanted = crate::model::WantedEvents::default();
        set.get("a").unwrap().rule.add_wanted(&mut wanted);
        let names: Vec<_> = wanted.names_of("Order Completed").unwrap().iter().map(|name| &**name).collect();
        assert_eq!(names, ["currency", "revenue"]);
        // Built-in segments need no past events, so that a site without rules keeps none.
        let mut of_builtin = crate::model::WantedEvents::default();
        compile(&[]).unwrap().iter().for_each(|segment| segment.rule.add_wanted(&mut of_builtin));
        assert!(of_builtin.is_empty());
    }

    #[test]
    fn unusable_segments_are_refused_by_name() {
        let check = |segments: &[(&str, Value)], expected: &str| {
            let error = compile(segments).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(&[("a", json!({"segment": "b"}))], "there is no segment `b`");
        check(&[("a", json!({"segment": "a"}))], "in a circle: a → a");
        let circle = [("a", json!({"segment": "b"})), ("b", json!({"not": {"segment": "a"}}))];
        check(&circle, "segments refer to each other in a circle");
        check(&[("a b", json!({}))], "letters, digits");
        check(&[("builtin-x", json!({}))], "reserved");
        let one = |rule: Value, expected: &str| check(&[("a", rule)], expected);
        one(json!({"event": ""}), "`event` must have 1 to 200 bytes");
        one(json!({"event": "x".repeat(201)}), "`event` must have");
        one(json!({"event": "x\n"}), "control characters");
        one(json!({"event": "x", "within_days": 0}), "`within_days` is a number of days");
        one(json!({"event": "x", "within_days": -3}), "`within_days` is a number of days");
        one(json!({"event": "x", "count": {"op": "contains", "value": 1}}), "`count` is a number");
        one(json!({"event": "x", "count": {"op": "gte", "value": "1"}}), "compared with a number");
        let both = json!({"event": "x", "count": {"op": "eq", "value": 1},
            "sum": {"property": "p", "op": "eq", "value": 1}});
        one(both, "not both");
        one(json!({"event": "x", "where": [{"property": "$pth", "op": "eq", "value": 1}]}), "unknown column `$pth`");
        one(json!({"event": "x", "where": [{"property": "p", "op": "in", "value": 1}]}), "a list of values");
        one(json!({"event": "x", "where": [{"property": "p", "op": "eq", "value": {}}]}), "a text, a number");
        one(json!({"sequence": []}), "1 to 20 events");
        one(json!({"sequence": vec![json!({"event": "x"}); 21]}), "1 to 20 events");
        one(json!({"sequence": [{"event": "x"}], "within_hours": 1e300}), "`within_hours` is a number of hours");
        one(json!({"all": vec![json!({}); 10_000]}), "more than 200 parts");
        one((0..20).fold(json!({}), |inner, _| json!({"not": inner})), "deeper than 8");
    }

    #[test]
    fn rules_cannot_grow_by_references() {
        let names: Vec<String> = (0..40).map(|n| format!("s{n}")).collect();
        let chain: Vec<_> = names.windows(2).map(|pair| (pair[0].as_str(), json!({"segment": pair[1]}))).collect();
        let chain: Vec<_> = chain.into_iter().chain([(names[39].as_str(), json!({}))]).collect();
        assert!(compile(&chain).unwrap_err().contains("in a row"));
        let mut doubling = vec![("d0".to_owned(), json!({"all": [{}, {}, {}, {}]}))];
        for n in 1..12 {
            let before = json!({"segment": format!("d{}", n - 1)});
            doubling.push((format!("d{n}"), json!({"any": [before, before, before, before]})));
        }
        let doubling: Vec<_> = doubling.iter().map(|(id, rule)| (id.as_str(), rule.clone())).collect();
        assert!(compile(&doubling).unwrap_err().contains("more than 2000 parts"));
    }
}
