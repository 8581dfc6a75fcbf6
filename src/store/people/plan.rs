//! A rule as SQL: what is added up for each person, and the bounds of the rule over it.
//!
//! Exact are events with their number or sum, orders, sessions, page views and the times of the first and last event. What
//! depends on an order of events, on the whole profile or on other data is bounded by what it needs at least. A person
//! whose events exceed what a profile keeps is unclear. Every text is fixed, with numbered parameters.

use super::{
    bounds::{Bounds, Sql},
    builder::{Answer, Builder, Column, From},
    events::{self, Params},
    fields,
};
use crate::{
    catalog::condition::Condition,
    model::{Action, History, Site, Timestamp, WantedEvents},
    segments::{EventCondition, Tally},
    store::statement::placeholder,
};

/// A compiled rule.
#[derive(Debug)]
pub struct Plan {
    pub(super) params: Params,
    pub(super) columns: Vec<Column>,
    pub(super) bounds: Bounds,
    /// Whether it may hold for people without a wanted event or an order.
    pub(super) may_hold_for_none: bool,
    /// Events that the rule mentions.
    pub(super) wanted: WantedEvents,
    /// Wanted events before this time do not count, milliseconds.
    pub(super) since_ms: Option<i64>,
    /// Whether evaluating the rule needs events that it does not mention.
    pub(super) needs_profile: bool,
}

impl Plan {
    /// Visitors of one person that are joined.
    pub const BROWSERS_MAX: usize = 100;

    /// Compiles a rule as of `now`.
    #[must_use]
    pub fn new(rule: &Condition, site: &Site, now: Timestamp) -> Self {
        let mut wanted = WantedEvents::default();
        rule.add_wanted(&mut wanted);
        let mut builder = Builder { site, now, params: Vec::new(), columns: Vec::new() };
        let Answer { bounds, of_none } = builder.answer(rule);
        let mut unclear = Sql::text(&["(browsers > ", &Self::BROWSERS_MAX.to_string(), ")"]);
        if builder.columns.iter().any(|column| column.from == From::Wanted) {
            let events = builder.column(From::Wanted, "1".into(), Column::SUM);
            // A page view may be kept under two names.
            let most = if wanted.names_of(WantedEvents::PAGE).is_some() { 2 } else { 1 };
            let most = (History::EVENTS_MAX / most).to_string();
            unclear = unclear.or(Sql::text(&["(", &events, " > ", &most, ")"]));
        }
        let is_decided = bounds.under == bounds.over && matches!(bounds.under, Sql::True | Sql::False);
        let bounds = if is_decided { bounds } else { bounds.and_clear(unclear) };
        let (mut since, mut needs_profile) = (Some(now.0), false);
        rule.visit(&mut |part| match part {
            Condition::Events(events) => {
                since = since.zip(events.window_ms).map(|(since, window)| since.min(now.0.saturating_sub(window)));
                needs_profile |= has_session_columns(&wanted);
            }
            Condition::All(_) | Condition::Any(_) | Condition::Not(_) | Condition::Segment { .. } => {}
            _ => needs_profile = true,
        });
        let Builder { params, columns, .. } = builder;
        Self { params, columns, bounds, may_hold_for_none: of_none.1, wanted, since_ms: since, needs_profile }
    }

    /// A plan to read everyone's events, of which `wanted` have values that are needed.
    #[must_use]
    pub const fn everyone(wanted: WantedEvents) -> Self {
        Self {
            params: Vec::new(),
            columns: Vec::new(),
            bounds: Bounds::unknown(),
            may_hold_for_none: true,
            wanted,
            since_ms: None,
            needs_profile: true,
        }
    }

    /// The events that the rule mentions.
    #[must_use]
    pub const fn wanted(&self) -> &WantedEvents {
        &self.wanted
    }

    /// Whether evaluating the rule needs events that it does not mention.
    #[must_use]
    pub const fn needs_profile(&self) -> bool {
        self.needs_profile
    }

    /// Whether it excludes anyone, or certainly holds for anyone.
    #[must_use]
    pub fn selects(&self) -> bool {
        self.bounds != Bounds::unknown()
    }

    /// Whether it is exact, except for people who exceed what a profile keeps.
    #[cfg(test)]
    pub(super) fn is_exact(rule: &Condition, site: &Site, now: Timestamp) -> bool {
        let mut builder = Builder { site, now, params: Vec::new(), columns: Vec::new() };
        builder.answer(rule).bounds.is_exact()
    }
}

impl Bounds {
    fn and_clear(self, unclear: Sql) -> Self {
        Self { under: unclear.clone().not().and(self.under), over: unclear.or(self.over) }
    }
}

