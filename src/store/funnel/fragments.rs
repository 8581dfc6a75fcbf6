//! Funnel conditions as SQL.
//!
//! Every fragment is one of the fixed texts below, selected by closed enums ([`Op`], the columns of [`COLUMNS`]),
//! with numbered parameters such as `{p3:String}`.

use serde_json::Value;

use super::{FunnelQuery, Param, statement};
use crate::{
    model::Op,
    wire::reports::{Condition, FunnelStep},
};

/// Names after `$` and the SQL of each. `$item` is handled separately: an event may have several.
const COLUMNS: [(&str, &str); 11] = [
    ("path", "path"),
    ("host", "toString(host)"),
    ("title", "title"),
    ("device", "toString(device)"),
    ("os", "toString(os)"),
    ("browser", "toString(browser)"),
    ("country", "toString(country)"),
    ("city", "toString(city)"),
    ("language", "toString(language)"),
    ("category", "toString(category)"),
    ("user_id", "user_id"),
];
/// Names after `$` that are those of the event's session, and the SQL of each. An event of a server that names only a
/// user has the session of the person that began within a day before it; the others have their own. A visitor without
/// any session came directly.
const SESSION_COLUMNS: [(&str, &str); 5] = [
    (
        "channel",
        "if(visit_channel = '' OR (user_id_only AND began < occurred_at - INTERVAL 1 DAY), 'Direct', visit_channel)",
    ),
    ("source", "if(user_id_only AND began < occurred_at - INTERVAL 1 DAY, '', visit_source)"),
    ("medium", "if(user_id_only AND began < occurred_at - INTERVAL 1 DAY, '', visit_medium)"),
    ("campaign", "if(user_id_only AND began < occurred_at - INTERVAL 1 DAY, '', visit_campaign)"),
    ("referrer_host", "if(user_id_only AND began < occurred_at - INTERVAL 1 DAY, '', visit_referrer)"),
];
const ITEM: &str = "item";

/// How events find their session, if visitors are joined to people or not.
const VISIT_JOIN_PEOPLE: &str = "ASOF LEFT JOIN visits ON visits.visit_key = if(user_id_only, person, visitor) \
     AND visits.of_person = toUInt8(user_id_only) AND visits.began <= occurred_at";
const VISIT_JOIN: &str = "ASOF LEFT JOIN visits ON visits.visit_key = visitor \
     AND visits.of_person = toUInt8(user_id_only) AND visits.began <= occurred_at";

/// Whether `$name` is a known event field.
#[must_use]
pub fn is_column(name: &str) -> bool {
    name == ITEM || COLUMNS.iter().chain(&SESSION_COLUMNS).any(|(known, _)| *known == name)
}

/// Builds SQL fragments and collects their parameters.
#[derive(Default)]
pub(in crate::store) struct Fragments {
    pub(in crate::store) params: Vec<(String, Param)>,
    /// Whether a fragment reads a column of the session.
    uses_sessions: bool,
    /// Whether there are events without a visitor, whose session columns are their own.
    has_anonymous: bool,
    /// Whether an event is one of the filters', as bits; none without such filters.
    hits: Vec<String>,
}

impl Fragments {
    pub(in crate::store) fn new(query: FunnelQuery<'_>) -> Self {
        let params = [
            ("site", Param::U32(query.site.0)),
            ("from_ms", Param::I64(query.from_ms)),
            ("to_ms", Param::I64(query.to_ms)),
            ("last_ms", Param::I64(query.last_ms)),
            ("session_ms", Param::I64(query.session_ms)),
            ("visits_from_ms", Param::I64(query.from_ms)),
            ("visits_to_ms", Param::I64(query.last_ms)),
        ];
        let params = params.map(|(name, value)| (name.to_owned(), value)).into();
        Self { params, ..Self::default() }
    }

    /// For statements that read events without a visitor too; without any parameter.
    pub(in crate::store) fn with_anonymous() -> Self {
        Self { has_anonymous: true, ..Self::default() }
    }

