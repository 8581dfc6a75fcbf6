//! Bodies that are almost JSON, as clients really write them.
//!
//! Python writes `NaN` and `Infinity`, PHP escapes what needs no escape, old systems send Latin-1 and raw line breaks
//! within strings. Strict JSON would refuse the whole batch for one such value. Only what a strict reader has refused
//! comes here, so that ordinary bodies pay nothing.

/// What a number that JSON cannot hold is read as.
const NULL: &[u8] = b"null";
/// Words that JavaScript and Python write where JSON has none.
const NO_VALUES: [&[u8]; 5] = [b"NaN", b"-NaN", b"Infinity", b"-Infinity", b"undefined"];

/// The body with such values made JSON, or `None` when there was nothing to mend. Numbers that are none become
/// `null`, raw control characters are escaped, bytes that are no UTF-8 become the replacement character, needless
/// escapes and trailing commas go. At most four times as long.
#[must_use]
pub fn repaired(body: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(body);
    let bytes = text.as_bytes();
    let mut mended = Vec::with_capacity(bytes.len() + bytes.len() / 8);
    let (mut at, mut in_string) = (0, false);
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let (written, length): (&[u8], usize) = match byte {
            b'"' => {
                in_string = !in_string;
                (&rest[..1], 1)
            }
            b'\\' if in_string => escape(rest),
            // Written with an escape, and read as the space that it is to people.
            0..=0x1f if in_string => (if matches!(byte, b'\n') { b"\\n" } else { b" " }, 1),
            _ if in_string => (&rest[..1], 1),
            b',' if ends_behind(&rest[1..]) => (b"", 1),
            b'N' | b'I' | b'u' | b'-' => {
                let found = NO_VALUES.iter().find(|word| {
                    rest.starts_with(word) && !rest.get(word.len()).is_some_and(u8::is_ascii_alphanumeric)
                });
                found.map_or((&rest[..1], 1), |word| (NULL, word.len()))
            }
            _ => (&rest[..1], 1),
        };
        mended.extend_from_slice(written);
        at += length;
    }
    (mended != body).then_some(mended)
}

/// An escape as JSON has it; of one that it does not have, the character alone.
fn escape(rest: &[u8]) -> (&[u8], usize) {
    match rest.get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => (&rest[..2], 2),
        Some(b'u') if rest.get(2..6).is_some_and(|four| four.iter().all(u8::is_ascii_hexdigit)) => (&rest[..6], 6),
        _ => (b"", 1),
    }
}

/// Whether a list or object ends here, so that the comma before it separates nothing.
fn ends_behind(rest: &[u8]) -> bool {
    rest.iter().find(|byte| !byte.is_ascii_whitespace()).is_some_and(|byte| matches!(byte, b']' | b'}'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_clients_write_becomes_json() {
        let check = |body: &[u8], expected: &str| {
            let mended = repaired(body).unwrap();
            assert_eq!(String::from_utf8(mended.clone()).unwrap(), expected);
            serde_json::from_slice::<serde_json::Value>(&mended).unwrap();
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
    fn what_is_json_or_hopeless_stays() {
        for body in [&br#"{"a": "b\\\"c", "d": [1, -2e5, null]}"#[..], b"{\"a\"", b"", b"NaNs", b"Infinity2"] {
            assert_eq!(repaired(body), None, "{body:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_bounded_and_valid_json_is_never_changed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(mended) = repaired(&bytes) {
                prop_assert!(mended.len() <= bytes.len() * 4 && std::str::from_utf8(&mended).is_ok());
            }
            let valid = serde_json::json!({"text": String::from_utf8_lossy(&bytes)}).to_string();
            prop_assert_eq!(repaired(valid.as_bytes()), None);
        }
    }
}
