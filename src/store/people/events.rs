//! Conditions on one event as SQL, with the meaning of `segments::filter`.
//!
//! The engine reads numbers and JSON a little differently: a number of many digits, a text such as `1e5` or `+5`, the text
//! of a decimal. These are unclear, and left to the evaluator. Every fragment is one of the fixed texts below with numbered
//! parameters.

use super::bounds::{Bounds, Sql};
use crate::{
    model::{Currency, Number, Op, Site, WantedEvents},
    segments::{EventFilter, PropertyFilter, ValueTest, is_amount},
    store::{Param, statement::placeholder},
};

/// Columns of an event itself, by name after `$`. Those of its session depend on other events.
const COLUMNS: [(&str, &str); 13] = [
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
    ("medium", "toString(medium)"),
    ("referrer_host", "toString(referrer_host)"),
];
const ITEM: &str = "item";
/// Texts that are read as the same number here and there: up to 15 digits before and behind the point, as in JSON.
const DECIMAL: &str = "'^-?(0|[1-9][0-9]{0,14})([.][0-9]{1,15})?$'";
/// Texts that the evaluator may take for a number.
const NUMERIC: &str = "'^[-+.]*[0-9]'";
/// Decimals of more characters are unclear: readers of JSON may differ in the last digit.
const DECIMAL_LENGTH_MAX: &str = "17";
/// Amounts by digits of the minor unit.
const AMOUNTS: [&str; 4] = [
    "'^-?(0|[1-9][0-9]{0,8})$'",
    "'^-?(0|[1-9][0-9]{0,8})([.][0-9])?$'",
    "'^-?(0|[1-9][0-9]{0,8})([.][0-9]{1,2})?$'",
    "'^-?(0|[1-9][0-9]{0,8})([.][0-9]{1,3})?$'",
];
/// Whole numbers from here on are not exact as doubles.
const EXACT_MAX: i128 = 1 << 53;

/// Parameters of a statement, by name.
pub(super) type Params = Vec<(String, Param)>;

/// A value of an event as SQL.
enum Source {
    /// A text.
    Text(&'static str),
    /// A property.
    Property(Property),
}

/// The SQL expressions of a property.
struct Property {
    /// Type of its JSON value; 'Null' if it is absent.
    kind: String,
    /// Its text, if it is one.
    string: String,
    /// Its JSON.
    raw: String,
    /// Its number, if it is one.
    number: String,
}

impl Property {
    fn new(name: &str, params: &mut Params) -> Self {
        let key = placeholder(params, "String", name.into());
        let call = |function: &str| ["JSON", function, "(properties, ", &key, ")"].concat();
        Self {
            kind: call("Type"),
            string: call("ExtractString"),
            raw: call("ExtractRaw"),
            number: call("ExtractFloat"),
        }
    }

    fn is_number(&self) -> String {
        [&self.kind, " IN ('Int64', 'UInt64', 'Double')"].concat()
    }