    /// Whether the sessions of events have to be found.
    pub(in crate::store) const fn uses_sessions(&self) -> bool {
        self.uses_sessions
    }

    /// `$VISITS` and `$VISIT_JOIN`, as far as the fragments made so far need them.
    pub(in crate::store) fn visits(&self, join_people: bool) -> (String, &'static str) {
        if !self.uses_sessions {
            return (String::new(), "");
        }
        let matches = self.matches();
        let has_server_hits = join_people && !self.hits.is_empty();
        let of_hits: [(&str, &str); 6] = match (self.hits.is_empty(), join_people) {
            (true, _) => [
                ("$SESSION_HITS", ""),
                ("$HITS", ""),
                ("$SERVER_HITS", ""),
                ("$VISIT_HITS", ""),
                ("$VISIT_ROWS", "visit_rows"),
                ("$MATCHES", ""),
            ],
            (false, joined) => [
                ("$SESSION_HITS", ", arrayReduce('groupBitOr', arrayMap(event -> event.11, session)) AS hits"),
                ("$HITS", ", $MATCHES"),
                ("$SERVER_HITS", if joined { statement::SERVER_HITS } else { "" }),
                ("$VISIT_HITS", ", hits AS visit_hits"),
                ("$VISIT_ROWS", if has_server_hits { "hit_rows" } else { "visit_rows" }),
                ("$MATCHES", &matches),
            ],
        };
        let (person_visits, join) =
            if join_people { (statement::PERSON_VISITS, VISIT_JOIN_PEOPLE) } else { ("", VISIT_JOIN) };
        let text = statement::VISITS.replace("$PERSON_VISITS", person_visits);
        (of_hits.iter().fold(text, |text, (name, with)| text.replace(name, with)), join)
    }

    /// The filters that an event matches, as bits of a number.
    fn matches(&self) -> String {
        let bits = self.hits.iter().enumerate();
        let bits = bits.map(|(index, hit)| ["bitShiftLeft(toUInt32(", hit, "), ", &index.to_string(), ")"].concat());
        bits.reduce(|all, bit| ["bitOr(", &all, ", ", &bit, ")"].concat()).unwrap_or_default()
    }

    /// Whether the session of an event has one like this. Conditions on the session's columns are the same for all of
    /// its events.
    pub(in crate::store) fn happened(&mut self, event: &FunnelStep) -> String {
        self.uses_sessions = true;
        let of_session = |condition: &Condition| {
            let name = condition.property.strip_prefix('$').unwrap_or_default();
            SESSION_COLUMNS.iter().any(|(known, _)| *known == name)
        };
        let (session, own): (Vec<Condition>, Vec<Condition>) = event.conditions.iter().cloned().partition(of_session);
        let own = self.step(&FunnelStep { event: event.event.clone(), conditions: own });
        self.hits.push(own);
        let bit = (self.hits.len() - 1).to_string();
        let late = "visitor = 0 OR (user_id_only AND began < occurred_at - INTERVAL 1 DAY)";
        let hit = ["NOT (", late, ") AND bitTest(visit_hits, ", &bit, ")"].concat();
        let all: Vec<String> = std::iter::once(hit).chain(session.iter().map(|c| self.condition(c))).collect();
        ["(", &all.join(" AND "), ")"].concat()
    }

    /// The template with what joins people and sessions, as far as the query and the fragments made so far need it.
    pub(in crate::store) fn fill(&self, query: FunnelQuery<'_>, template: &'static str) -> String {
        let (visits, join) = self.visits(query.join_people);
        let text = statement::without_header(template).replace("$VISITS", &visits).replace("$VISIT_JOIN", join);
        statement::people(query.join_people).iter().fold(text, |text, (name, with)| text.replace(name, with))
    }

    /// The SQL of a column; '' for unknown names.
    fn column(&mut self, name: &str) -> String {
        if let Some((known, text)) = SESSION_COLUMNS.iter().find(|(known, _)| *known == name) {
            self.uses_sessions = true;
            if self.has_anonymous {
                return ["if(visitor = 0, toString(", known, "), ", text, ")"].concat();
            }
            return (*text).to_owned();
        }
        COLUMNS.iter().find(|(known, _)| *known == name).map_or("''", |(_, text)| text).to_owned()
    }

