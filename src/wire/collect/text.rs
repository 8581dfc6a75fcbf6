//! Scalars as real clients send them: ids as numbers, times as milliseconds or strings, emojis cut in half.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use crate::model::Timestamp;

/// A string that borrows from the body unless it has escapes. Numbers and booleans are kept as their JSON text; null,
/// arrays and objects are empty. A lone surrogate becomes the replacement character.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'a> Text<'a> {
    /// Reads one JSON value as text.
    #[must_use]
    pub fn from_json(raw: &'a RawValue) -> Self {
        let json = raw.get();
        Self(match json.as_bytes().first() {
            Some(b'"') => {
                let inner = json.get(1..json.len() - 1).unwrap_or_default();
                if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
                    Cow::Borrowed(inner)
                } else {
                    Cow::Owned(serde_json::from_str::<Unescaped>(json).map_or_else(|_| String::new(), |text| text.0))
                }
            }
            Some(b'{' | b'[' | b'n') | None => Cow::Borrowed(""),
            Some(_) => Cow::Borrowed(json),
        })
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the text is empty or was not sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns this text, or `other` if it is empty.
    #[must_use]
    pub fn or<'t>(&'t self, other: &'t Self) -> &'t Self {
        if self.is_empty() { other } else { self }
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Cow::Borrowed(text))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(Self::from_json)
    }
}

/// A JSON string with its escapes resolved; parsed as bytes because only then does serde accept lone surrogates.
struct Unescaped(String);

impl<'de> Deserialize<'de> for Unescaped {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl<'de> Visitor<'de> for Bytes {
            type Value = Unescaped;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Unescaped, E> {
                let mut text = String::with_capacity(bytes.len());
                for chunk in bytes.utf8_chunks() {
                    text.push_str(chunk.valid());
                    // Only lone surrogates are invalid here: three bytes that start with 0xed.
                    if chunk.invalid().first() == Some(&0xed) {
                        text.push(char::REPLACEMENT_CHARACTER);
                    }
                }
                Ok(Unescaped(text))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Unescaped, A::Error> {
                Err(A::Error::custom("a string is expected"))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// A time as sent by a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientTime {
    /// Not sent.
    #[default]
    Absent,
    /// A time that could be parsed.
    At(Timestamp),
    /// Sent, but not a time.
    Unreadable,
}

impl ClientTime {
    /// Parses RFC 3339, other forms of ISO 8601 (only a date, no colons, a space before the offset), RFC 2822, and Unix
    /// time in seconds, milliseconds, microseconds or nanoseconds, distinguished by magnitude. Without an offset, UTC is
    /// assumed.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Absent;
        }
        Timestamp::parse_rfc3339(text)
            .or_else(|| unix_time(text))
            .or_else(|| civil(text))
            .or_else(|| with_offset(text))
            .map_or(Self::Unreadable, Self::At)
    }

    /// Returns the time, if one was sent and could be parsed.
    #[must_use]
    pub const fn known(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

/// Parses Unix time; the magnitude determines the unit. Values below 10^11 are seconds: as milliseconds they would lie
/// before 1973.
fn unix_time(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    // `20261130` is a date without dashes.
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || (whole.len() == 8 && whole.starts_with("20")) {
        return None;
    }
    Some(Timestamp(match number.unsigned_abs() {
        0..100_000_000_000 => {
            let thousandths = format!("{fraction:0<3}").get(..3)?.parse::<i64>().ok()?;
            number.checked_mul(1000)?.checked_add(thousandths * number.signum())?
        }
        100_000_000_000..100_000_000_000_000 => number,
        100_000_000_000_000..100_000_000_000_000_000 => number / 1000,
        _ => number / 1_000_000,
    }))
}

/// Parses a date, or a date and time, without an offset; UTC is assumed.
fn civil(text: &str) -> Option<Timestamp> {
    let at: jiff::civil::DateTime = text.parse().ok()?;
    Some(Timestamp(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()))
}

/// Parses `2026-11-30 08:00:00 +0200`, and RFC 2822.
fn with_offset(text: &str) -> Option<Timestamp> {
    let ms = |at: jiff::Timestamp| Timestamp(at.as_millisecond());
    if let Ok(zoned) = jiff::fmt::rfc2822::parse(text) {
        return Some(ms(zoned.timestamp()));
    }
    let utc = text.strip_suffix("UTC").or_else(|| text.strip_suffix("GMT")).map(|rest| format!("{}Z", rest.trim_end()));
    let joined = utc.unwrap_or_else(|| {
        let offset = text.rfind([' ']).filter(|at| text[at + 1..].starts_with(['+', '-']));
        offset.map_or_else(|| text.to_owned(), |at| format!("{}{}", &text[..at], &text[at + 1..]))
    });
    joined.parse().ok().map(ms)
}

impl<'de> Deserialize<'de> for ClientTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let structured = raw.get().starts_with(['{', '[', 't', 'f']);
        Ok(if structured { Self::Unreadable } else { Self::parse(Text::from_json(raw).as_str()) })
    }
}

/// Parses a value, or returns its default if it has an unexpected type: an invalid `context.screen` must not lose an
/// order.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// How nested objects of a body are parsed.
pub(super) trait ParseMode {
    /// Parses a value, or returns its default.
    fn read<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error>;
}

/// Together with the surrounding object, in a single pass. Can fail where [`Lenient`] does not.
pub(super) enum SinglePass {}

/// In a separate pass for each object, so that an unreadable one does not affect the others.
pub(super) enum Lenient {}

impl ParseMode for SinglePass {
    fn read<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
        nested(deserializer)
    }
}

