//! Warehouse rows as JSON without loss of precision: ids in the format used by pages and servers, and no number that a
//! parser with doubles would round.

use std::collections::BTreeMap;

use serde_json::{Map, Value, value::RawValue};

/// Doubles represent every integer up to this one exactly.
const EXACT_MAX: u128 = 1 << 53;
/// 128-bit ids, written as 32 hexadecimal digits as everywhere else.
const HEX_IDS: [&str; 2] = ["visitor", "message"];
/// 64-bit ids, always strings because some are too large for a number.
const TEXT_IDS: [&str; 1] = ["journal"];

/// Converts one row, given as a JSON object; `None` if it is not an object.
pub(super) fn row(text: &str) -> Option<Value> {
    let columns: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
    let cell = |(name, raw): (String, Box<RawValue>)| {
        let value = value(&name, &raw)?;
        Some((name, value))
    };
    columns.into_iter().map(cell).collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn value(column: &str, raw: &RawValue) -> Option<Value> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'[' => {
            let elements: Vec<Box<RawValue>> = serde_json::from_str(text).ok()?;
            elements.iter().map(|element| value(column, element)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        b'{' => row(text),
        b'-' | b'0'..=b'9' if !text.contains(['.', 'e', 'E']) => integer(column, text),
        _ => serde_json::from_str(text).ok(),
    }
}

fn integer(column: &str, text: &str) -> Option<Value> {
    let magnitude: u128 = text.trim_start_matches('-').parse().ok()?;
    if HEX_IDS.contains(&column) {
        return Some(format!("{magnitude:032x}").into());
    }
    if magnitude > EXACT_MAX || TEXT_IDS.contains(&column) {
        return Some(text.into());
    }
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_row_keeps_its_visitor_id_and_every_digit() {
        let text = r#"{"visitor":237530436517360966652865412246489182898,"message":7,"journal":9,"position":12,
            "amount_minor":-9223372036854775808,"item_prices":[1,9007199254740993],"path":"/1e5","share":0.1,"verified":true}"#;
        let expected = json!({"visitor": "b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2", "message": "00000000000000000000000000000007",
            "journal": "9", "position": 12, "amount_minor": "-9223372036854775808",
            "item_prices": [1, "9007199254740993"], "path": "/1e5", "share": 0.1, "verified": true});
        assert_eq!(row(text), Some(expected));
        assert_eq!(row("[]"), None);
        assert_eq!(row("{\"a\":"), None);
    }

    /// The number as read by a parser that uses doubles.
    fn read_as_double(value: &Value) -> Option<i128> {
        match value {
            Value::String(text) => text.parse().ok(),
            #[expect(clippy::cast_possible_truncation, reason = "whole numbers of at most 53 bits")]
            Value::Number(number) => number.as_f64().map(|double| double as i128),
            _ => None,
        }
    }

    proptest! {
        #[test]
        fn every_id_and_number_is_read_back_exactly(id in any::<u128>(), journal in any::<u64>(), n in any::<i64>(), list in prop::collection::vec(any::<i64>(), 0..4)) {
            let text = json!({ "n": n, "list": list, "journal": journal }).to_string();
            let text = format!("{{\"visitor\":{id},\"message\":{id},{}", &text[1..]);
            let exported = serde_json::to_string(&row(&text).unwrap()).unwrap();
            let exported: Value = serde_json::from_str(&exported).unwrap();
            for name in ["visitor", "message"] {
                prop_assert_eq!(u128::from_str_radix(exported[name].as_str().unwrap(), 16).unwrap(), id);
            }
            prop_assert_eq!(exported["journal"].as_str().unwrap().parse::<u64>().unwrap(), journal);
            prop_assert_eq!(read_as_double(&exported["n"]), Some(i128::from(n)));
            let numbers: Vec<_> = exported["list"].as_array().unwrap().iter().map(read_as_double).collect();
            prop_assert_eq!(numbers, list.into_iter().map(|n| Some(i128::from(n))).collect::<Vec<_>>());
        }
    }
}
