//! The statement around a plan: the tables that its columns are read from.

use super::{
    PeopleOf,
    builder::{Column, From},
    plan::{Plan, may_be_order},
};
use crate::{
    model::WantedEvents,
    store::{Param, Statement, statement},
};

/// Events that a rule mentions.
const WANTED: &str = "site_id = {site:UInt32} AND robot = '' AND visitor != 0 \
     AND (name IN {names:Array(String)} OR ({page_views:UInt8} = 1 AND kind IN (2, 3)))";
const SINCE: &str = " AND occurred_at >= fromUnixTimestamp64Milli({since_ms:Int64}, 'UTC')";
/// Orders that may have been reported several times, by a hash of their id. Few are; the others need no grouping.
const IS_REPEATED: &str = "(action = 7 AND cityHash64(order_id) IN (SELECT cityHash64(order_id) AS hash FROM events \
     WHERE site_id = {site:UInt32} AND action = 7 AND order_id != '' GROUP BY hash HAVING count() > 1))";
/// Of several reports of an order, that of a server counts, else the first.
const FIRST_REPORT: &str = "(NOT by_server_key, occurred_at, position)";
const ORDERS_AND_REFUNDS: &str = "site_id = {site:UInt32} AND robot = '' AND visitor != 0 AND action IN (7, 8)";

/// Builds the statement of a plan.
pub(super) struct Rows<'a> {
    of: PeopleOf,
    plan: &'a Plan,
    fixed: Vec<(&'static str, Param)>,
}

impl<'a> Rows<'a> {
    pub(super) fn new(of: PeopleOf, plan: &'a Plan) -> Self {
        let names: Vec<String> = plan.wanted.iter().map(|(name, _)| name.to_owned()).collect();
        let orders = names.iter().filter(|name| may_be_order(name)).cloned().collect();
        let fixed = vec![
            ("site", Param::U32(of.site.0)),
            ("session_ms", Param::I64(of.session_ms)),
            ("page_views", Param::U8(plan.wanted.names_of(WantedEvents::PAGE).is_some().into())),
            ("names", Param::ArrayStr(names)),
            ("order_names", Param::ArrayStr(orders)),
            // Times before any event need no comparison.
            ("since_ms", Param::I64(plan.since_ms.unwrap_or(0))),
        ];
        Self { of, plan, fixed }
    }

    pub(super) fn params(&self) -> impl Iterator<Item = (&str, &Param)> {
        let of_plan = self.plan.params.iter().map(|(name, value)| (name.as_str(), value));
        of_plan.chain(self.fixed.iter().map(|(name, value)| (*name, value)))
    }

    /// The template with its placeholders replaced.
    pub(super) fn fill(&self, template: &'static str, candidates: &'static str) -> String {
        let unless_all = if candidates.is_empty() { "" } else { "AND visitor IN (SELECT visitor FROM candidates)" };
        let fragments = [("$CANDIDATES", candidates), ("$IS_CANDIDATE", unless_all)];
        let text = Statement::with(template, &fragments);
        let people = statement::people(self.of.joined);
        let text = text
            .as_str()
            .replace("$ROWS", &self.rows())
            .replace("$COLUMNS", &self.merged_columns())
            .replace("$UNDER", self.plan.bounds.under.as_str())
            .replace("$OVER", self.plan.bounds.over.as_str());
        people.iter().fold(text, |text, (name, fragment)| text.replace(name, fragment))
    }

    /// One row per visitor, or person, and table.
    fn rows(&self) -> String {
        let has = |from: From| self.plan.columns.iter().any(|column| column.from == from);
        let mut branches = Vec::new();
        if has(From::Wanted) {
            branches.push(self.wanted());
            if self.plan.wanted.iter().any(|(name, _)| may_be_order(name)) {
                branches.push(self.wanted_orders());
            }
        }
        if has(From::Orders) {
            branches.push(self.orders());
        }
        if has(From::All) || self.plan.may_hold_for_none || branches.is_empty() {
            branches.push(self.all_visitors(""));
        } else if self.of.joined {
            branches.push(self.all_visitors(" AND visitor IN (SELECT visitor FROM merged)"));
        }
        branches.join("\n    UNION ALL\n")
    }

