//! Fields of a profile as SQL.

use super::{
    bounds::{Bounds, Sql},
    builder::{Answer, Builder, Column, From},
};
use crate::{
    catalog::condition::{Condition, NumberField, NumberTest, SetField, TextField, TextTest},
    model::OrderRecord,
    store::{Param, statement::placeholder},
};

const DAY_MS: &str = "86400000";
/// Sessions of a visitor: pauses, and one.
const SESSIONS: &str = "toUInt64(1 + arrayCount(pause -> pause > {session_ms:Int64}, \
     arrayDifference(arraySort(groupArray(toUnixTimestamp64Milli(occurred_at))))))";
/// Orders of a person, each id once.
const ORDERS: &str = "uniqExactIf(order_id, action = 7 AND order_id != '') + countIf(action = 7 AND order_id = '')";
/// Orders and refunds with an id: a profile keeps the newest one by one.
const REPORTS: &str = "countIf(order_id != '')";
const VIEWS: &str = "countIf(kind IN (2, 3))";
const FIRST: (&str, &str) = ("min", "toInt64(9223372036854775807)");
const LAST: (&str, &str) = ("max", "toInt64(0)");

pub(super) fn field(builder: &mut Builder<'_>, rule: &Condition) -> Answer {
    match rule {
        Condition::Number { field, test } => number(builder, *field, test),
        Condition::NewVisitor(wanted) => {
            let visits = builder.column(From::All, SESSIONS.into(), Column::SUM);
            let is_new = Sql::text(&["(", &visits, " <= 1)"]);
            Answer::exact(if *wanted { is_new } else { is_new.not() }, *wanted)
        }
        Condition::Text { field, test } => text(builder, *field, test),
        Condition::Trait { test, .. } if !test.passes(None) => at_most(builder, "countIf(kind = 4)"),
        Condition::Set { field: SetField::BoughtCategory, test } if !test.passes_set(std::iter::empty()) => {
            at_most(builder, "countIf(action = 7)")
        }
        Condition::Set { field: SetField::ViewedCategory, test } if !test.passes_set(std::iter::empty()) => {
            at_most(builder, "countIf(category != '' OR notEmpty(items))")
        }
        _ => Answer::unknown(),
    }
}

/// Holds at most for those of whom a visitor has some.
fn at_most(builder: &mut Builder<'_>, aggregate: &str) -> Answer {
    let number = builder.column(From::All, aggregate.into(), Column::SUM);
    Answer::at_most(Sql::text(&["(", &number, " > 0)"]))
}

fn number(builder: &mut Builder<'_>, field: NumberField, test: &NumberTest) -> Answer {
    let of_none = test.passes(0_u32);
    match field {
        NumberField::Visits => {
            let visits = builder.column(From::All, SESSIONS.into(), Column::SUM);
            Answer::exact(builder.number(test, &["toFloat64(", &visits, ")"].concat(), None), of_none)
        }
        NumberField::Pageviews => {
            let views = builder.column(From::All, VIEWS.into(), Column::SUM);
            Answer::exact(builder.number(test, &["toFloat64(", &views, ")"].concat(), None), of_none)
        }
        NumberField::Orders => {
            let orders = builder.column(From::Orders, ORDERS.into(), Column::SUM);
            let reports = builder.column(From::Orders, REPORTS.into(), Column::SUM);
            let unclear = Sql::text(&["(", &reports, " > ", &OrderRecord::KEPT_MAX.to_string(), ")"]);
            let holds = builder.number(test, &["toFloat64(", &orders, ")"].concat(), None);
            Answer { bounds: Bounds::unless(unclear, holds), of_none: (of_none, of_none) }
        }
        NumberField::LastSeenDays => days_since(builder, "max(toUnixTimestamp64Milli(occurred_at))", LAST, test),
        NumberField::FirstSeenDays => days_since(builder, "min(toUnixTimestamp64Milli(occurred_at))", FIRST, test),
        NumberField::CartItems | NumberField::CartValueMinor if !of_none => {
            at_most(builder, "countIf(action IN (3, 5, 6))")
        }
        // The value of a person is found by visitor, or by user id.
        _ if field.may_be_unknown() && !test.passes_optional(None) => {
            at_most(builder, "countIf(action = 7 OR user_id != '')")
        }
        _ => Answer::unknown(),
    }
}

/// Days since the first or last event: by size exactly, as equal in whole days.
fn days_since(
    builder: &mut Builder<'_>,
    aggregate: &str,
    merge: (&'static str, &'static str),
    test: &NumberTest,
) -> Answer {
    let at = builder.column(From::All, aggregate.into(), merge);
    let now = placeholder(&mut builder.params, "Int64", Param::I64(builder.now.0));
    let elapsed = ["greatest(", &now, " - ", &at, ", 0)"].concat();
    let whole = ["toFloat64(intDiv(", &elapsed, ", ", DAY_MS, "))"].concat();
    let by_size = matches!(test, NumberTest::Gt(_) | NumberTest::Gte(_) | NumberTest::Lt(_) | NumberTest::Lte(_));
    let days = if by_size { ["(toFloat64(", &elapsed, ") / ", DAY_MS, ")"].concat() } else { whole };
    Answer::exact(builder.number(test, &days, Some(true)), true)
}

/// Texts of a closed set, which some event must have had; others are left to the evaluator.
fn text(builder: &mut Builder<'_>, field: TextField, test: &TextTest) -> Answer {
    let column = match field {
        TextField::UrlPath | TextField::ContactChannel => {
            return Answer::exact(Sql::of(test.passes("")), test.passes(""));
        }
        TextField::UserId if !test.passes("") => return at_most(builder, "countIf(user_id != '')"),
        TextField::Country => "country",
        TextField::Device => "device",
        _ => return Answer::unknown(),
    };
    let texts = match test {
        TextTest::Eq(wanted) => vec![wanted.to_string()],
        TextTest::In(texts) => texts.iter().map(ToString::to_string).collect(),
        _ => return Answer::unknown(),
    };
    if texts.iter().any(|text| text.is_empty() || !text.is_ascii()) {
        return Answer::unknown();
    }
    let texts = placeholder(&mut builder.params, "Array(String)", Param::ArrayStr(texts));
    at_most(builder, &["countIf(has(", &texts, ", lower(toString(", column, "))))"].concat())
}
