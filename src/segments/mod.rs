//! Rules on people: evaluated over a live profile and its past events, with the time as an argument.
//!
//! No I/O. [`Evaluator`] says whether a rule holds, since when, and until when the answer stays the same without another
//! event: windows move, and "not followed by" waits for its time to pass. [`explain`](Evaluator::explain) says which
//! parts hold and why. Everything that asks whether someone is in a segment asks here: decisions, live lists of a
//! person's segments, and counts over the stored past.
//!
//! Example: `{"event": "Order Completed", "within_days": 30}` with one order three days ago holds until the 27th day from
//! now.

mod evaluate;
mod events;
mod explain;
mod filter;
mod held;
mod occurrences;
mod set;
#[cfg(test)]
mod tests;
mod triggers;

pub use evaluate::{Evaluator, Facts};
pub use events::{EventCondition, Following, Tally};
pub use explain::Explanation;
pub use filter::{EventFilter, PropertyFilter, ValueTest, is_amount};
pub use held::Held;
pub use set::{CompiledSegment, SegmentSet};
pub use triggers::{EventTraits, RuleSet, TriggerIndex};