    /// Its text as the evaluator writes it; not of decimals, lists and objects.
    fn text(&self) -> String {
        let Self { kind, string, raw, .. } = self;
        ["multiIf(", kind, " = 'String', ", string, ", ", kind, " IN ('Int64', 'UInt64', 'Bool'), ", raw, ", '')"]
            .concat()
    }
}

/// Whether an event has this name and passes the tests.
pub(super) fn event(filter: &EventFilter, params: &mut Params) -> Bounds {
    let name = placeholder(params, "String", (&*filter.name).into());
    let named = if *filter.name == *WantedEvents::PAGE {
        Sql::text(&["(kind IN (2, 3) OR name = ", &name, ")"])
    } else {
        Sql::text(&["name = ", &name])
    };
    filter.tests.iter().map(|test| property(test, params)).fold(Bounds::exact(named), Bounds::and)
}

fn property(filter: &PropertyFilter, params: &mut Params) -> Bounds {
    let passes = match filter.property().strip_prefix('$') {
        Some(ITEM) => item(filter.test(), params),
        Some(name) => match COLUMNS.iter().find(|(known, _)| *known == name) {
            Some((_, text)) => passes(filter.test(), &Source::Text(text), params),
            None => Bounds::unknown(),
        },
        None => {
            let source = Source::Property(Property::new(filter.property(), params));
            passes(filter.test(), &source, params)
        }
    };
    if filter.is_negated() { passes.not() } else { passes }
}

/// Whether one of the items passes; an event without items has one empty text.
fn item(test: &ValueTest, params: &mut Params) -> Bounds {
    if *test == ValueTest::Exists {
        return Bounds::exact(Sql::text(&["notEmpty(items)"]));
    }
    let one = passes(test, &Source::Text("item"), params);
    let (true, Sql::Text(of_item)) = (one.is_exact(), one.under) else { return Bounds::unknown() };
    Bounds::exact(Sql::text(&["arrayExists(item -> ", &of_item, ", if(empty(items), [''], items))"]))
}

fn passes(test: &ValueTest, source: &Source, params: &mut Params) -> Bounds {
    match test {
        ValueTest::Exists => Bounds::exact(exists(source)),
        ValueTest::Contains(part) => {
            let part = placeholder(params, "String", (&**part).into());
            of_text(source, |text| Sql::text(&["position(", text, ", ", &part, ") > 0"]))
        }
        ValueTest::StartsWith(start) => {
            let start = placeholder(params, "String", (&**start).into());
            of_text(source, |text| Sql::text(&["startsWith(", text, ", ", &start, ")"]))
        }
        ValueTest::Text(op, wanted) => {
            let wanted = placeholder(params, "String", (&**wanted).into());
            of_text(source, |text| Sql::text(&["(", text, operator(*op), &wanted, ")"]))
        }
        ValueTest::OneOf { texts, numbers } => {
            let texts = Param::ArrayStr(texts.iter().map(ToString::to_string).collect());
            let texts = placeholder(params, "Array(String)", texts);
            let equal = of_text(source, |text| Sql::text(&["has(", &texts, ", ", text, ")"]));
            numbers.iter().map(|number| of_number(source, Op::Eq, *number, params)).fold(equal, Bounds::or)
        }
        ValueTest::Number(op, wanted) => of_number(source, *op, *wanted, params),
    }
}

fn exists(source: &Source) -> Sql {
    match source {
        Source::Text(text) => Sql::text(&["(", text, " != '')"]),
        Source::Property(Property { kind, string, .. }) => {
            Sql::text(&["multiIf(", kind, " = 'Null', 0, ", kind, " = 'String', ", string, " != '', 1)"])
        }
    }
}

fn of_text(source: &Source, test: impl Fn(&str) -> Sql) -> Bounds {
    match source {
        Source::Text(column) => Bounds::exact(test(column)),
        Source::Property(property) => {
            let unclear = Sql::text(&["(", &property.kind, " IN ('Double', 'Array', 'Object'))"]);
            Bounds::unless(unclear, test(&property.text()))
        }
    }
}

fn of_number(source: &Source, op: Op, wanted: Number, params: &mut Params) -> Bounds {
    if matches!(wanted, Number::Int(whole) if whole.abs() >= EXACT_MAX) {
        return Bounds::unknown();
    }
    let wanted = double(wanted, params);
    let (number, unclear) = match source {
        Source::Text(text) => (
            ["if(match(", text, ", ", DECIMAL, "), JSONExtractFloat(", text, "), nan)"].concat(),
            Sql::text(&["(match(", text, ", ", NUMERIC, ") AND NOT match(", text, ", ", DECIMAL, "))"]),
        ),
        Source::Property(property) => (of_property(property, "nan"), is_unclear(property, NUMERIC)),
    };
    Bounds::unless(unclear, Sql::text(&["(", &number, operator(op), &wanted, ")"]))
}

/// The number of a property, or of its text; `otherwise` if there is none.
fn of_property(property: &Property, otherwise: &str) -> String {
    let Property { kind, string, number, .. } = property;
    let of_text = [kind, " = 'String' AND match(", string, ", ", DECIMAL, "), JSONExtractFloat(", string, "), "];
    ["multiIf(", &property.is_number(), ", ", number, ", ", &of_text.concat(), otherwise, ")"].concat()
}

/// Whether a number is read differently here; of texts that match `numeric`.
fn is_unclear(property: &Property, numeric: &str) -> Sql {
    let Property { kind, string, raw, .. } = property;
    let long = [kind, " = 'Double', length(", raw, ") > ", DECIMAL_LENGTH_MAX, ", "].concat();
    let text = ["match(", string, ", ", numeric, ") AND NOT match(", string, ", ", DECIMAL, "), 0)"].concat();
    Sql::text(&["multiIf(", &long, kind, " = 'String', ", &text])
}

/// What an event adds to the sum of a property, in millionths, and where that is unclear.
pub(super) fn addend(property: &str, site: &Site, params: &mut Params) -> (String, Sql) {
    if property.starts_with('$') {
        return ("toInt64(0)".into(), Sql::True);
    }
    let source = Property::new(property, params);
    if is_amount(property) {
        return amount(&source, site, params);
    }
    let number = of_property(&source, "0.");
    let large = Sql::text(&["(abs(", &number, ") >= 1e9)"]);
    (millionths(&number), is_unclear(&source, "'[0-9]'").or(large))
}

/// An amount in the site's currency, written plainly. Conversion is left to the evaluator.
fn amount(source: &Property, site: &Site, params: &mut Params) -> (String, Sql) {
    let plain = AMOUNTS.get(site.currency.exponent() as usize).filter(|_| site.currency == site.currency.stored());
    let Some(plain) = plain.filter(|_| site.currency != Currency::NONE) else {
        return ("toInt64(0)".into(), Sql::True);
    };
    let code = placeholder(params, "String", site.currency.as_str().into());
    let stated = Property::new("currency", params);
    let Property { kind, string, raw, .. } = source;
    let text = ["multiIf(", kind, " = 'String', ", string, ", ", &source.is_number(), ", ", raw, ", '')"].concat();
    let in_currency = Sql::text(&["(currency IN ('', ", &code, "))"]);
    let states_no_other = Sql::text(&["(", &stated.kind, " = 'Null' OR ", &stated.string, " = ", &code, ")"]);
    let is_plain = Sql::text(&["match(", &text, ", ", plain, ")"]).and(in_currency).and(states_no_other);
    let number = ["if(", is_plain.as_str(), ", JSONExtractFloat(", &text, "), 0.)"].concat();
    let is_some = Sql::text(&["(", &text, " != '')"]);
    (millionths(&number), is_some.and(is_plain.not()))
}

/// Rounds as the evaluator does: half away from zero.
fn millionths(number: &str) -> String {
    let scaled = ["abs(", number, " * 1000000.)"].concat();
    let rounded = ["floor(", &scaled, ") + (", &scaled, " - floor(", &scaled, ") >= 0.5)"].concat();
    ["toInt64(sign(", number, ") * if(", &scaled, " < 1e15, ", &rounded, ", 0.))"].concat()
}

/// A number as a double; its bits are sent, which no reader of decimals can change.
pub(super) fn double(number: Number, params: &mut Params) -> String {
    let bits = placeholder(params, "UInt64", Param::U64(number.as_f64().to_bits()));
    ["reinterpretAsFloat64(", &bits, ")"].concat()
}

pub(super) const fn operator(op: Op) -> &'static str {
    match op {
        Op::Gt => " > ",
        Op::Gte => " >= ",
        Op::Lt => " < ",
        Op::Lte => " <= ",
        _ => " = ",
    }
}
