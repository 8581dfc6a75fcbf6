//! Scalars as clients really send them: an id as a number, a time as milliseconds or as text, an emoji cut in half.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::value::RawValue;

use crate::model::Timestamp;

/// A text that borrows from the body unless it holds escapes. A number or a boolean is its own
/// text; null, arrays and objects are empty. Half a surrogate pair becomes the replacement character.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text<'a>(pub Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text of one JSON value.
    #[must_use]
    pub fn of_json(raw: &'a RawValue) -> Self {
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

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text itself, or `other` when nothing was sent.
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
        <&'de RawValue>::deserialize(deserializer).map(Self::of_json)
    }
}

/// A JSON string without its escapes; read as bytes because only so are lone surrogates let through.
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
                    // Only lone surrogates are invalid here: three bytes, of which the first is this.
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

/// A moment as a client gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Moment {
    /// None was sent.
    #[default]
    Absent,
    /// RFC 3339 text or milliseconds since 1970.
    At(Timestamp),
    /// Something was sent that is no moment.
    Unreadable,
}

impl Moment {
    /// Reads RFC 3339, a date and time without offset (taken as UTC), or epoch milliseconds.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            return Self::Absent;
        }
        let milliseconds = text.split_once('.').map_or(text, |(whole, _)| whole);
        if let Ok(ms) = milliseconds.parse::<i64>() {
            return Self::At(Timestamp(ms));
        }
        Timestamp::parse_rfc3339(text)
            .or_else(|| {
                let civil: jiff::civil::DateTime = text.contains(':').then(|| text.parse().ok())??;
                Some(Timestamp(civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond()))
            })
            .map_or(Self::Unreadable, Self::At)
    }

    /// The moment, if one was sent and understood.
    #[must_use]
    pub const fn known(self) -> Option<Timestamp> {
        match self {
            Self::At(at) => Some(at),
            Self::Absent | Self::Unreadable => None,
        }
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let structured = raw.get().starts_with(['{', '[', 't', 'f']);
        Ok(if structured { Self::Unreadable } else { Self::parse(Text::of_json(raw).as_str()) })
    }
}

/// Reads a value, or its default when it has another shape than expected: a wrong `context.screen`
/// is no reason to lose an order.
pub(super) fn lenient<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    let raw = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

/// How the objects inside of a body are read.
pub(super) trait Reading {
    /// Reads one, or its default.
    fn read<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error>;
}

/// In one walk with what is around them. Fails where [`Forgiving`] may not.
pub(super) enum InPlace {}

/// In a walk of their own, so that one that cannot be read costs nothing but itself.
pub(super) enum Forgiving {}

impl Reading for InPlace {
    fn read<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
        nested(deserializer)
    }
}

impl Reading for Forgiving {
    fn read<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
        lenient(deserializer)
    }
}

/// A `T` that is read the way `R`.
pub(super) struct Via<R, T>(pub T, PhantomData<R>);

impl<R, T: Default> Default for Via<R, T> {
    fn default() -> Self {
        Self(T::default(), PhantomData)
    }
}

impl<'de, R: Reading, T: Deserialize<'de> + Default> Deserialize<'de> for Via<R, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        R::read(deserializer).map(|value| Self(value, PhantomData))
    }
}

/// Reads an object in place, without a second walk; a value of another shape is its default, likewise. What
/// cannot be read even so, such as a name with half a character in it, costs the object around it: use it
/// inside of what is read leniently.
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
    fn texts_are_taken_from_any_scalar() {
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
    fn moments_are_text_or_milliseconds() {
        let check = |json: &str, expected: Moment| {
            assert_eq!(serde_json::from_str::<Moment>(json).unwrap(), expected, "{json}");
        };
        let at = Moment::At(Timestamp(1_763_798_400_250));
        check("1763798400250", at);
        check("1763798400250.75", at);
        check(r#""1763798400250""#, at);
        check(r#""2025-11-22T08:00:00.250Z""#, at);
        check(r#""2025-11-22T11:30:00.250+03:30""#, at);
        check(r#""2025-11-22T08:00:00.250""#, at);
        check("null", Moment::Absent);
        check(r#""""#, Moment::Absent);
        check(r#""yesterday""#, Moment::Unreadable);
        check(r#""2025-11-22""#, Moment::Unreadable);
        check("{}", Moment::Unreadable);
        check("1e3", Moment::Unreadable);
    }
}
