//! Repairs bodies that are almost JSON, as real clients send them.
//!
//! Python writes `NaN` and `Infinity`, PHP escapes characters needlessly, old systems send Latin-1 and raw line breaks
//! within strings. A strict parser refuses the whole batch for one such value. Only bodies that the strict parser has
//! refused are repaired, so valid bodies cost nothing extra.

/// Replacement for values that JSON cannot represent.
const NULL: &[u8] = b"null";
/// JavaScript and Python literals that JSON does not have.
const NON_JSON_LITERALS: [&[u8]; 5] = [b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"undefined"];

/// Returns the repaired body, or `None` if nothing had to be repaired. Non-JSON literals become `null`, raw control
/// characters are escaped, invalid UTF-8 becomes the replacement character, needless escapes and trailing commas are
/// removed. The result is at most four times as long as the input.
#[must_use]
pub fn repair(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let bytes = text.as_bytes();
    let mut repaired = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let (written, length): (&[u8], usize) = match byte {
            b'"' => {
                in_string = !in_string;
                (&rest[..1], 1)
            }
            b'\\' if in_string => escape(rest),
            // A line break is escaped; other control characters become a space.
            0..=0x1f if in_string => (if matches!(byte, b'\n') { b"\\n" } else { b" " }, 1),
            _ if in_string => (&rest[..1], 1),
            b',' if closes_next(&rest[1..]) => (b"", 1),
            b'N' | b'I' | b'u' | b'-' => {
                let literal = NON_JSON_LITERALS.iter().find(|literal| {
                    rest.starts_with(literal) && !rest.get(literal.len()).is_some_and(u8::is_ascii_alphanumeric)
                });
                literal.map_or((&rest[..1], 1), |literal| (NULL, literal.len()))
            }
            _ => (&rest[..1], 1),
        };
        repaired.extend_from_slice(written);
        at += length;
    }
    (repaired != body).then_some(repaired)
}

/// Returns a valid JSON escape and its length; of an invalid escape, only the backslash is dropped.
fn escape(rest: &[u8]) -> (&[u8], usize) {
    match rest.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (&rest[..2], 2),
        Some(b'u') if rest.get(2..6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) => (&rest[..6], 6),
        _ => (b"", 1),
    }
}

/// Returns whether an array or object ends here, so that the comma before it is a trailing comma.
fn closes_next(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b']' | b'}'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn almost_json_becomes_json() {
        let check = |body: &[u8], expected: &str| {
            let repaired = repair(body).unwrap();
            assert_eq!(String::from_utf8(repaired.clone()).unwrap(), expected);
            serde_json::from_slice::<serde_json::Value>(&repaired).unwrap();
        };
        check(br#"{"price": NaN, "text": "NaN"}"#, r#"{"price": null, "text": "NaN"}"#);
        check(b"[Infinity,-Infinity,-NaN,undefined]", "[null,null,null,null]");
        check(b"{\"a\": \"two\nlines\there\"}", r#"{"a": "two\nlines here"}"#);
        check(b"{\"a\": \"caf\xe9\"}", "{\"a\": \"caf\u{fffd}\"}");
        check(br#"{"a": "it\'s"}"#, r#"{"a": "it's"}"#);
        check(br#"{"a": [1, 2, ], }"#, r#"{"a": [1, 2 ] }"#);
        check(br#"{"a": "\u12"}"#, r#"{"a": "u12"}"#);
        check(br#"{"a\"NaN": NaN}"#, r#"{"a\"NaN": null}"#);
    }

    #[test]
    fn valid_or_unrepairable_bodies_stay() {
        for body in [&br#"{"a": "b\\\"c", "d": [1, -2e5, null]}"#[..], b"{\"a\"", b"", b"NaNs", b"Infinity2"] {
            assert_eq!(repair(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_bounded_and_valid_json_is_never_changed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(repaired) = repair(&bytes) {
                prop_assert!(repaired.len() <= bytes.len() * 4 && std::str::from_utf8(&repaired).is_ok());
            }
            let valid = serde_json::json!({"text": String::from_utf8_lossy(&bytes)}).to_string();
            prop_assert_eq!(repair(valid.as_bytes()), None);
        }
    }
}