    /// Adds a parameter with this value; returns its placeholder.
    pub(in crate::store) fn param(&mut self, kind: &'static str, value: Param) -> String {
        statement::placeholder(&mut self.params, kind, value)
    }

    fn text(&mut self, value: &str) -> String {
        self.param("String", value.into())
    }

    /// The bit mask of all steps and exclusions that an event matches.
    pub(in crate::store) fn step_bits(&mut self, steps: &[FunnelStep], exclude: &[FunnelStep]) -> String {
        let mut bits: Vec<String> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            bits.push(["bitShiftLeft(toUInt32(", &self.step(step), "), ", &index.to_string(), ")"].concat());
        }
        for step in exclude {
            bits.push(["bitShiftLeft(toUInt32(", &self.step(step), "), 24)"].concat());
        }
        // Several exclusions may match at once, so the bits are or-ed, not added.
        bits.into_iter().reduce(|all, bit| ["bitOr(", &all, ", ", &bit, ")"].concat()).unwrap_or_else(|| "0".into())
    }

    pub(in crate::store) fn step(&mut self, step: &FunnelStep) -> String {
        let name = self.text(&step.event);
        let event = if step.event == FunnelStep::PAGE {
            ["(kind IN (2, 3) OR name = ", &name, ")"].concat()
        } else {
            ["name = ", &name].concat()
        };
        let conditions = step.conditions.iter().map(|c| self.condition(c));
        let all: Vec<String> = std::iter::once(event).chain(conditions.collect::<Vec<_>>()).collect();
        ["(", &all.join(" AND "), ")"].concat()
    }

    pub(in crate::store) fn condition(&mut self, condition: &Condition) -> String {
        match condition.property.strip_prefix('$') {
            Some(ITEM) => self.item(condition),
            Some(name) => {
                let text = self.column(name);
                self.compare(&text, condition, false)
            }
            None => {
                let text = self.property(&condition.property);
                self.compare(&text, condition, true)
            }
        }
    }

    /// True if any item of the event matches; for negative operators, if none does.
    fn item(&mut self, condition: &Condition) -> String {
        if let Some(positive) = condition.op.positive() {
            return ["NOT ", &self.item(&Condition { op: positive, ..condition.clone() })].concat();
        }
        match condition.op {
            Op::Exists => "notEmpty(items)".into(),
            _ => ["arrayExists(item -> ", &self.compare("item", condition, false), ", items)"].concat(),
        }
    }

    /// A property as text: strings as they are, other values as JSON, '' if absent or null.
    pub(super) fn property(&mut self, name: &str) -> String {
        let key = self.text(name);
        let typed = ["JSONType(properties, ", &key, ")"].concat();
        [
            "multiIf(",
            &typed,
            " = 'String', JSONExtractString(properties, ",
            &key,
            "), ",
            &typed,
            " = 'Null', '', JSONExtractRaw(properties, ",
            &key,
            "))",
        ]
        .concat()
    }

    /// The breakdown value, cut to 200 characters.
    pub(in crate::store) fn breakdown_value(&mut self, field: &str) -> String {
        let name = field.strip_prefix('$').unwrap_or(field);
        let text = if name == ITEM {
            "if(empty(items), '', items[1])".to_owned()
        } else if is_column(name) {
            self.column(name)
        } else {
            self.property(field)
        };
        ["leftUTF8(", &text, ", 200)"].concat()
    }

    /// Compares as numbers if both sides are numbers (`typed`: a number given for a property is meant as one), else as
    /// text. What is absent differs from every value.
    fn compare(&mut self, text: &str, condition: &Condition, typed: bool) -> String {
        if let Some(positive) = condition.op.positive() {
            let holds = self.compare(text, &Condition { op: positive, ..condition.clone() }, typed);
            return ["NOT (", &holds, ")"].concat();
        }
        let value = &*condition.op.operand(&condition.value);
        let number = value.as_f64().filter(|_| typed || condition.op.is_order());
        match (condition.op, number) {
            (Op::Exists, _) => [text, " != ''"].concat(),
            (Op::In, _) => self.is_in(text, value, typed),
            (Op::Contains, _) => ["position(", text, ", ", &self.text(&to_text(value)), ") > 0"].concat(),
            (Op::StartsWith, _) => ["startsWith(", text, ", ", &self.text(&to_text(value)), ")"].concat(),
            (op, Some(_)) if is_beyond_doubles(value) => {
                let whole = ["toInt128OrNull(", text, ")", operator(op), &self.integer(value)].concat();
                if op == Op::Eq {
                    return ["ifNull(", &whole, ", 0)"].concat();
                }
                let number = self.param("Float64", Param::F64(value.as_f64().unwrap_or_default()));
                ["coalesce(", &whole, ", toFloat64OrNull(", text, ")", operator(op), &number, ", 0)"].concat()
            }
            (op, Some(number)) => {
                let number = self.param("Float64", Param::F64(number));
                ["ifNull(toFloat64OrNull(", text, ")", operator(op), &number, ", 0)"].concat()
            }
            (op, None) => [text, operator(op), &self.text(&to_text(value))].concat(),
        }
    }

    fn integer(&mut self, value: &Value) -> String {
        let digits = self.text(&value.to_string());
        ["toInt128OrNull(", &digits, ")"].concat()
    }

    fn is_in(&mut self, text: &str, value: &Value, typed: bool) -> String {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts = values.iter().map(to_text).collect();
        let mut any = vec![["has(", &self.param("Array(String)", Param::ArrayStr(texts)), ", ", text, ")"].concat()];
        for (value, number) in values.iter().filter(|_| typed).filter_map(|value| Some((value, value.as_f64()?))) {
            // A double would take two such integers for one.
            if is_beyond_doubles(value) {
                any.push(["ifNull(toInt128OrNull(", text, ") = ", &self.integer(value), ", 0)"].concat());
                continue;
            }
            let number = self.param("Float64", Param::F64(number));
            any.push(["ifNull(toFloat64OrNull(", text, ") = ", &number, ", 0)"].concat());
        }
        ["(", &any.join(" OR "), ")"].concat()
    }
}

