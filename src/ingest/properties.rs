//! What the sender tells of the event, kept as it was said.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::{
    RejectReason, Setting, Verdict,
    identify::{self, IdKind},
    limits,
};
use crate::{
    model::{Event, Kind, VisitorId},
    wire::collect::{self, Batch},
};

/// Puts properties, or traits for calls about persons and groups; rejects what is no object, or nested
/// deeper than anybody reads.
pub(super) fn reject_bad_properties<'a>(
    event: &mut Event<'a>,
    setting: &Setting<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<(), Verdict<'a>> {
    let said = match event.kind {
        // Some clients send what they know of the person in the context alone.
        Kind::Identify => [call.traits, call.context.traits, batch.context.traits, call.properties],
        Kind::Group => [call.traits, call.properties, None, None],
        _ => [call.properties, None, None, None],
    };
    let said = said.into_iter().flatten().map(RawValue::get).find(|json| !is_nothing(json));
    let json = said.unwrap_or("{}");
    if !json.starts_with('{') {
        return Err(Verdict::Reject(RejectReason::PropertiesNotObject));
    }
    let shape = Shape::of(json);
    if shape.depth > limits::PROPERTIES_DEPTH {
        return Err(Verdict::Reject(RejectReason::PropertiesTooDeep));
    }
    let mut json = with_whole_characters(json);
    if shape.has_long_number {
        json = Cow::Owned(with_fitting_numbers(&json));
    }
    event.properties = match event.kind {
        Kind::Alias if !call.previous_id.is_empty() => {
            Cow::Owned(with_previous(&json, setting, call.previous_id.as_str()))
        }
        Kind::Group if !call.group_id.is_empty() => Cow::Owned(with_member(&json, "groupId", call.group_id.as_str())),
        _ => json,
    };
    Ok(())
}

/// An alias names an id of before: a person's, or a browser's. Of one that has not the form of a visitor's id, the visitor
/// that it stands for is kept beside it.
fn with_previous(json: &str, setting: &Setting<'_>, previous: &str) -> String {
    let with_id = with_member(json, "previousId", previous);
    let previous = previous.trim();
    if previous.parse::<VisitorId>().is_ok() || identify::is_placeholder(previous) {
        return with_id;
    }
    let visitor = identify::visitor_of(setting.site, IdKind::Anonymous, previous);
    with_member(&with_id, "previousVisitor", &visitor.to_string())
}

/// Keeps what SDKs send in the context and no column holds, such as the app, the device and keys of the site's own, as the
/// property `context`; what was meant for other destinations as `integrations`. Nothing without consent.
pub(super) fn put_context(event: &mut Event<'_>, setting: &Setting<'_>, batch: &Batch<'_>, raw: &RawValue) {
    // The own tracker sends nothing else, and is not read twice.
    if batch.settings.is_some() || !setting.consent.analytics {
        return;
    }
    let unread: collect::Unread<'_> = serde_json::from_str(raw.get()).unwrap_or_default();
    let context = unread.context.and_then(|context| {
        let all: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(context.get()).ok()?;
        let kept: BTreeMap<_, _> = all.into_iter().filter(|(name, value)| is_kept(name, value.get())).collect();
        (!kept.is_empty()).then(|| serde_json::to_string(&kept).ok())?
    });
    let integrations = unread.integrations.map(RawValue::get).filter(|json| json.len() > 2 && json.starts_with('{'));
    for (name, json) in [("context", context.as_deref()), ("integrations", integrations)] {
        let Some(json) = json else { continue };
        let is_taken = event.properties.contains(&format!("\"{name}\""));
        if is_taken || Shape::of(json).depth >= limits::PROPERTIES_DEPTH {
            continue;
        }
        let json = with_fitting_numbers(&with_whole_characters(json));
        event.properties = Cow::Owned(with_raw_member(&event.properties, name, &json));
    }
}

/// Whether a member of a context is kept: not what has a column, is read elsewhere, or is an address.
fn is_kept(name: &str, json: &str) -> bool {
    const READ: [&str; 12] = [
        "ip",
        "userAgent",
        "userAgentData",
        "page",
        "campaign",
        "locale",
        "timezone",
        "library",
        "traits",
        "consent",
        "webdriver",
        "active",
    ];
    !READ.contains(&name) && !matches!(json, "null" | "{}" | "[]" | "\"\"")
}

/// Whether it stands for no properties: PHP cannot tell an empty map from an empty list.
fn is_nothing(json: &str) -> bool {
    matches!(json, "null" | "[]" | "\"\"" | "false")
        || json.strip_prefix('[').is_some_and(|rest| rest.trim_start() == "]")
}

/// What one walk through valid JSON tells of it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Shape {
    /// The most brackets around any value.
    depth: usize,
    /// Whether a number has so many digits or such a power that it may not fit 64 bits.
    has_long_number: bool,
}

/// Digits that fit an `i64` whatever they are.
const SAFE_DIGITS: usize = 18;

impl Shape {
    fn of(json: &str) -> Self {
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
                // Letters of `true`, `false` and `null` cost nothing: the second look finds no number.
                b'e' | b'E' if digits > 0 => shape.has_long_number = true,
                _ => {}
            }
            digits = 0;
        }
        shape
    }
}

/// Valid JSON with each number that fits neither 64 bits nor a double as a text of its digits: the warehouse would
/// read nothing of an object that holds one.
fn with_fitting_numbers(json: &str) -> String {
    let (mut mended, bytes, mut at) = (String::with_capacity(json.len() + 8), json.as_bytes(), 0);
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
            mended.push('"');
            mended.push_str(token);
            mended.push('"');
        } else {
            mended.push_str(token);
        }
        at = end;
    }
    mended
}

/// One past the closing quote of the text that begins at a place.
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
        assert_eq!(Shape::of(r#"{"a":"[[[{{{\"[["}"#).depth, 1);
        assert_eq!(Shape::of(r#"{"a":[]}"#).depth, 2);
        assert_eq!(Shape::of(r#"{"a":[],"b":[],"c":{}}"#).depth, 2);
    }

    #[test]
    fn numbers_that_no_column_holds_become_texts() {
        let check = |json: &str, expected: &str| {
            assert!(Shape::of(json).has_long_number, "{json}");
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
        assert!(!Shape::of(r#"{"a":123456789012345678,"b":true,"c":"1234567890123456789012"}"#).has_long_number);
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