    /// The values of all columns: those of `from` by `value`, and what stands for none.
    fn values(&self, from: From, value: impl Fn(usize, &Column) -> String) -> String {
        let columns = self.plan.columns.iter().enumerate().map(|(index, column)| {
            let text = if column.from == from { value(index, column) } else { column.merge.1.to_owned() };
            [", ", &text, " AS v", &index.to_string()].concat()
        });
        columns.collect()
    }

    fn own(&self, from: From, text: impl Fn(&Column) -> String) -> String {
        let own = self.plan.columns.iter().enumerate().filter(|(_, column)| column.from == from);
        own.map(|(index, column)| [", ", &text(column), " AS a", &index.to_string()].concat()).collect()
    }

    fn since(&self) -> &'static str {
        if self.plan.since_ms.is_some() { SINCE } else { "" }
    }

    fn wanted(&self) -> String {
        let has_orders = self.plan.wanted.iter().any(|(name, _)| may_be_order(name));
        let without_repeated = if has_orders { [" AND NOT ", IS_REPEATED].concat() } else { String::new() };
        let condition = [WANTED, self.since(), &without_repeated].concat();
        if !self.of.joined {
            // Added up once, for the person.
            let values = self.values(From::Wanted, |_, column| column.text.clone());
            return ["SELECT visitor AS who, visitor, 0 AS is_known", &values, "\nFROM events WHERE ", &condition]
                .concat();
        }
        let sums = self.own(From::Wanted, |column| ["sum(", &column.text, ")"].concat());
        let values = self.values(From::Wanted, |index, _| ["a", &index.to_string()].concat());
        let visitors = ["(SELECT visitor", &sums, " FROM events WHERE ", &condition, " GROUP BY visitor)"].concat();
        ["SELECT $WHO AS who, visitor, 0 AS is_known", &values, "\nFROM ", &visitors, " AS found $JOIN"].concat()
    }

    /// Orders count once for a person, whenever they were reported again.
    fn wanted_orders(&self) -> String {
        let own: Vec<usize> =
            (0..self.plan.columns.len()).filter(|index| self.plan.columns[*index].from == From::Wanted).collect();
        let texts: Vec<&str> = own.iter().map(|index| &*self.plan.columns[*index].text).collect();
        let place = |index: usize| (own.iter().position(|known| *known == index).unwrap_or_default() + 1).to_string();
        let values = self.values(From::Wanted, |index, _| ["sum(counted.", &place(index), ")"].concat());
        [
            "SELECT person_id AS who, person_id AS visitor, 0 AS is_known",
            &values,
            "\nFROM (SELECT $WHO AS person_id, argMin(tuple(",
            &texts.join(", "),
            "), ",
            FIRST_REPORT,
            ") AS counted FROM events $JOIN WHERE ",
            WANTED,
            " AND name IN {order_names:Array(String)} AND order_id != '' AND ",
            IS_REPEATED,
            " GROUP BY person_id, name, order_id) GROUP BY person_id",
        ]
        .concat()
    }

    fn orders(&self) -> String {
        let values = self.values(From::Orders, |_, column| column.text.clone());
        [
            "SELECT person_id AS who, person_id AS visitor, 0 AS is_known",
            &values,
            "\nFROM (SELECT $WHO AS person_id, order_id, action FROM events $JOIN WHERE ",
            ORDERS_AND_REFUNDS,
            ") GROUP BY person_id",
        ]
        .concat()
    }

    fn all_visitors(&self, which: &str) -> String {
        let aggregates = self.own(From::All, |column| column.text.clone());
        let values = self.values(From::All, |index, _| ["a", &index.to_string()].concat());
        [
            "SELECT $WHO AS who, visitor, 1 AS is_known",
            &values,
            "\nFROM (SELECT visitor",
            &aggregates,
            " FROM visitor_events WHERE site_id = {site:UInt32}",
            which,
            " GROUP BY visitor) AS known $JOIN",
        ]
        .concat()
    }

    /// The columns of a person.
    fn merged_columns(&self) -> String {
        let browsers = if self.of.joined { "greatest(toUInt64(sum(is_known)), 1)" } else { "toUInt64(1)" };
        let columns = self.plan.columns.iter().enumerate().map(|(index, column)| {
            let index = index.to_string();
            [", ", column.merge.0, "(v", &index, ") AS c", &index].concat()
        });
        [browsers, " AS browsers"].into_iter().map(str::to_owned).chain(columns).collect()
    }
}
