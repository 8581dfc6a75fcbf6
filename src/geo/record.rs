//! Records of a location database: nested as in MaxMind's, or flat with a `country_code`.

use serde::Deserialize;

use crate::model::GeoLocation;

/// Fields of both formats; missing ones stay empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: NamedPart<'a>,
    #[serde(borrow)]
    subdivisions: Vec<NamedPart<'a>>,
    #[serde(borrow)]
    city: NamedPart<'a>,
    #[serde(borrow)]
    state1: Option<&'a str>,
}

/// A named part of a nested record, or a text in flat databases.
#[derive(Debug, Default)]
struct NamedPart<'a> {
    code: &'a str,
    name: &'a str,
}

impl<'de: 'a, 'a> Deserialize<'de> for NamedPart<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Names<'a> {
            en: &'a str,
        }
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = NamedPart<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name or a map with names")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<NamedPart<'de>, E> {
                Ok(NamedPart { code: "", name })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<NamedPart<'de>, A::Error> {
                let mut part = NamedPart::default();
                while let Some(key) = map.next_key::<&str>()? {
                    match key {
                        "iso_code" => part.code = map.next_value()?,
                        "names" => part.name = map.next_value::<Names<'de>>()?.en,
                        _ => {
                            map.next_value::<serde::de::IgnoredAny>()?;
                        }
                    }
                }
                Ok(part)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

pub(super) fn to_location(record: &Record<'_>) -> GeoLocation {
    let code = record.country_code.unwrap_or(record.country.code);
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic());
    GeoLocation {
        country: if is_code { code.to_ascii_uppercase() } else { String::new() },
        region: record.subdivisions.first().map_or(record.state1.unwrap_or(""), |part| part.name).to_owned(),
        city: record.city.name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_records_are_parsed() {
        let read = |json: &'static str| to_location(&serde_json::from_str(json).unwrap());
        let flat = read(r#"{"country_code":"ir"}"#);
        assert_eq!((&*flat.country, &*flat.city), ("IR", ""));
        let city = read(r#"{"country_code":"DE","state1":"Berlin","city":"Berlin"}"#);
        assert_eq!([&*city.country, &*city.region, &*city.city], ["DE", "Berlin", "Berlin"]);
        assert_eq!(read(r#"{"country_code":"none"}"#), GeoLocation::default());
        assert_eq!(read("{}"), GeoLocation::default());
    }
}
