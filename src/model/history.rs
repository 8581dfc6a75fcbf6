//! The past events of a visitor that segment rules mention.

use std::sync::Arc;

use serde_json::Value;

use super::{Currency, Position, Timestamp};

/// A past event, as rules see it. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub struct PastEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Journal position: arrival order of events of the same millisecond.
    pub position: Position,
    /// Name, such as `Product Viewed`.
    pub name: Arc<str>,
    /// The order it reports, if it has an order id.
    pub order: Option<Arc<OrderReport>>,
    /// Values that rules mention, by property name, or column name such as `$path`; sorted by name.
    pub values: Option<NamedValues>,
    /// Currency of its amounts; [`Currency::NONE`] stands for the site's own.
    pub currency: Currency,
}

/// Values with their names, sorted by name.
pub type NamedValues = Arc<[(Box<str>, Value)]>;

/// Who reported an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderReport {
    /// The order.
    pub order_id: Box<str>,
    /// Whether it came with a server key; it then replaces what browsers reported.
    pub by_server: bool,
}

impl PastEvent {
    /// A property, or a column such as `$path`; `None` if the event has none of that name.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let values = self.values.as_ref()?;
        let index = values.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        Some(&values[index].1)
    }

    fn order(&self) -> (Timestamp, Position) {
        (self.at, self.position)
    }
}

/// Past events in order of time, then of arrival. Bounded: the oldest are dropped. Each order counts once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// Shared by successive versions of a profile, so that adding an event does not copy everything.
    older: Arc<Vec<PastEvent>>,
    /// Added since.
    newer: Vec<PastEvent>,
}

/// Events in `newer` before they are merged into `older`.
const NEWER_MAX: usize = 32;

impl History {
    /// Most events kept.
    pub const EVENTS_MAX: usize = 1000;

    /// The events, oldest first.
    pub fn events(&self) -> impl DoubleEndedIterator<Item = &PastEvent> {
        self.older.iter().chain(&self.newer)
    }

    /// Number of events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.older.len() + self.newer.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds an event. Of several reports of one order by the same event name, that of a server counts, else the first
    /// to arrive.
    pub fn add(&mut self, event: PastEvent) {
        let known = event
            .order
            .as_ref()
            .and_then(|order| self.events().position(|known| is_same_order(known, &event.name, &order.order_id)));
        if let Some(known) = known {
            if !replaces(&event, self.get(known)) {
                return;
            }
            self.remove(known);
        }
        let is_newest = self.events().next_back().is_none_or(|last| last.order() <= event.order());
        if is_newest {
            self.newer.push(event);
        } else {
            let mut all = self.take_all();
            let index = all.partition_point(|known| known.order() <= event.order());
            all.insert(index, event);
            self.older = Arc::new(all);
        }
        if self.newer.len() > NEWER_MAX {
            self.older = Arc::new(self.take_all());
        }
        if self.len() > Self::EVENTS_MAX + NEWER_MAX {
            let mut all = self.take_all();
            all.drain(..all.len() - Self::EVENTS_MAX);
            self.older = Arc::new(all);
        }
    }

    /// Adds all events of another history.
    pub fn add_all(&mut self, other: &Self) {
        other.events().for_each(|event| self.add(event.clone()));
    }

    fn get(&self, index: usize) -> &PastEvent {
        self.older.get(index).unwrap_or_else(|| &self.newer[index - self.older.len()])
    }

    fn remove(&mut self, index: usize) {
        let mut all = self.take_all();
        all.remove(index);
        self.older = Arc::new(all);
    }

    fn take_all(&mut self) -> Vec<PastEvent> {
        let mut all = Vec::with_capacity(self.len() + 1);
        all.extend_from_slice(&self.older);
        all.append(&mut self.newer);
        all
    }
}

fn is_same_order(event: &PastEvent, name: &str, order_id: &str) -> bool {
    *event.name == *name && event.order.as_ref().is_some_and(|order| &*order.order_id == order_id)
}

/// Whether a report of an order replaces another: a server's replaces a browser's, else the earlier one counts.
fn replaces(new: &PastEvent, known: &PastEvent) -> bool {
    let rank =
        |event: &PastEvent| (!event.order.as_ref().is_some_and(|order| order.by_server), event.at, event.position);
    rank(new) < rank(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: i64, position: u64, name: &str) -> PastEvent {
        let (at, position) = (Timestamp(at), Position(position));
        PastEvent { at, position, name: name.into(), order: None, values: None, currency: Currency::NONE }
    }

    fn order(at: i64, position: u64, by_server: bool) -> PastEvent {
        let report = OrderReport { order_id: "1".into(), by_server };
        PastEvent { order: Some(Arc::new(report)), ..event(at, position, "Order Completed") }
    }

    fn positions(history: &History) -> Vec<u64> {
        history.events().map(|event| event.position.0).collect()
    }

    #[test]
    fn events_are_ordered_by_time_then_arrival_however_they_come() {
        let mut history = History::default();
        for (at, position) in [(5, 1), (3, 2), (9, 3), (3, 0), (9, 4)] {
            history.add(event(at, position, "e"));
        }
        assert_eq!(positions(&history), [0, 2, 1, 3, 4]);
        let mut many = History::default();
        (0..2000).for_each(|n| many.add(event(n, n.unsigned_abs(), "e")));
        assert!(many.len() <= History::EVENTS_MAX + NEWER_MAX);
        assert_eq!(many.events().next_back().map(|event| event.at), Some(Timestamp(1999)));
        let mut joined = History::default();
        joined.add_all(&many);
        joined.add_all(&history);
        assert_eq!(joined.events().next_back().map(|event| event.at), Some(Timestamp(1999)));
    }

    #[test]
    fn an_order_counts_once_and_a_servers_report_of_it_wins() {
        let mut history = History::default();
        history.add(order(10, 5, false));
        history.add(order(11, 6, false));
        assert_eq!(positions(&history), [5]);
        history.add(order(12, 7, true));
        history.add(order(13, 8, false));
        assert_eq!(positions(&history), [7]);
    }

    #[test]
    fn values_are_found_by_name() {
        let values = [("$path".into(), Value::from("/a")), ("price".into(), Value::from(3))];
        let event = PastEvent { values: Some(values.into()), ..event(1, 1, "e") };
        assert_eq!((event.value("price"), event.value("other")), (Some(&Value::from(3)), None));
    }
}
