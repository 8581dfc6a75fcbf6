//! Sets the properties or traits as sent, repaired where the warehouse could not read them.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    identify::{self, IdKind},
    limits,
    types::RequestContext,
    verdict::{RejectReason, Verdict},
};
use crate::{
    model::{Event, Kind, VisitorId},
    wire::collect::{self, Batch},
};

/// Sets properties, or traits for calls about users and groups; rejects what is no object or nested too deeply.
pub(super) fn reject_bad_properties<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    let candidates = match event.kind {
        // Some clients send traits only in the context.
        Kind::Identify => [call.traits, call.context.traits, batch.context.traits, call.properties],
        Kind::Group => [call.traits, call.properties, None, None],
        _ => [call.properties, None, None, None],
    };
    let sent = candidates.into_iter().flatten().map(RawValue::get).find(|json| !is_empty(json));
    let json = sent.unwrap_or("{}");
    if !json.starts_with('{') {
        return Err(Verdict::Reject(RejectReason::PropertiesNotObject));
    }
    let shape = JsonShape::scan(json);
    if shape.depth > limits::PROPERTIES_DEPTH {
        return Err(Verdict::Reject(RejectReason::PropertiesTooDeep));
    }
    let mut json = with_valid_surrogates(json);
    if shape.has_long_number {
        json = Cow::Owned(with_fitting_numbers(&json));
    }
    event.properties = match event.kind {
        Kind::Alias if !call.previous_id.is_empty() => {
            Cow::Owned(with_previous(&json, request, call.previous_id.as_str()))
        }
        Kind::Group if !call.group_id.is_empty() => Cow::Owned(with_member(&json, "groupId", call.group_id.as_str())),
        _ => json,
    };
    Ok(())
}

/// Adds the previous id of an alias, a user's or a browser's. If it does not have the form of a visitor id, the derived
/// visitor is added too.
fn with_previous(json: &str, request: &RequestContext<'_>, previous: &str) -> String {
    let with_id = with_member(json, "previousId", previous);
    let previous = previous.trim();
    if previous.parse::<VisitorId>().is_ok() || identify::is_placeholder(previous) {
        return with_id;
    }
    let visitor = identify::visitor_of(request.site, IdKind::Anonymous, previous);
    with_member(&with_id, "previousVisitor", &visitor.to_string())
}

/// Adds the context fields without a column, such as app, device and the site's own keys, as the property `context`, and
/// settings for other destinations as `integrations`. Adds nothing without consent.
pub(super) fn add_context(event: &mut Event<'_>, request: &RequestContext<'_>, batch: &Batch<'_>, raw: &RawValue) {
    // Ashna's tracker sends no other fields, so its events are not parsed twice.
    if batch.settings.is_some() || !request.consent.analytics {
        return;
    }
    let unread: collect::UnmappedFields<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let context = unread.context.and_then(|context| {
        let collect::UnmappedContext(kept) = serde_json::from_str(context.get()).ok()?;
        (!kept.is_empty()).then(|| serde_json::to_string(&kept).ok())?
    });
    let integrations = unread.integrations.map(RawValue::get).filter(|json| json.len() > 2 && json.starts_with('{'));
    for (name, json) in [("context", context.as_deref()), ("integrations", integrations)] {
        let Some(json) = json else { continue };
        // The text may also stand in a value or deeper: only then the properties are parsed.
        let exists = event.properties.contains(&format!("\"{name}\"")) && has_member(&event.properties, name);
        if exists || JsonShape::scan(json).depth >= limits::PROPERTIES_DEPTH {
            continue;
        }
        let json = with_fitting_numbers(&with_valid_surrogates(json));
        event.properties = Cow::Owned(with_raw_member(&event.properties, name, &json));
    }
}

/// Whether a JSON object has this member itself; true for what cannot be read, so that it stays as it is.
fn has_member(object: &str, name: &str) -> bool {
    !serde_json::from_str::<BTreeMap<Cow<'_, str>, &RawValue>>(object).is_ok_and(|members| !members.contains_key(name))
}

/// Whether it means no properties: PHP writes an empty map as an empty list.
fn is_empty(json: &str) -> bool {
    matches!(json, "null" | "[]" | "\"\"" | "false")
        || json.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]")
}

/// Properties of valid JSON, found in one pass.
#[derive(Debug, Default, PartialEq, Eq)]
struct JsonShape {
    /// The most brackets around any value.
    depth: usize,
    /// Whether a number may not fit 64 bits, by its digits or exponent.
    has_long_number: bool,
}

/// Any number of this many digits fits an `i64`.
const SAFE_DIGITS: usize = 18;

impl JsonShape {
    fn scan(json: &str) -> Self {
        let (mut shape, mut depth, mut in_text, mut escaped) = (Self::default(), 0_usize, false, false);
        let mut digits = 0_usize;
        for byte in json.bytes() {
            if in_text {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_text = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => in_text = true,
                b'{' | b'[' => {
                    depth += 1;
                    shape.depth = shape.depth.max(depth);
                }
                b'}' | b']' => depth -= 1,
                b'0'..=b'9' => {
                    digits += 1;
                    shape.has_long_number |= digits > SAFE_DIGITS;
                    continue;
                }
                // After digits only: `e` also occurs in `true` and `false`.
                b'e' | b'E' if digits > 0 => shape.has_long_number = true,
                _ => {}
            }
            digits = 0;
        }
        shape
    }
}