fn has_session_columns(wanted: &WantedEvents) -> bool {
    let of_session = |name: &str| crate::model::PastEvent::SESSION_COLUMNS.contains(&name);
    wanted.iter().any(|(_, names)| names.iter().any(|name| of_session(name)))
}

/// Whether events of this name may be orders, of which each counts once.
pub(super) fn may_be_order(name: &str) -> bool {
    Action::from_event_name(name) == Action::Ordered
}

impl Builder<'_> {
    fn answer(&mut self, rule: &Condition) -> Answer {
        match rule {
            Condition::Everyone => Answer::exact(Sql::True, true),
            Condition::All(parts) => {
                let parts: Vec<Answer> = parts.iter().map(|part| self.answer(part)).collect();
                parts.into_iter().fold(Answer::exact(Sql::True, true), Answer::and)
            }
            Condition::Any(parts) => {
                let parts: Vec<Answer> = parts.iter().map(|part| self.answer(part)).collect();
                parts.into_iter().fold(Answer::exact(Sql::False, false), Answer::or)
            }
            Condition::Not(part) => self.answer(part).not(),
            Condition::Segment { rule, .. } => self.answer(rule),
            Condition::Events(events) => self.events(events),
            field => fields::field(self, field),
        }
    }

    fn events(&mut self, condition: &EventCondition) -> Answer {
        let in_window = match condition.window_ms {
            None => Sql::True,
            Some(ms) => {
                let since = self.now.0.saturating_sub(ms);
                let since = placeholder(&mut self.params, "Int64", crate::store::Param::I64(since));
                Sql::text(&["(occurred_at >= fromUnixTimestamp64Milli(", &since, ", 'UTC'))"])
            }
        };
        let mut steps = Vec::new();
        for step in &condition.steps {
            let Bounds { under, over } = events::event(step, &mut self.params);
            steps.push(Bounds { under: in_window.clone().and(under), over: in_window.clone().and(over) });
        }
        match &*steps {
            [step] if condition.not_followed_by.is_none() => self.tally(step, &condition.tally),
            _ => {
                // Each of the steps must have happened, or nothing is counted.
                let seen = steps.into_iter().map(|step| {
                    let number = self.column(From::Wanted, step.over.as_str().to_owned(), Column::SUM);
                    Sql::text(&["(", &number, " > 0)"])
                });
                let all_seen = seen.reduce(Sql::and).unwrap_or(Sql::True);
                if condition.tally.passes(0, 0) {
                    Answer { bounds: Bounds { under: all_seen.not(), over: Sql::True }, of_none: (true, true) }
                } else {
                    Answer::at_most(all_seen)
                }
            }
        }
    }

    /// Number or sum of the events that pass.
    fn tally(&mut self, Bounds { under, over }: &Bounds, tally: &Tally) -> Answer {
        let maybe = over.clone().and(under.clone().not());
        let counts = |builder: &mut Self| builder.column(From::Wanted, under.as_str().to_owned(), Column::SUM);
        let mut unclear = if under == over {
            Sql::False
        } else {
            let number = self.column(From::Wanted, maybe.as_str().to_owned(), Column::SUM);
            Sql::text(&["(", &number, " > 0)"])
        };
        let bounds = match tally {
            Tally::Any => {
                let some = Sql::text(&["(", &counts(self), " > 0)"]);
                Bounds { under: some.clone(), over: some.or(unclear) }
            }
            Tally::Count(test) => {
                let count = ["toFloat64(", &counts(self), ")"].concat();
                Bounds::unless(unclear, self.number(test, &count, None))
            }
            Tally::Sum { property, test } => {
                let (addend, is_unclear) = events::addend(property, self.site, &mut self.params);
                let adds = ["if(", under.as_str(), ", ", &addend, ", toInt64(0))"].concat();
                let sum = self.column(From::Wanted, adds, ("sum", "toInt64(0)"));
                let of_sum = under.clone().and(is_unclear);
                if of_sum != Sql::False {
                    let number = self.column(From::Wanted, of_sum.as_str().to_owned(), Column::SUM);
                    unclear = unclear.or(Sql::text(&["(", &number, " > 0)"]));
                }
                let whole = ["toFloat64(intDiv(", &sum, ", 1000000))"].concat();
                let decimal = ["toFloat64(", &sum, ") / 1000000."].concat();
                let sum = ["if(", &sum, " % 1000000 = 0, ", &whole, ", ", &decimal, ")"].concat();
                Bounds::unless(unclear, self.number(test, &sum, None))
            }
        };
        let of_none = tally.passes(0, 0);
        Answer { bounds, of_none: (of_none, of_none) }
    }
}
