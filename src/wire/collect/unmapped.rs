//! Fields of an event that no column stores; they are kept with the properties.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// Members of the context that have a column or are read elsewhere. An IP address is never kept.
const MAPPED: [&str; 12] = [
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

/// The unmapped fields of an event.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct UnmappedFields<'a> {
    /// The whole context; see [`UnmappedContext`].
    #[serde(borrow)]
    pub context: Option<&'a RawValue>,
    /// Which destinations the event was meant for.
    #[serde(borrow)]
    pub integrations: Option<&'a RawValue>,
}

/// The members of a context that no column stores, without empty ones, as JSON by name.
#[derive(Debug, Default)]
pub struct UnmappedContext<'a>(pub BTreeMap<Cow<'a, str>, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for UnmappedContext<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = UnmappedContext<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut kept = BTreeMap::new();
                while let Some(Name(name)) = map.next_key()? {
                    // Most contexts have no other members, so that nothing is allocated for them.
                    if MAPPED.contains(&&*name) {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                    let value: &RawValue = map.next_value()?;
                    if !matches!(value.get(), "null" | "{}" | "[]" | "\"\"") {
                        kept.insert(name, value);
                    }
                }
                Ok(UnmappedContext(kept))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A member's name, which borrows unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }
            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}
