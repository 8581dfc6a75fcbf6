//! What a visitor agreed to, as trackers and consent managers say it.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::text::lenient;

/// What the visitor agreed to; `None` where nothing was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// Being counted under an id.
    pub analytics: Option<bool>,
    /// Being answered personally.
    pub personalization: Option<bool>,
}

impl Consent {
    /// What is said here, and `other` where nothing is.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            analytics: self.analytics.or(other.analytics),
            personalization: self.personalization.or(other.personalization),
        }
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_silent(self) -> bool {
        self == Self::default()
    }
}

/// Names of the categories that consent managers use, by purpose. The `c000…` are the ids that a
/// widespread one, `OneTrust`, gives to performance and functional cookies.
const ANALYTICS: [&str; 5] = ["analytics", "performance", "statistics", "measurement", "c0002"];
const PERSONALIZATION: [&str; 6] =
    ["personalization", "personalisation", "personalized", "functional", "preferences", "c0003"];

/// Reads Segment's `context.consent`: `{"categoryPreferences": {"Analytics": true, "Functional": false}}`.
/// Categories of other names say nothing here; where several stand for one purpose all must agree.
pub(super) fn of_context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Consent, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Context {
        #[serde(deserialize_with = "lenient")]
        category_preferences: Categories,
    }
    lenient::<_, Context>(deserializer).map(|context| context.category_preferences.0)
}

#[derive(Default)]
struct Categories(Consent);

impl<'de> Deserialize<'de> for Categories {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Categories;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("categories by name")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Categories, A::Error> {
                let mut said = Consent::default();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    let is_one_of = |known: &[&str]| known.iter().any(|k| k.eq_ignore_ascii_case(name.trim()));
                    let purpose = if is_one_of(&ANALYTICS) {
                        &mut said.analytics
                    } else if is_one_of(&PERSONALIZATION) {
                        &mut said.personalization
                    } else {
                        members.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    // Only a plain `true` grants anything.
                    let granted = members.next_value::<&RawValue>()?.get() == "true";
                    *purpose = Some(purpose.unwrap_or(true) && granted);
                }
                Ok(Categories(said))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_of_consent_managers_stand_for_purposes() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(deserialize_with = "of_context")]
            consent: Consent,
        }
        let check = |consent: &str, analytics: Option<bool>, personalization: Option<bool>| {
            let holder: Holder = serde_json::from_str(&format!("{{\"consent\":{consent}}}")).unwrap();
            assert_eq!(holder.consent, Consent { analytics, personalization }, "{consent}");
        };
        check(r#"{"categoryPreferences":{"Analytics":true,"Functional":false}}"#, Some(true), Some(false));
        check(r#"{"categoryPreferences":{"Advertising":true,"DataSharing":false}}"#, None, None);
        check(r#"{"categoryPreferences":{"C0002":false,"C0003":true,"C0004":false}}"#, Some(false), Some(true));
        check(r#"{"categoryPreferences":{"analytics":true,"PERFORMANCE":false}}"#, Some(false), None);
        check(r#"{"categoryPreferences":{"performance":false,"analytics":true}}"#, Some(false), None);
        check(r#"{"categoryPreferences":{"analytics":"yes","functional":1}}"#, Some(false), Some(false));
        check(r#"{"categoryPreferences":{"\u0041nalytics":true}}"#, Some(true), None);
        for silent in ["null", "true", "[]", "{}", r#"{"categoryPreferences":[]}"#, r#"{"categoryPreferences":null}"#] {
            check(silent, None, None);
        }
    }
}