/// Whether it is an integer that a double cannot tell from its neighbours.
fn is_beyond_doubles(value: &Value) -> bool {
    const EXACT: u64 = 1 << 53;
    value.as_i64().map(i64::unsigned_abs).or_else(|| value.as_u64()).is_some_and(|magnitude| magnitude > EXACT)
}

const fn operator(op: Op) -> &'static str {
    match op {
        Op::Gt => " > ",
        Op::Gte => " >= ",
        Op::Lt => " < ",
        Op::Lte => " <= ",
        _ => " = ",
    }
}

fn to_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_reports_know_the_same_columns() {
        let known = COLUMNS.iter().chain(&SESSION_COLUMNS).map(|(name, _)| *name).chain([ITEM]);
        assert!(known.eq(crate::model::rule::COLUMNS));
    }

    #[test]
    fn user_input_never_becomes_sql() {
        let evil = "x') OR 1=1 --{p0:String}$MARKS";
        let properties = [evil, "$path", "$item", "$nothing"];
        for (op, property) in Op::ALL.iter().flat_map(|op| properties.map(|property| (*op, property))) {
            let condition = Condition { property: property.into(), op, value: Value::from(evil) };
            let step = FunnelStep { event: evil.into(), conditions: vec![condition] };
            let mut fragments = Fragments::default();
            let steps = std::slice::from_ref(&step);
            let sql = [fragments.step_bits(steps, steps), fragments.breakdown_value(evil)].concat();
            assert!(!sql.contains("1=1") && !sql.contains("$MARKS") && !sql.contains("--"), "{sql}");
            assert_eq!(sql.matches(":String}").count(), sql.matches("{p").count() - sql.matches(":Array").count());
        }
    }
}
