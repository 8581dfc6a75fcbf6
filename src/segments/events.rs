//! Conditions on past events.

use std::fmt;

use super::filter::{EventFilter, is_amount};
use crate::{
    catalog::condition::NumberTest,
    model::{Currency, Number, PastEvent, Site, WantedEvents, money::Money},
};

/// Millionths: sums are kept exact to six decimals.
pub(super) const MILLION: i128 = 1_000_000;

/// Past events of one name, or of several in an order.
#[derive(Debug, Clone, PartialEq)]
pub struct EventCondition {
    /// The events; one, or those of a sequence.
    pub steps: Box<[EventFilter]>,
    /// Longest time from the first to the last of a sequence, inclusive, milliseconds.
    pub within_ms: Option<i64>,
    /// Only what happened in this time before now counts, inclusive, milliseconds.
    pub window_ms: Option<i64>,
    /// Only what was not followed by this counts.
    pub not_followed_by: Option<Following>,
    /// How many of them, or how much.
    pub tally: Tally,
}

/// An event that follows.
#[derive(Debug, Clone, PartialEq)]
pub struct Following {
    /// The event.
    pub filter: EventFilter,
    /// Time in which it follows, inclusive, milliseconds; `None`: until now.
    pub within_ms: Option<i64>,
}

/// What must be true of the events.
#[derive(Debug, Clone, PartialEq)]
pub enum Tally {
    /// There is one.
    Any,
    /// Their number passes.
    Count(NumberTest),
    /// The sum of a property passes.
    Sum {
        /// The property.
        property: Box<str>,
        /// The comparison.
        test: NumberTest,
    },
}

impl EventCondition {
    /// Adds the events and values that its evaluation needs.
    pub fn add_wanted(&self, wanted: &mut WantedEvents) {
        self.steps.iter().for_each(|step| step.add_wanted(wanted));
        if let Some(following) = &self.not_followed_by {
            following.filter.add_wanted(wanted);
        }
        if let (Tally::Sum { property, .. }, [step, ..]) = (&self.tally, &*self.steps) {
            wanted.add_value(&step.name, property);
            if is_amount(property) {
                wanted.add_value(&step.name, CURRENCY);
            }
        }
    }
}

/// The property with the currency of an event's amounts, as it was sent.
const CURRENCY: &str = "currency";

impl Tally {
    /// Whether so many events, with such a sum in millionths, pass.
    #[must_use]
    pub fn passes(&self, count: u32, millionths: i128) -> bool {
        match self {
            Self::Any => count > 0,
            Self::Count(test) => test.passes(count),
            Self::Sum { test, .. } => test.passes(sum(millionths)),
        }
    }

    /// What an event adds to the sum, in millionths; what is no number adds nothing.
    pub(super) fn addend(&self, event: &PastEvent, site: &Site) -> i128 {
        let Self::Sum { property, .. } = self else { return 0 };
        let Some(value) = event.value(property) else { return 0 };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if is_amount(property) { amount(&text, event, site) } else { millionths(&text) }.unwrap_or(0)
    }
}

/// A sum of millionths as a number.
pub(super) fn sum(millionths: i128) -> Number {
    if millionths % MILLION == 0 {
        Number::Int(millionths / MILLION)
    } else {
        Number::Float(millionths as f64 / MILLION as f64)
    }
}

fn millionths(text: &str) -> Option<i128> {
    match Number::parse(text.trim())? {
        Number::Int(whole) => whole.checked_mul(MILLION),
        #[expect(clippy::cast_possible_truncation, reason = "saturates, far beyond any sum")]
        Number::Float(float) => Some((float * MILLION as f64).round() as i128),
    }
}

/// An amount in major units of the event's currency, converted to the site's at the event's time; `None` if it is no
/// amount, or there is no rate.
fn amount(text: &str, event: &PastEvent, site: &Site) -> Option<i128> {
    let stated = event.value(CURRENCY).and_then(|value| Currency::parse(value.as_str()?));
    let stored = if event.currency == Currency::NONE { site.currency } else { event.currency };
    let sent = stated.unwrap_or(if stored == site.currency.stored() { site.currency } else { stored });
    let minor = Money::parse_major(text, sent)?.minor;
    let minor = if sent == site.currency {
        minor
    } else if sent == Currency::TOMAN {
        site.rates.convert(minor.checked_mul(10)?, Currency::RIAL, event.at)?
    } else {
        site.rates.convert(minor, sent, event.at)?
    };
    Some(i128::from(minor) * 10_i128.pow(6 - site.currency.exponent().min(6)))
}

impl fmt::Display for EventCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.tally {
            Tally::Any => {}
            Tally::Count(test) => write!(f, "number {test} of ")?,
            Tally::Sum { property, test } => write!(f, "sum of {property} {test} over ")?,
        }
        for (i, step) in self.steps.iter().enumerate() {
            write!(f, "{}{step}", if i == 0 { "" } else { ", then " })?;
        }
        if let Some(ms) = self.within_ms {
            write!(f, " within {}", Span(ms))?;
        }
        if let Some(ms) = self.window_ms {
            write!(f, " in the last {}", Span(ms))?;
        }
        if let Some(Following { filter, within_ms }) = &self.not_followed_by {
            write!(f, ", not followed by {filter}")?;
            if let Some(ms) = within_ms {
                write!(f, " within {}", Span(*ms))?;
            }
        }
        Ok(())
    }
}

/// A time span in days or hours.
struct Span(i64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 as f64 / 86_400_000.0;
        match days {
            1.0 => f.write_str("day"),
            days if days > 1.0 => write!(f, "{days} days"),
            days => write!(f, "{} hours", days * 24.0),
        }
    }
}
