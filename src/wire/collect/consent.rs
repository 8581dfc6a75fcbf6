//! Consent as sent by trackers and consent managers.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::text::lenient;

/// Consent by purpose; `None` if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Consent {
    /// Consent to analytics under a visitor id.
    pub analytics: Option<bool>,
    /// Consent to personalization.
    pub personalization: Option<bool>,
}

impl Consent {
    /// Fills unknown purposes from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            analytics: self.analytics.or(other.analytics),
            personalization: self.personalization.or(other.personalization),
        }
    }

    /// Returns whether all purposes are unknown.
    #[must_use]
    pub fn is_unknown(self) -> bool {
        self == Self::default()
    }
}

/// Category names of consent managers by purpose. The `c000…` are the ids of performance and functional cookies in
/// `OneTrust`.
const ANALYTICS: [&str; 5] = ["analytics", "performance", "statistics", "measurement", "c0002"];
const PERSONALIZATION: [&str; 6] =
    ["personalization", "personalisation", "personalized", "functional", "preferences", "c0003"];

/// Parses Segment's `context.consent`: `{"categoryPreferences": {"Analytics": true, "Functional": false}}`.
/// Other categories are ignored; if several belong to one purpose, all must be granted.
pub(super) fn from_context<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Consent, D::Error> {
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
                let mut consent = Consent::default();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    let is_one_of = |known: &[&str]| known.iter().any(|k| k.eq_ignore_ascii_case(name.trim()));
                    let purpose = if is_one_of(&ANALYTICS) {
                        &mut consent.analytics
                    } else if is_one_of(&PERSONALIZATION) {
                        &mut consent.personalization
                    } else {
                        members.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    // Only a plain `true` grants anything.
                    let granted = members.next_value::<&RawValue>()?.get() == "true";
                    *purpose = Some(purpose.unwrap_or(true) && granted);
                }
                Ok(Categories(consent))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_of_consent_managers_map_to_purposes() {
        #[derive(Deserialize)]
        struct Holder {
            #[serde(deserialize_with = "from_context")]
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
        for unknown in ["null", "true", "[]", "{}", r#"{"categoryPreferences":[]}"#, r#"{"categoryPreferences":null}"#]
        {
            check(unknown, None, None);
        }
    }
}
