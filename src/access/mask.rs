//! Masks personal data in responses.
//!
//! It works on the finished response of any route, so that a new route cannot forget it: fields with a user id get a stable
//! short pseudonym, fields with free content are emptied, and anything like an e-mail address elsewhere gets a pseudonym
//! too.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::model::signature::DerivedKey;

/// Fields with a user id.
const IDS: [&str; 3] = ["user_id", "userId", "previous_id"];
/// Fields with free content that a page or server sent about a user.
const CONTENTS: [&str; 4] = ["properties", "traits", "identities", "contact_keys"];

/// Fields with a text that a person wrote.
const TEXTS: [&str; 1] = ["comment"];

static ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(?i)[\p{L}\p{N}._%+'-]+(?:@|%40)[\p{L}\p{N}-]+(?:\.[\p{L}\p{N}-]+)+").ok());

/// Makes pseudonyms with the installation's secret, so that ids cannot be found by brute force.
#[derive(Debug, Clone)]
pub struct Mask {
    key: DerivedKey,
}

impl Mask {
    /// Derives the key from the installation's secret.
    pub fn new(secret: &str) -> Self {
        Self { key: DerivedKey::new("ashna pseudonyms v1", secret) }
    }

    /// A pseudonym: the same for the same id, and independent of its content.
    #[must_use]
    pub fn pseudonym(&self, id: &str) -> String {
        let hash = self.key.mac(id).to_hex();
        format!("person-{}", &hash[..10])
    }

    /// Masks a JSON response in place.
    pub fn json(&self, value: &mut Value) {
        match value {
            Value::Object(fields) => self.object(fields),
            Value::Array(values) => values.iter_mut().for_each(|value| self.json(value)),
            Value::String(text) => {
                if let Some(masked) = self.text(text) {
                    *text = masked;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn object(&self, fields: &mut Map<String, Value>) {
        // Field names can be values, where a response is grouped by them.
        let named: Vec<String> = fields.keys().filter(|name| name.contains(['@', '%'])).cloned().collect();
        for name in named {
            if let Some(masked) = self.text(&name)
                && let Some(value) = fields.remove(&name)
            {
                fields.insert(masked, value);
            }
        }
        for (name, value) in fields.iter_mut() {
            if CONTENTS.contains(&name.as_str()) && (value.is_object() || has_objects(value)) {
                *value = if value.is_array() { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
            } else if let (true, Value::String(id)) = (IDS.contains(&name.as_str()), &mut *value) {
                if !id.is_empty() {
                    *id = self.pseudonym(id);
                }
            } else if let (true, Value::String(text)) = (TEXTS.contains(&name.as_str()), &mut *value) {
                text.clear();
            } else {
                self.json(value);
            }
        }
    }

    /// A text with e-mail addresses masked; `None` when there are none.
    #[must_use]
    pub fn text(&self, text: &str) -> Option<String> {
        let pattern = ADDRESS.as_ref()?;
        if !pattern.is_match(text) {
            return None;
        }
        Some(pattern.replace_all(text, |address: &regex::Captures<'_>| self.pseudonym(&address[0])).into_owned())
    }
}

fn has_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|values| values.iter().any(Value::is_object))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ids_and_addresses_become_pseudonyms_and_content_is_emptied() {
        let mask = Mask::new("secret");
        let mut answer = json!({
            "user_id": "customer-77", "events": 3, "country": "NL",
            "timeline": [{ "event": "page", "path": "/thanks/anna@shop.example", "properties": { "phone": "0612" } }],
            "breakdown": { "anna@shop.example": { "reached": 1 }, "DE": { "reached": 2 } },
            "events_seen": [{ "name": "Signed Up", "properties": ["plan", "email"] }],
            "identities": [{ "user_id": "customer-77" }],
        });
        mask.json(&mut answer);
        let text = answer.to_string();
        for personal in ["customer-77", "anna", "0612", "phone"] {
            assert!(!text.contains(personal), "{personal}: {text}");
        }
        assert_eq!(answer["user_id"], mask.pseudonym("customer-77"), "the same everywhere");
        assert_eq!((&answer["events"], &answer["country"]), (&json!(3), &json!("NL")));
        assert_eq!(answer["events_seen"][0]["properties"], json!(["plan", "email"]), "property names are kept");
        assert_eq!(answer["breakdown"]["DE"], json!({ "reached": 2 }));
        assert_eq!(answer["breakdown"].as_object().unwrap().len(), 2);
        assert_ne!(mask.pseudonym("a"), Mask::new("other").pseudonym("a"));
    }

    #[test]
    fn a_text_without_an_address_is_unchanged() {
        let mask = Mask::new("secret");
        for text in ["", "a @ b", "price 3@2", "مرحبا", "/path?x=1"] {
            assert_eq!(mask.text(text), None, "{text}");
        }
        let masked = mask.text("value,آنا@فروشگاه.example,user%40shop.example\r\n").unwrap();
        assert!(
            masked.starts_with("value,person-") && !masked.contains("shop") && masked.ends_with("\r\n"),
            "{masked}"
        );
    }
}