/// Quotes each number that fits neither 64 bits nor a double: the warehouse cannot read an object that contains one.
fn with_fitting_numbers(json: &str) -> String {
    let (mut repaired, bytes, mut at) = (String::with_capacity(json.len() + 8), json.as_bytes(), 0);
    while let Some(&byte) = bytes.get(at) {
        let end = match byte {
            b'"' => end_of_text(bytes, at),
            b'-' | b'0'..=b'9' => {
                let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
                at + bytes[at..].iter().take_while(|byte| is_part(byte)).count()
            }
            _ => at + bytes[at..].iter().take_while(|b| !matches!(b, b'"' | b'-' | b'0'..=b'9')).count(),
        };
        let token = &json[at..end];
        if matches!(byte, b'-' | b'0'..=b'9') && !fits(token) {
            repaired.push('"');
            repaired.push_str(token);
            repaired.push('"');
        } else {
            repaired.push_str(token);
        }
        at = end;
    }
    repaired
}

/// Returns the index after the closing quote of the string that begins at `begin`.
fn end_of_text(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', &bytes[at.min(bytes.len())..]) {
        at += found;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

fn fits(number: &str) -> bool {
    if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    number.parse::<f64>().is_ok_and(f64::is_finite)
}

/// Replaces unpaired escaped surrogates, as of a truncated emoji, by the replacement character: the warehouse cannot read
/// an object that contains one.
fn with_valid_surrogates(json: &str) -> Cow<'_, str> {
    const REPLACEMENT: &str = "\\ufffd";
    let mut repaired = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &json.as_bytes()[at..]) {
        at += found;
        // Other escapes are two bytes; the digits of `\\uXXXX` are skipped as ordinary text.
        let length = match (surrogate(json, at), surrogate(json, at + 6)) {
            (Some(Surrogate::High), Some(Surrogate::Low)) => 12,
            (Some(_), _) => {
                repaired.push_str(&json[copied..at]);
                repaired.push_str(REPLACEMENT);
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
    repaired.push_str(&json[copied..]);
    Cow::Owned(repaired)
}

/// Half of a UTF-16 surrogate pair.
enum Surrogate {
    High,
    Low,
}

/// The surrogate that is escaped at this byte, if any.
fn surrogate(json: &str, at: usize) -> Option<Surrogate> {
    let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
    match u16::from_str_radix(digits, 16).ok()? {
        0xd800..=0xdbff => Some(Surrogate::High),
        0xdc00..=0xdfff => Some(Surrogate::Low),
        _ => None,
    }
}

/// The object with one more string member, at its beginning.
fn with_member(object: &str, name: &str, value: &str) -> String {
    with_raw_member(object, name, &serde_json::Value::from(value).to_string())
}

/// The same for a JSON value. `object` is a JSON object.
pub(super) fn with_raw_member(object: &str, name: &str, value: &str) -> String {
    let rest = object[1..].trim_start();
    let comma = if rest.starts_with('}') { "" } else { "," };
    format!("{{\"{name}\":{value}{comma}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(JsonShape::scan(r#"{"a":"[[[{{{\"[["}"#).depth, 1);
        assert_eq!(JsonShape::scan(r#"{"a":[]}"#).depth, 2);
        assert_eq!(JsonShape::scan(r#"{"a":[],"b":[],"c":{}}"#).depth, 2);
    }

    #[test]
    fn numbers_that_do_not_fit_are_quoted() {
        let check = |json: &str, expected: &str| {
            assert!(JsonShape::scan(json).has_long_number, "{json}");
            assert_eq!(with_fitting_numbers(json), expected);
        };
        check(
            r#"{"a":987654321098765432109876543210,"b":"x 987654321098765432109876543210"}"#,
            r#"{"a":"987654321098765432109876543210","b":"x 987654321098765432109876543210"}"#,
        );
        check(
            r#"{"a":18446744073709551615,"b":-9223372036854775809}"#,
            r#"{"a":18446744073709551615,"b":"-9223372036854775809"}"#,
        );
        check("[1e400,-1e400,1e300]", r#"["1e400","-1e400",1e300]"#);
        check(r#"{"a\\\"":0.1234567890123456789012345}"#, r#"{"a\\\"":0.1234567890123456789012345}"#);
        assert!(!JsonShape::scan(r#"{"a":123456789012345678,"b":true,"c":"1234567890123456789012"}"#).has_long_number);
    }

    #[test]
    fn unpaired_surrogates_are_replaced_and_pairs_stay() {
        let check = |json: &str, expected: &str| assert_eq!(with_valid_surrogates(json), expected);
        check(r#"{"a":"\ud83d\ude00 \u00e9 é \\ud83d \n"}"#, r#"{"a":"\ud83d\ude00 \u00e9 é \\ud83d \n"}"#);
        check(r#"{"a":"\ud83d"}"#, r#"{"a":"\ufffd"}"#);
        check(r#"{"\udc00":"\ud83d\ud83d\ude00é"}"#, r#"{"\ufffd":"\ufffd\ud83d\ude00é"}"#);
        check(r#"{"a":"\ude00\ud83d"}"#, r#"{"a":"\ufffd\ufffd"}"#);
    }

    #[test]
    fn only_members_of_the_object_itself_count() {
        assert!(has_member(r#"{"context":1}"#, "context"));
        assert!(!has_member(r#"{"a":"context","b":{"context":1}}"#, "context"));
        assert!(has_member("{", "context"), "left as it is");
    }

    #[test]
    fn a_member_is_added_to_any_object() {
        assert_eq!(with_member("{ }", "groupId", "a\"b"), r#"{"groupId":"a\"b"}"#);
        assert_eq!(with_member(r#"{"x":1}"#, "groupId", "g"), r#"{"groupId":"g","x":1}"#);
    }
}
