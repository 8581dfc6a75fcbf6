//! Says which parts of a rule hold and why.

use super::{
    evaluate::{Evaluator, Facts},
    events::{EventCondition, Tally, sum},
    occurrences,
};
use crate::{
    catalog::condition::{Condition, NumberField},
    model::Timestamp,
};

/// Why a rule holds or not, with its parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The rule in readable form.
    pub rule: String,
    /// Whether it holds.
    pub holds: bool,
    /// What is known of the person, in one line; empty for a rule of parts.
    pub why: String,
    /// Since when it holds or not, as far as past events tell.
    pub since: Option<Timestamp>,
    /// Until when the answer stays the same without another event.
    pub until: Option<Timestamp>,
    /// Its parts.
    pub parts: Vec<Explanation>,
}

impl<F: Facts> Evaluator<'_, F> {
    /// Explains a rule.
    #[must_use]
    pub fn explain(&self, condition: &Condition) -> Explanation {
        let held = self.held(condition);
        let parts = match condition {
            Condition::All(parts) | Condition::Any(parts) => parts.iter().map(|part| self.explain(part)).collect(),
            Condition::Not(part) => vec![self.explain(part)],
            Condition::Segment { rule, .. } => vec![self.explain(rule)],
            _ => Vec::new(),
        };
        Explanation {
            rule: condition.to_string(),
            holds: held.holds,
            why: self.why(condition),
            since: held.since,
            until: held.until,
            parts,
        }
    }

    fn why(&self, condition: &Condition) -> String {
        let profile = self.facts.profile();
        let known = |name: &str, value: String| match &*value {
            "" => format!("{name} is unknown"),
            value => format!("{name} is {value}"),
        };
        match condition {
            Condition::Number { field: NumberField::LastSeenDays, .. } if profile.events > 0 => {
                format!("last seen at {}", profile.last_seen)
            }
            Condition::Number { field: NumberField::FirstSeenDays, .. } if profile.events > 0 => {
                format!("first seen at {}", profile.first_seen)
            }
            Condition::Number { field: NumberField::LastSeenDays | NumberField::FirstSeenDays, .. } => {
                "never seen".to_owned()
            }
            Condition::Number { field, .. } => {
                known(field.as_str(), self.facts.number(*field).as_ref().map(ToString::to_string).unwrap_or_default())
            }
            Condition::Text { field, .. } => known(field.as_str(), quoted(self.facts.text(*field))),
            Condition::NewVisitor(_) => format!("{} visits", profile.visits),
            Condition::Trait { name, .. } => {
                let value = profile.traits.get(name).map(ToString::to_string).unwrap_or_default();
                known(&format!("trait.{name}"), value)
            }
            Condition::Events(events) => self.why_events(events),
            _ => String::new(),
        }
    }

    fn why_events(&self, events: &EventCondition) -> String {
        let found = occurrences::occurrences(events, &self.facts.profile().history, self.site, self.now);
        let counted: Vec<_> = found.iter().filter(|one| one.counts_at(self.now)).collect();
        let waiting = found.iter().filter(|one| one.waits_at(self.now)).count();
        let mut why = match counted.last() {
            None => "no such event counts".to_owned(),
            Some(last) => format!("{} such, the last at {}", counted.len(), Timestamp(last.at)),
        };
        if let Tally::Sum { property, .. } = &events.tally {
            let total: i128 = counted.iter().map(|one| one.addend()).sum();
            why = format!("{why}, {property} adds up to {}", sum(total));
        }
        if waiting > 0 {
            why = format!("{why}, {waiting} may still be followed in time");
        }
        why
    }
}

fn quoted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("“{text}”") }
}
