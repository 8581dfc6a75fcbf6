//! Evaluates rules.

use super::{held::Held, occurrences};
use crate::{
    catalog::condition::{Condition, NumberField, NumberTest, SetField, TextField, TextTest, TraitTest},
    model::{Number, Profile, Site, Timestamp},
};

const DAY_MS: i64 = 86_400_000;
/// A preference fades with time; its answer is asked for again after this long.
const AFFINITY_MS: i64 = 3_600_000;

/// What is known of a person, and of the page if there is one.
pub trait Facts {
    /// The profile with its past events.
    fn profile(&self) -> &Profile;
    /// A number; `None` if it is unknown. Not asked for the days since an event.
    fn number(&self, field: NumberField) -> Option<Number>;
    /// A text; empty if it is unknown.
    fn text(&self, field: TextField) -> &str;
    /// Whether a set of texts passes.
    fn set_passes(&self, field: SetField, test: &TextTest) -> bool;
}

/// Evaluates rules about one person at one time.
#[derive(Debug)]
pub struct Evaluator<'a, F> {
    pub(super) facts: &'a F,
    pub(super) site: &'a Site,
    pub(super) now: Timestamp,
}

impl<'a, F: Facts> Evaluator<'a, F> {
    /// An evaluator of what is known now.
    #[must_use]
    pub const fn new(facts: &'a F, site: &'a Site, now: Timestamp) -> Self {
        Self { facts, site, now }
    }

    /// Whether a rule holds. Parts that cannot change the answer are not evaluated.
    #[must_use]
    pub fn holds(&self, condition: &Condition) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().all(|part| self.holds(part)),
            Condition::Any(parts) => parts.iter().any(|part| self.holds(part)),
            Condition::Not(part) => !self.holds(part),
            Condition::Segment { rule, .. } => self.holds(rule),
            leaf => self.leaf(leaf).holds,
        }
    }

    /// Whether a rule holds, since when, and until when.
    #[must_use]
    pub fn held(&self, condition: &Condition) -> Held {
        match condition {
            Condition::All(parts) => Held::of(parts.iter().map(|part| self.held(part)), true),
            Condition::Any(parts) => Held::of(parts.iter().map(|part| self.held(part)), false),
            Condition::Not(part) => self.held(part).not(),
            Condition::Segment { rule, .. } => self.held(rule),
            leaf => self.leaf(leaf),
        }
    }

    fn leaf(&self, condition: &Condition) -> Held {
        let profile = self.facts.profile();
        match condition {
            Condition::Number { field: NumberField::LastSeenDays, test } => self.days_since(profile.last_seen, test),
            Condition::Number { field: NumberField::FirstSeenDays, test } => self.days_since(profile.first_seen, test),
            Condition::Number { field, test } => Held::always(self.number_passes(*field, test)),
            Condition::Text { field, test } => {
                let fades = matches!(field, TextField::Affinity | TextField::BrandAffinity | TextField::TagAffinity);
                let until = fades.then(|| self.now.plus(AFFINITY_MS));
                Held { until, ..Held::always(test.passes(self.facts.text(*field))) }
            }
            Condition::Set { field, test } => Held::always(self.facts.set_passes(*field, test)),
            Condition::NewVisitor(wanted) => Held::always(*wanted == (profile.visits <= 1)),
            Condition::Trait { name, test } => Held::always(trait_passes(profile, name, test)),
            Condition::Events(events) => occurrences::held(events, &profile.history, self.site, self.now),
            Condition::Everyone
            | Condition::All(_)
            | Condition::Any(_)
            | Condition::Not(_)
            | Condition::Segment { .. } => Held::always(true),
        }
    }

    fn number_passes(&self, field: NumberField, test: &NumberTest) -> bool {
        let number = self.facts.number(field);
        match (field.may_be_unknown(), number) {
            (false, Some(number)) => test.passes(number),
            (_, number) => test.passes_optional(number),
        }
    }

    /// Compares the days since an event: by size exactly, as equal in whole days.
    fn days_since(&self, at: Timestamp, test: &NumberTest) -> Held {
        if self.facts.profile().events == 0 {
            return Held::always(test.passes_optional(None));
        }
        let elapsed = self.now.since(at).max(0);
        let by_size = matches!(test, NumberTest::Gt(_) | NumberTest::Gte(_) | NumberTest::Lt(_) | NumberTest::Lte(_));
        let days = if by_size { days_of(elapsed) } else { Number::from(elapsed / DAY_MS) };
        let holds = test.passes_optional(Some(days));
        // The moments at which a comparison may change: the days themselves, the ends of those days, just after them.
        let mut moments: Vec<i64> = Vec::new();
        for number in test.numbers() {
            let ms = number.as_f64() * DAY_MS as f64;
            if ms.is_finite() && ms.abs() < 1e17 {
                #[expect(clippy::cast_possible_truncation, reason = "far below the limits of i64")]
                let ms = ms.floor() as i64;
                moments.extend([ms, ms + 1, ms + 2, ms + DAY_MS].map(|ms| at.0.saturating_add(ms)));
            }
        }
        let until = moments.iter().copied().filter(|moment| *moment > self.now.0).min().map(Timestamp);
        let since = moments.iter().copied().filter(|moment| *moment <= self.now.0).max().map(Timestamp);
        Held { holds, since, until }
    }
}

/// A time in days; exact where it is whole.
fn days_of(elapsed_ms: i64) -> Number {
    if elapsed_ms % DAY_MS == 0 {
        Number::from(elapsed_ms / DAY_MS)
    } else {
        Number::Float(elapsed_ms as f64 / DAY_MS as f64)
    }
}

fn trait_passes(profile: &Profile, name: &str, test: &TraitTest) -> bool {
    test.passes(profile.traits.get(name))
}
