//! Untyped fields of foreign events, and objects without empty fields.

use serde_json::{Map, Value, value::RawValue};

use super::EVENT_BYTES_MAX;

/// Parameters of one query or form that are read.
const PARAMETERS_MAX: usize = 500;

/// The fields of one event.
#[derive(Debug, Default, Clone)]
pub struct Fields(pub Map<String, Value>);

impl Fields {
    /// Parses an object; `None` if it is none, or too large.
    #[must_use]
    pub fn parse(raw: &RawValue) -> Option<Self> {
        Self::parse_text(raw.get())
    }

    /// Parses the JSON text of an object; `None` if it is none, or too large.
    #[must_use]
    pub fn parse_text(json: &str) -> Option<Self> {
        if json.len() > EVENT_BYTES_MAX {
            return None;
        }
        serde_json::from_str(json).ok().map(Self)
    }

    /// Parses a query or a form.
    #[must_use]
    pub fn parse_form(form: &[u8]) -> Self {
        let form = form.get(..EVENT_BYTES_MAX).unwrap_or(form);
        let pairs = form_urlencoded::parse(form).take(PARAMETERS_MAX);
        Self(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
    }

    /// A scalar as text; empty if absent or not a scalar.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        self.0.get(name).map(text_of).unwrap_or_default()
    }

    /// The first non-empty text of several fields.
    #[must_use]
    pub fn first_text(&self, names: &[&str]) -> String {
        names.iter().map(|name| self.text(name)).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// A field's value; null if absent.
    #[must_use]
    pub fn get(&self, name: &str) -> Value {
        self.0.get(name).cloned().unwrap_or_default()
    }

    /// The first of several fields that is neither absent nor null.
    #[must_use]
    pub fn first(&self, names: &[&str]) -> Value {
        names.iter().map(|name| self.get(name)).find(|value| !value.is_null()).unwrap_or_default()
    }

    /// Removes an object; empty if absent or of another type. An object may be sent as its JSON text.
    #[must_use]
    pub fn take_object(&mut self, name: &str) -> Self {
        match self.0.remove(name) {
            Some(Value::Object(fields)) => Self(fields),
            Some(Value::String(json)) => Self::parse_text(&json).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    /// A list of objects; other elements are left out.
    #[must_use]
    pub fn objects(&self, name: &str) -> Vec<Self> {
        let list = self.0.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(Value::as_object).cloned().map(Self).collect()
    }

    /// Renames fields; a field that exists already is not replaced.
    pub fn rename(&mut self, names: &[(&str, &str)]) {
        for (theirs, ours) in names {
            if let Some(value) = self.0.remove(*theirs) {
                self.0.entry(*ours).or_insert(value);
            }
        }
    }

    /// Sets a field, unless the value is empty.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        if !is_empty(&value) {
            self.0.insert(name.to_owned(), value);
        }
    }

    /// Removes fields.
    pub fn remove(&mut self, names: &[&str]) {
        for name in names {
            self.0.remove(*name);
        }
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        Self::Object(fields.0)
    }
}

/// An object of the fields that are not empty; null if all are.
#[must_use]
pub fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let kept = fields.into_iter().filter(|(_, value)| !is_empty(value));
    let object: Map<_, _> = kept.map(|(name, value)| (name.to_owned(), value)).collect();
    if object.is_empty() { Value::Null } else { Value::Object(object) }
}

/// A scalar as text; empty for null and structures.
#[must_use]
pub fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    }
}

/// `1920x1080` as a screen.
#[must_use]
pub fn screen(size: &str) -> Value {
    let Some((width, height)) = size.split_once('x') else { return Value::Null };
    object([("width", width.into()), ("height", height.into())])
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A number that was sent as text, as a number: amounts in texts may have separators. Other texts stay as they are.
#[must_use]
pub fn number(value: Value) -> Value {
    let Value::String(text) = &value else { return value };
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte));
    let parsed = is_plain.then(|| serde_json::from_str::<serde_json::Number>(text).ok()).flatten();
    parsed.map_or(value, Value::Number)
}
