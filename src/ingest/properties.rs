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
    event.properties = match event.kind {
        Kind::Group if !call.group_id.is_empty() => Cow::Owned(with_member(json, "groupId", call.group_id.as_str())),
        Kind::Alias if !call.previous_id.is_empty() => {
            Cow::Owned(with_member(json, "previousId", call.previous_id.as_str()))
        }
        _ => Cow::Borrowed(json),
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

/// The object with one more member at its beginning.
fn with_member(object: &str, name: &str, value: &str) -> String {
    let value = serde_json::Value::from(value);
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
    fn a_member_is_added_to_any_object() {
        assert_eq!(with_member("{ }", "groupId", "a\"b"), r#"{"groupId":"a\"b"}"#);
        assert_eq!(with_member(r#"{"x":1}"#, "groupId", "g"), r#"{"groupId":"g","x":1}"#);
    }
}
