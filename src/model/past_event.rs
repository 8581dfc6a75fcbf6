//! Extracts from an event what a site's rules want of it.

use std::sync::Arc;

use serde_json::Value;

use super::{Action, Currency, Kind, OrderReport, PastEvent, Position, Timestamp, WantedEvents, history::NamedValues};

/// The parts of an event that rules can mention, from wherever it is read.
#[derive(Debug)]
pub struct EventParts<'a> {
    /// When it happened.
    pub at: Timestamp,
    /// Journal position.
    pub position: Position,
    /// Segment call.
    pub kind: Kind,
    /// E-commerce meaning.
    pub action: Action,
    /// Name; empty when none.
    pub name: &'a str,
    /// The order it is about; empty when none.
    pub order_id: &'a str,
    /// Whether it was sent with a server key.
    pub by_server_key: bool,
    /// Currency of its amounts.
    pub currency: Currency,
    /// Properties: one JSON object.
    pub properties: &'a str,
    /// Columns without those of the session, by name without `$`.
    pub columns: &'a [(&'static str, &'a str)],
    /// Ids of its items.
    pub items: Vec<&'a str>,
}

impl EventParts<'_> {
    /// The event as rules see it, once for each name that they may call it by.
    #[must_use]
    pub fn past_events(&self, wanted: &WantedEvents) -> Vec<PastEvent> {
        if wanted.is_empty() {
            return Vec::new();
        }
        wanted.kept_as(self.kind, self.name).map(|(name, values)| self.past_event(name, values)).collect()
    }

    fn past_event(&self, name: &str, values: &[Box<str>]) -> PastEvent {
        let is_order = self.action == Action::Ordered && !self.order_id.is_empty();
        let report = || Arc::new(OrderReport { order_id: self.order_id.into(), by_server: self.by_server_key });
        PastEvent {
            at: self.at,
            position: self.position,
            name: name.into(),
            order: is_order.then(report),
            values: self.values(values),
            currency: self.currency,
        }
    }

    fn values(&self, names: &[Box<str>]) -> Option<NamedValues> {
        let wants_properties = names.iter().any(|name| !name.starts_with('$'));
        // Parsing costs more than everything else here.
        let parsed = wants_properties.then(|| serde_json::from_str(self.properties));
        let mut properties = match parsed {
            Some(Ok(Value::Object(properties))) => properties,
            _ => serde_json::Map::new(),
        };
        let mut value = |name: &str| match name.strip_prefix('$') {
            Some("item") => Some(Value::from(self.items.clone())).filter(|_| !self.items.is_empty()),
            Some(column) => {
                let known = self.columns.iter().find(|(known, text)| *known == column && !text.is_empty());
                known.map(|(_, text)| Value::from(*text))
            }
            None => properties.remove(name).filter(|value| !value.is_null()),
        };
        let values: Vec<_> = names.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect();
        (!values.is_empty()).then(|| values.into())
    }
}

impl PastEvent {
    /// Columns that belong to the session of an event rather than to itself.
    pub const SESSION_COLUMNS: [&str; 3] = ["$channel", "$source", "$campaign"];

    /// Replaces a column, if rules want it of this event.
    pub fn set_column(&mut self, column: &str, text: &str) {
        let Some(values) = &self.values else { return };
        if values.iter().any(|(name, known)| **name == *column && known.as_str() != Some(text)) {
            let replaced = values
                .iter()
                .map(|(name, known)| (name.clone(), if **name == *column { Value::from(text) } else { known.clone() }));
            self.values = Some(replaced.collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_rules_want_is_kept() {
        let mut wanted = WantedEvents::default();
        for name in ["price", "$path", "missing", "$item", "$channel"] {
            wanted.add_value("page", name);
        }
        let parts = EventParts {
            at: Timestamp(1),
            position: Position(2),
            kind: Kind::Page,
            action: Action::Other,
            name: "Home",
            order_id: "",
            by_server_key: false,
            currency: Currency::NONE,
            properties: r#"{"price": 9007199254740993, "other": 1, "missing": null}"#,
            columns: &[("path", "/a"), ("channel", "Internal")],
            items: vec!["x"],
        };
        let past = parts.past_events(&wanted);
        assert_eq!((past.len(), &*past[0].name), (1, "page"));
        let mut past = past[0].clone();
        past.set_column("$channel", "Email");
        let value = |name: &str| past.value(name).map(ToString::to_string);
        assert_eq!(value("price").as_deref(), Some("9007199254740993"));
        assert_eq!(value("$path").as_deref(), Some("\"/a\""));
        assert_eq!(value("$item").as_deref(), Some("[\"x\"]"));
        assert_eq!(value("$channel").as_deref(), Some("\"Email\""));
        assert_eq!((value("missing"), value("other")), (None, None));
        assert!(parts.past_events(&WantedEvents::default()).is_empty());
    }
}
