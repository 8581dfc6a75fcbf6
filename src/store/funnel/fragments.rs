//! A funnel's conditions as SQL.
//!
//! Every fragment is one of the fixed texts below, chosen by closed enums ([`Op`], the columns of
//! [`COLUMNS`]) and holding numbered parameters such as `{p3:String}`.

use serde_json::Value;

use super::{Param, Question};
use crate::{
    model::Op,
    wire::reports::{Condition, FunnelStep},
};

/// Names after `$` and the text each stands for. `$item` is apart: an event may have several.
const COLUMNS: [(&str, &str); 16] = [
    ("path", "path"),
    ("host", "toString(host)"),
    ("title", "title"),
    ("referrer_host", "toString(referrer_host)"),
    ("channel", "toString(channel)"),
    ("source", "toString(source)"),
    ("medium", "toString(medium)"),
    ("campaign", "toString(campaign)"),
    ("device", "toString(device)"),
    ("os", "toString(os)"),
    ("browser", "toString(browser)"),
    ("country", "toString(country)"),
    ("city", "toString(city)"),
    ("language", "toString(language)"),
    ("category", "toString(category)"),
    ("user_id", "user_id"),
];
const ITEM: &str = "item";

/// Whether `$name` can be asked of an event.
#[must_use]
pub fn is_column(name: &str) -> bool {
    name == ITEM || COLUMNS.iter().any(|(known, _)| *known == name)
}

/// Fragments of SQL and the parameters they hold.
pub(super) struct Fragments {
    pub(super) params: Vec<(String, Param)>,
}

impl Fragments {
    pub(super) fn new(question: Question<'_>) -> Self {
        let params = [
            ("site", Param::U32(question.site.0)),
            ("from_ms", Param::I64(question.from_ms)),
            ("to_ms", Param::I64(question.to_ms)),
        ];
        Self { params: params.map(|(name, value)| (name.to_owned(), value)).into() }
    }

    /// A new parameter with this value, as it is written in SQL.
    fn param(&mut self, kind: &'static str, value: Param) -> String {
        let name = ["p", &self.params.len().to_string()].concat();
        let written = ["{", &name, ":", kind, "}"].concat();
        self.params.push((name, value));
        written
    }

    fn text(&mut self, value: &str) -> String {
        self.param("String", value.into())
    }

    /// The bits of all steps and exclusions that an event matches.
    pub(super) fn marks(&mut self, steps: &[FunnelStep], exclude: &[FunnelStep]) -> String {
        let mut bits: Vec<String> = Vec::new();
        for (place, step) in steps.iter().enumerate() {
            bits.push(["bitShiftLeft(toUInt32(", &self.step(step), "), ", &place.to_string(), ")"].concat());
        }
        for step in exclude {
            bits.push(["bitShiftLeft(toUInt32(", &self.step(step), "), 24)"].concat());
        }
        // One exclusion may match together with another, so the bits are or-ed, not added.
        bits.into_iter().reduce(|all, bit| ["bitOr(", &all, ", ", &bit, ")"].concat()).unwrap_or_else(|| "0".into())
    }

