//! Records of a database, nested as MaxMind's are or flat with a `country_code`.

use serde::Deserialize;

use crate::model::Place;

/// Both shapes of record at once; what a database does not have stays empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    #[serde(borrow)]
    country: Part<'a>,
    #[serde(borrow)]
    subdivisions: Vec<Part<'a>>,
    #[serde(borrow)]
    city: Part<'a>,
    #[serde(borrow)]
    state1: Option<&'a str>,
}

/// A named part of a nested record; flat databases have a text in its place.
#[derive(Debug, Default)]
struct Part<'a> {
    code: &'a str,
    name: &'a str,
}

impl<'de: 'a, 'a> Deserialize<'de> for Part<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Names<'a> {
            en: &'a str,
        }
        struct Either;
        impl<'de> serde::de::Visitor<'de> for Either {
            type Value = Part<'de>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a name or a map with names")
            }
            fn visit_borrowed_str<E: serde::de::Error>(self, name: &'de str) -> Result<Part<'de>, E> {
                Ok(Part { code: "", name })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Part<'de>, A::Error> {
                let mut part = Part::default();
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

pub(super) fn place(record: &Record<'_>) -> Place {
    let code = record.country_code.unwrap_or(record.country.code);
    let is_code = code.len() == 2 && code.bytes().all(|b| b.is_ascii_alphabetic());
    Place {
        country: if is_code { code.to_ascii_uppercase() } else { String::new() },
        region: record.subdivisions.first().map_or(record.state1.unwrap_or(""), |part| part.name).to_owned(),
        city: record.city.name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flat_records_are_read_too() {
        let read = |json: &'static str| place(&serde_json::from_str(json).unwrap());
        let flat = read(r#"{"country_code":"ir"}"#);
        assert_eq!((&*flat.country, &*flat.city), ("IR", ""));
        let city = read(r#"{"country_code":"DE","state1":"Berlin","city":"Berlin"}"#);
        assert_eq!([&*city.country, &*city.region, &*city.city], ["DE", "Berlin", "Berlin"]);
        assert_eq!(read(r#"{"country_code":"none"}"#), Place::default());
        assert_eq!(read("{}"), Place::default());
    }
}
