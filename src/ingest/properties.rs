//! What the sender tells of the event, kept as it was said.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::{RejectReason, Verdict, limits};
use crate::{
    model::{Event, Kind},
    wire::collect,
};

/// Puts properties, or traits for calls about persons and groups; rejects what is no object, or nested
/// deeper than anybody reads.
pub(super) fn reject_bad_properties<'a>(event: &mut Event<'a>, call: &collect::Event<'a>) -> Result<(), Verdict<'a>> {
    let about_whom = matches!(event.kind, Kind::Identify | Kind::Group);
    let said = if about_whom { call.traits.or(call.properties) } else { call.properties };
    let json = said.map_or("{}", RawValue::get);
    let json = if json == "null" { "{}" } else { json };
    if !json.starts_with('{') {
        return Err(Verdict::Reject(RejectReason::PropertiesNotObject));
    }
    if is_deeper_than(json, limits::PROPERTIES_DEPTH) {
        return Err(Verdict::Reject(RejectReason::PropertiesTooDeep));
    }
    let json = with_whole_characters(json);
    event.properties = match event.kind {
        Kind::Group if !call.group_id.is_empty() => Cow::Owned(with_member(&json, "groupId", call.group_id.as_str())),
        Kind::Alias if !call.previous_id.is_empty() => {
            Cow::Owned(with_member(&json, "previousId", call.previous_id.as_str()))
        }
        _ => json,
    };
    Ok(())
}

/// Whether valid JSON nests deeper than `depth_max`.
fn is_deeper_than(json: &str, depth_max: usize) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                if depth > depth_max {
                    return true;
                }
            }
            b'}' | b']' if !in_text => depth -= 1,
            _ => {}
        }
    }
    false
}

/// Escaped halves of characters, as of an emoji cut in two, become the replacement character: the
/// warehouse would take none of the properties of an object that holds one.
fn with_whole_characters(json: &str) -> Cow<'_, str> {
    const REPLACEMENT: &str = "\\ufffd";
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &json.as_bytes()[at..]) {
        at += found;
        // Any other escape is two bytes; of `\\uXXXX` the digits need no second look.
        let length = match (surrogate(json, at), surrogate(json, at + 6)) {
            (Some(Half::High), Some(Half::Low)) => 12,
            (Some(_), _) => {
                mended.push_str(&json[copied..at]);
                mended.push_str(REPLACEMENT);
                copied = at + 6;
                6
            }
            (None, _) => 2,
        };
        at += length;
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    mended.push_str(&json[copied..]);
    Cow::Owned(mended)
}

/// Half of a character outside the basic plane.
enum Half {
    High,
    Low,
}

/// The half that is escaped at this place, if one is.
fn surrogate(json: &str, at: usize) -> Option<Half> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Half::High),
        0xdc00..=0xdfff => Some(Half::Low),
        _ => None,
    }
}

/// The object with one more member at its beginning.
fn with_member(object: &str, name: &str, value: &str) -> String {
    with_raw_member(object, name, &serde_json::Value::from(value).to_string())
}

/// The same for a value that is JSON already. `object` is a JSON object.
pub(super) fn with_raw_member(object: &str, name: &str, value: &str) -> String {
    let rest = object[1..].trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"{name}\":{value}{comma}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert!(!is_deeper_than(r#"{"a":"[[[{{{\"[["}"#, 1));
        assert!(is_deeper_than(r#"{"a":[]}"#, 1));
        assert!(!is_deeper_than(r#"{"a":[],"b":[],"c":{}}"#, 2));
    }

    #[test]
    fn halves_of_characters_are_replaced_and_whole_ones_stay() {
        let check = |json: &str, expected: &str| assert_eq!(with_whole_characters(json), expected);
        check(r#"{"a":"\ud83d\ude00 \u00e9 é \\ud83d \n"}"#, r#"{"a":"\ud83d\ude00 \u00e9 é \\ud83d \n"}"#);
        check(r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#);
        check(r#"{"\udc00":"\ud83d\ud83d\ude00é"}"#, r#"{"\ufffd":"\ufffd\ud83d\ude00é"}"#);
        check(r#"{"a":"\ude00\ud83d"}"#, r#"{"a":"\ufffd\ufffd"}"#);
    }

    #[test]
    fn a_member_is_added_to_any_object() {
        assert_eq!(with_member("{ }", "groupId", "a\"b"), r#"{"groupId":"a\"b"}"#);
        assert_eq!(with_member(r#"{"x":1}"#, "groupId", "g"), r#"{"groupId":"g","x":1}"#);
    }
}
