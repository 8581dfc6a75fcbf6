//! What is added up for each person while a rule becomes SQL, and what is known of the rule.

use super::{
    bounds::{Bounds, Sql},
    events::{self, Params},
};
use crate::{
    catalog::condition::NumberTest,
    model::{Op, Site, Timestamp},
};

/// Where a number about a person comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Wanted events: a value per event, added up.
    Wanted,
    /// All events of a visitor: an aggregate.
    All,
    /// Orders: an aggregate over a person's orders and refunds.
    Orders,
}

/// A number about a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) from: From,
    /// SQL of the value or aggregate.
    pub(super) text: String,
    /// How the numbers of a person's visitors become one, and what stands for none.
    pub(super) merge: (&'static str, &'static str),
}

impl Column {
    pub(super) const SUM: (&'static str, &'static str) = ("sum", "0");
}

/// What is known of a rule or a part of it.
pub(super) struct Answer {
    pub(super) bounds: Bounds,
    /// Whether it certainly holds, and may hold, for those without anything in the columns.
    pub(super) of_none: (bool, bool),
}

impl Answer {
    pub(super) fn exact(sql: Sql, of_none: bool) -> Self {
        Self { bounds: Bounds::exact(sql), of_none: (of_none, of_none) }
    }

    pub(super) const fn unknown() -> Self {
        Self { bounds: Bounds::unknown(), of_none: (false, true) }
    }

    /// Unknown, but false without `some`.
    pub(super) const fn at_most(some: Sql) -> Self {
        Self { bounds: Bounds { under: Sql::False, over: some }, of_none: (false, false) }
    }

    pub(super) fn not(self) -> Self {
        let (under, over) = self.of_none;
        Self { bounds: self.bounds.not(), of_none: (!over, !under) }
    }

    pub(super) fn and(self, other: Self) -> Self {
        let (a, b) = (self.of_none, other.of_none);
        Self { bounds: self.bounds.and(other.bounds), of_none: (a.0 && b.0, a.1 && b.1) }
    }

    pub(super) fn or(self, other: Self) -> Self {
        let (a, b) = (self.of_none, other.of_none);
        Self { bounds: self.bounds.or(other.bounds), of_none: (a.0 || b.0, a.1 || b.1) }
    }
}

/// Collects the numbers and parameters of a rule.
pub(super) struct Builder<'a> {
    pub(super) site: &'a Site,
    pub(super) now: Timestamp,
    pub(super) params: Params,
    pub(super) columns: Vec<Column>,
}

impl Builder<'_> {
    /// The name of a column, added if it is new.
    pub(super) fn column(&mut self, from: From, text: String, merge: (&'static str, &'static str)) -> String {
        let column = Column { from, text, merge };
        let index = self.columns.iter().position(|known| *known == column).unwrap_or_else(|| {
            self.columns.push(column);
            self.columns.len() - 1
        });
        ["c", &index.to_string()].concat()
    }

    /// Whether a number passes. `is_known`: the answer to `exists` for numbers that may be unknown.
    pub(super) fn number(&mut self, test: &NumberTest, number: &str, is_known: Option<bool>) -> Sql {
        let mut compare = |op: Op, with| {
            let with = events::double(with, &mut self.params);
            Sql::text(&["(", number, events::operator(op), &with, ")"])
        };
        match (test, is_known) {
            (NumberTest::Exists, Some(known)) => Sql::of(known),
            (NumberTest::NotExists, Some(known)) => Sql::of(!known),
            (NumberTest::Exists, None) => Sql::text(&["(", number, " != 0)"]),
            (NumberTest::NotExists, None) => Sql::text(&["(", number, " = 0)"]),
            (NumberTest::Eq(one), _) => compare(Op::Eq, *one),
            (NumberTest::Ne(one), _) => compare(Op::Eq, *one).not(),
            (NumberTest::Gt(one), _) => compare(Op::Gt, *one),
            (NumberTest::Gte(one), _) => compare(Op::Gte, *one),
            (NumberTest::Lt(one), _) => compare(Op::Lt, *one),
            (NumberTest::Lte(one), _) => compare(Op::Lte, *one),
            (NumberTest::In(list), _) => list.iter().map(|one| compare(Op::Eq, *one)).fold(Sql::False, Sql::or),
            (NumberTest::NotIn(list), _) => {
                list.iter().map(|one| compare(Op::Eq, *one)).fold(Sql::False, Sql::or).not()
            }
        }
    }
}