    pub(super) fn step(&mut self, step: &FunnelStep) -> String {
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

    fn condition(&mut self, condition: &Condition) -> String {
        match condition.property.strip_prefix('$') {
            Some(ITEM) => self.item(condition),
            Some(name) => {
                let text = COLUMNS.iter().find(|(known, _)| *known == name).map_or("''", |(_, text)| text);
                self.compare(text, condition, false)
            }
            None => {
                let text = self.property(&condition.property);
                self.compare(&text, condition, true)
            }
        }
    }

    /// True when any item of the event fits; `ne` when none equals.
    fn item(&mut self, condition: &Condition) -> String {
        match condition.op {
            Op::Exists => "notEmpty(items)".into(),
            Op::Ne => {
                let equal = self.compare("item", &Condition { op: Op::Eq, ..condition.clone() }, false);
                ["NOT arrayExists(item -> ", &equal, ", items)"].concat()
            }
            _ => ["arrayExists(item -> ", &self.compare("item", condition, false), ", items)"].concat(),
        }
    }

    /// A property as text: a string itself, anything else as JSON writes it, '' when absent or null.
    fn property(&mut self, name: &str) -> String {
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

    /// The value by which visitors are grouped, at most 200 characters of it.
    pub(super) fn value(&mut self, field: &str) -> String {
        let name = field.strip_prefix('$').unwrap_or(field);
        let text = if name == ITEM {
            "if(empty(items), '', items[1])".to_owned()
        } else if let Some((_, text)) = COLUMNS.iter().find(|(known, _)| *known == name) {
            (*text).to_owned()
        } else {
            self.property(field)
        };
        ["leftUTF8(", &text, ", 200)"].concat()
    }

    /// Numbers are compared as numbers where both sides are numbers (`typed`: a number asked of a property
    /// is meant as one); else texts are compared.
    fn compare(&mut self, text: &str, condition: &Condition, typed: bool) -> String {
        let value = &condition.value;
        let number = value.as_f64().filter(|_| typed || is_order(condition.op));
        match (condition.op, number) {
            (Op::Exists, _) => [text, " != ''"].concat(),
            (Op::In, _) => self.one_of(text, value, typed),
            (Op::Contains, _) => ["position(", text, ", ", &self.text(&text_of(value)), ") > 0"].concat(),
            (Op::StartsWith, _) => ["startsWith(", text, ", ", &self.text(&text_of(value)), ")"].concat(),
            (op, Some(number)) => {
                let missing = if op == Op::Ne { ", 1)" } else { ", 0)" };
                let number = self.param("Float64", Param::F64(number));
                ["ifNull(toFloat64OrNull(", text, ")", sign(op), &number, missing].concat()
            }
            (op, None) => [text, sign(op), &self.text(&text_of(value))].concat(),
        }
    }

    fn one_of(&mut self, text: &str, value: &Value, typed: bool) -> String {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let texts = values.iter().map(text_of).collect();
        let mut any = vec![["has(", &self.param("Array(String)", Param::ArrayStr(texts)), ", ", text, ")"].concat()];
        for number in values.iter().filter(|_| typed).filter_map(Value::as_f64) {
            let number = self.param("Float64", Param::F64(number));
            any.push(["ifNull(toFloat64OrNull(", text, ") = ", &number, ", 0)"].concat());
        }
        ["(", &any.join(" OR "), ")"].concat()
    }
}

const fn is_order(op: Op) -> bool {
    matches!(op, Op::Gt | Op::Gte | Op::Lt | Op::Lte)
}

const fn sign(op: Op) -> &'static str {
    match op {
        Op::Ne => " != ",
        Op::Gt => " > ",
        Op::Gte => " >= ",
        Op::Lt => " < ",
        Op::Lte => " <= ",
        Op::Eq | Op::Contains | Op::StartsWith | Op::In | Op::Exists => " = ",
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_a_marketer_writes_becomes_sql() {
        let evil = "x') OR 1=1 --{p0:String}$MARKS";
        let ops = [Op::Eq, Op::Ne, Op::Gt, Op::Gte, Op::Lt, Op::Lte, Op::Contains, Op::StartsWith, Op::In, Op::Exists];
        let properties = [evil, "$path", "$item", "$nothing"];
        for (op, property) in ops.iter().flat_map(|op| properties.map(|property| (*op, property))) {
            let condition = Condition { property: property.into(), op, value: Value::from(evil) };
            let step = FunnelStep { event: evil.into(), conditions: vec![condition] };
            let mut texts = Fragments { params: Vec::new() };
            let sql =
                [texts.marks(std::slice::from_ref(&step), std::slice::from_ref(&step)), texts.value(evil)].concat();
            assert!(!sql.contains("1=1") && !sql.contains("$MARKS") && !sql.contains("--"), "{sql}");
            assert_eq!(sql.matches(":String}").count(), sql.matches("{p").count() - sql.matches(":Array").count());
        }
    }
}
