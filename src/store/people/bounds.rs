//! Conditions as SQL that bounds the truth from both sides.
//!
//! SQL cannot say everything that the evaluator of rules says. `under` is true only where the rule holds, `over` wherever
//! it may hold: where both agree, nothing else has to be asked.

/// A condition in SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sql {
    /// True of everything.
    True,
    /// True of nothing.
    False,
    /// An expression of type `UInt8`.
    Text(String),
}

impl Sql {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::True => "1",
            Self::False => "0",
            Self::Text(text) => text,
        }
    }

    pub(super) const fn of(truth: bool) -> Self {
        if truth { Self::True } else { Self::False }
    }

    /// Fixed texts and placeholders, joined.
    pub(super) fn text(parts: &[&str]) -> Self {
        Self::Text(parts.concat())
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Text(text) => Self::text(&["NOT (", &text, ")"]),
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::True, other) | (other, Self::True) => other,
            (Self::Text(a), Self::Text(b)) if a == b => Self::Text(a),
            (Self::Text(a), Self::Text(b)) => Self::text(&["(", &a, " AND ", &b, ")"]),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::True, _) | (_, Self::True) => Self::True,
            (Self::False, other) | (other, Self::False) => other,
            (Self::Text(a), Self::Text(b)) if a == b => Self::Text(a),
            (Self::Text(a), Self::Text(b)) => Self::text(&["(", &a, " OR ", &b, ")"]),
        }
    }
}

/// What is known of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Where it certainly holds.
    pub(super) under: Sql,
    /// Where it may hold.
    pub(super) over: Sql,
}

impl Bounds {
    pub(super) fn exact(sql: Sql) -> Self {
        Self { under: sql.clone(), over: sql }
    }

    pub(super) const fn unknown() -> Self {
        Self { under: Sql::False, over: Sql::True }
    }

    /// Known by `holds`, except where it is `unclear`.
    pub(super) fn unless(unclear: Sql, holds: Sql) -> Self {
        Self { under: unclear.clone().not().and(holds.clone()), over: unclear.or(holds) }
    }

    pub(super) fn is_exact(&self) -> bool {
        self.under == self.over
    }

    pub(super) fn not(self) -> Self {
        Self { under: self.over.not(), over: self.under.not() }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self { under: self.under.and(other.under), over: self.over.and(other.over) }
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self { under: self.under.or(other.under), over: self.over.or(other.over) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_leaves_what_other_parts_decide() {
        let known = || Bounds::exact(Sql::Text("a".into()));
        let a = || Sql::Text("a".into());
        assert_eq!(known().and(Bounds::unknown()), Bounds { under: Sql::False, over: a() });
        assert_eq!(known().or(Bounds::unknown()), Bounds { under: a(), over: Sql::True });
        assert_eq!(known().and(Bounds::unknown()).not(), Bounds { under: a().not(), over: Sql::True });
        assert!(known().and(Bounds::exact(Sql::True)).is_exact() && !Bounds::unknown().not().is_exact());
        let unless = Bounds::unless(Sql::Text("u".into()), a());
        assert_eq!((unless.under.as_str(), unless.over.as_str()), ("(NOT (u) AND a)", "(u OR a)"));
    }
}