impl ParseMode for Lenient {
    fn read<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
        lenient(deserializer)
    }
}

/// A `T` that is parsed in mode `R`.
pub(super) struct ParseWith<R, T>(pub T, PhantomData<R>);

impl<R, T: Default> Default for ParseWith<R, T> {
    fn default() -> Self {
        Self(T::default(), PhantomData)
    }
}

impl<'de, R: ParseMode, T: Deserialize<'de> + Default> Deserialize<'de> for ParseWith<R, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        R::read(deserializer).map(|value| Self(value, PhantomData))
    }
}

/// Parses an object in the same pass as the surrounding object; a value of another type becomes the default. Errors
/// that remain, such as a lone surrogate in a key, make the surrounding object fail: use it only inside objects that
/// are parsed leniently.
pub(super) fn nested<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    struct Shape<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Shape<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a value")
        }
        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<T, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(T::default())
        }
        fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
            Ok(T::default())
        }
        fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
            Ok(T::default())
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
            Ok(T::default())
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
            Ok(T::default())
        }
        fn visit_str<E: Error>(self, _: &str) -> Result<T, E> {
            Ok(T::default())
        }
        fn visit_unit<E: Error>(self) -> Result<T, E> {
            Ok(T::default())
        }
    }
    deserializer.deserialize_any(Shape(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_scalar_is_read_as_text() {
        let check = |json: &str, expected: &str| {
            let text: Text<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(text.as_str(), expected, "{json}");
        };
        check(r#""plain""#, "plain");
        check(r#""a\"b\né""#, "a\"b\né");
        check(r#""cut \ud83d""#, "cut \u{fffd}");
        check(r#""\udc00\ud83d☕ \ud83d\ude00""#, "\u{fffd}\u{fffd}☕ 😀");
        check(r#""nul \u0000""#, "nul \0");
        check("12345678901234567890123", "12345678901234567890123");
        check("true", "true");
        check("null", "");
        check(r#"{"a":1}"#, "");
        check("[1]", "");
    }

    #[test]
    fn plain_texts_are_not_copied() {
        let text: Text<'_> = serde_json::from_str(r#""plain""#).unwrap();
        assert!(matches!(text.0, Cow::Borrowed(_)));
    }

    #[test]
    fn times_are_parsed_in_every_format_that_clients_send() {
        let check = |text: &str, expected: &str| {
            let at = jiff::Timestamp::from_millisecond(ClientTime::parse(text).known().expect(text).0).unwrap();
            assert_eq!(at.to_string(), expected, "{text}");
        };
        check("1788854400", "2026-09-08T08:00:00Z");
        check("1788854400.25", "2026-09-08T08:00:00.25Z");
        check("1788854400000", "2026-09-08T08:00:00Z");
        check("1788854400000000", "2026-09-08T08:00:00Z");
        check("1788854400000000000", "2026-09-08T08:00:00Z");
        check("2026-11-01", "2026-11-01T00:00:00Z");
        check("20261101", "2026-11-01T00:00:00Z");
        check("20261130T080000Z", "2026-11-30T08:00:00Z");
        check("2026-11-30T08:00:00.000+0000", "2026-11-30T08:00:00Z");
        check("2026-11-30 08:00:00 +0200", "2026-11-30T06:00:00Z");
        check("2026-11-30 08:00:00+02", "2026-11-30T06:00:00Z");
        check("2026-11-30 08:00:00", "2026-11-30T08:00:00Z");
        check("2026-11-30 08:00:00 UTC", "2026-11-30T08:00:00Z");
        check("Mon, 30 Nov 2026 08:00:00 +0200", "2026-11-30T06:00:00Z");
        check("Mon, 30 Nov 2026 08:00:00 GMT", "2026-11-30T08:00:00Z");
    }

    #[test]
    fn times_are_strings_or_milliseconds() {
        let check = |json: &str, expected: ClientTime| {
            assert_eq!(serde_json::from_str::<ClientTime>(json).unwrap(), expected, "{json}");
        };
        let at = ClientTime::At(Timestamp(1_763_798_400_250));
        check("1763798400250", at);
        check("1763798400250.75", at);
        check(r#""1763798400250""#, at);
        check(r#""2025-11-22T08:00:00.250Z""#, at);
        check(r#""2025-11-22T11:30:00.250+03:30""#, at);
        check(r#""2025-11-22T08:00:00.250""#, at);
        check("null", ClientTime::Absent);
        check(r#""""#, ClientTime::Absent);
        check(r#""yesterday""#, ClientTime::Unreadable);
        check("{}", ClientTime::Unreadable);
        check(r#""11/22/2025""#, ClientTime::Unreadable);
        check("1e3", ClientTime::Unreadable);
    }
}
