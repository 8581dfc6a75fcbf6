//! A site's event schema, as its owner defined it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rules by event name. An event that violates one is kept, and the violation is stored with it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Rules {
    /// Whether events that are not listed here are violations.
    pub closed: bool,
    /// By event name; page and screen views are `page`.
    pub events: BTreeMap<String, EventRules>,
}

/// Rules for one event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventRules {
    /// Whether properties that are not listed here are violations.
    pub closed: bool,
    /// By property name.
    pub properties: BTreeMap<String, PropertyRule>,
}

/// Rules for one property.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PropertyRule {
    /// Its type; anything when absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<PropertyType>,
    /// Whether it must be present; null counts as absent.
    pub required: bool,
    /// Allowed texts; any when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
    /// Smallest allowed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<i64>,
    /// Largest allowed number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<i64>,
    /// Maximum number of characters of a text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length_max: Option<u32>,
}

/// Type of a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PropertyType {
    /// A JSON string.
    Text,
    /// A JSON number.
    Number,
    /// A JSON number without a fraction.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A JSON array.
    List,
    /// A JSON object.
    Object,
    /// A string with a date or time (ISO 8601).
    Date,
}

impl Rules {
    /// Maximum number of events.
    pub const EVENTS_MAX: usize = 500;
    /// Maximum number of properties of an event, and of allowed texts of a property.
    pub const PROPERTIES_MAX: usize = 200;
    /// Maximum length of a name or an allowed text, bytes.
    pub const NAME_BYTES_MAX: usize = 200;

    /// Validates the limits.
    ///
    /// # Errors
    /// If there are too many entries, or a name is empty or too long; the message says which.
    pub fn check(&self) -> Result<(), String> {
        let fits = |name: &String| !name.is_empty() && name.len() <= Self::NAME_BYTES_MAX;
        if self.events.len() > Self::EVENTS_MAX {
            return Err(format!("the rules list more than {} events", Self::EVENTS_MAX));
        }
        for (event, rules) in &self.events {
            if rules.properties.len() > Self::PROPERTIES_MAX {
                return Err(format!("`{event}` has more than {} properties", Self::PROPERTIES_MAX));
            }
            if !fits(event) || !rules.properties.keys().all(fits) {
                return Err(format!("a name in the rules of `{event}` is empty or longer than 200 bytes"));
            }
            for (property, rule) in &rules.properties {
                let allowed =
                    rule.allowed.len() <= Self::PROPERTIES_MAX && rule.allowed.iter().all(|text| text.len() <= 200);
                if !allowed || rule.min.zip(rule.max).is_some_and(|(min, max)| min > max) {
                    return Err(format!("`{property}` of `{event}` allows too much, or nothing"));
                }
            }
        }
        Ok(())
    }

    /// Whether there are no rules.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.closed && self.events.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_written_and_bounded() {
        let check = |json: &str, expected: bool| {
            let rules = serde_json::from_str::<Rules>(json).map_err(|e| e.to_string());
            let usable = rules.and_then(|rules| {
                let again: Rules = serde_json::from_str(&serde_json::to_string(&rules).unwrap()).unwrap();
                assert_eq!(again, rules);
                rules.check()
            });
            assert_eq!(usable.is_ok(), expected, "{json}: {usable:?}");
        };
        check("{}", true);
        check(
            r#"{"closed":true,"events":{"A":{"properties":{"p":{"type":"integer","required":true,"min":0}}}}}"#,
            true,
        );
        check(r#"{"events":{"A":{"properties":{"p":{"type":"colour"}}}}}"#, false);
        check(r#"{"events":{"A":{"properties":{"p":{"min":2,"max":1}}}}}"#, false);
        check(r#"{"events":{"":{}}}"#, false);
        check(r#"{"event":{}}"#, false);
        let many: Vec<String> = (0..501).map(|n| format!("\"{n}\":{{}}")).collect();
        check(&format!("{{\"events\":{{{}}}}}", many.join(",")), false);
    }
}
