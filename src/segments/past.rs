//! Makes past events of a profile from events as they arrive or are stored.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::model::{Action, Currency, Kind, OrderReport, PastEvent, Position, Timestamp, WantedEvents};

/// An event, as far as past events need it.
pub struct EventRecord<'a> {
    /// When it happened.
    pub at: Timestamp,
    /// Journal position.
    pub position: Position,
    /// Segment call.
    pub kind: Kind,
    /// E-commerce meaning.
    pub action: Action,
    /// Name; empty for a page view without one.
    pub name: &'a str,
    /// Order id; empty if none.
    pub order_id: &'a str,
    /// Whether it came with a server key.
    pub by_server: bool,
    /// Currency of its amounts.
    pub currency: Currency,
    /// Properties, one JSON object; may be empty.
    pub properties: &'a str,
    /// The value of a column by its name without `$`; `None` if it is empty.
    pub column: &'a dyn Fn(&str) -> Option<Value>,
}

impl EventRecord<'_> {
    /// The past events that a profile keeps of it: none if it is not wanted, two if it is wanted under two names.
    #[must_use]
    pub fn past_events(&self, wanted: &WantedEvents) -> Vec<PastEvent> {
        let mut properties: Option<Map<String, Value>> = None;
        let kept = wanted.kept_as(self.kind, self.name).map(|(name, names)| {
            if properties.is_none() && names.iter().any(|name| !name.starts_with('$')) {
                properties = Some(serde_json::from_str(self.properties).unwrap_or_default());
            }
            let value = |name: &str| match name.strip_prefix('$') {
                Some(column) => (self.column)(column),
                None => properties.as_ref()?.get(name).filter(|value| !value.is_null()).cloned(),
            };
            // `names` is sorted, and so are the values.
            let values: Vec<_> = names.iter().filter_map(|name| Some((name.clone(), value(name)?))).collect();
            PastEvent {
                at: self.at,
                position: self.position,
                name: name.into(),
                order: self.order(),
                values: (!values.is_empty()).then(|| values.into()),
                currency: self.currency,
            }
        });
        kept.collect()
    }

    /// Only orders count once; an order may have several refunds.
    fn order(&self) -> Option<Arc<OrderReport>> {
        let is_order = self.action == Action::Ordered && !self.order_id.is_empty();
        is_order.then(|| Arc::new(OrderReport { order_id: self.order_id.into(), by_server: self.by_server }))
    }
}
