//! Offers: what a marketer shows to which visitors.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Rule, Timestamp};

/// Content shown in one slot to the visitors that a rule selects. Stored and edited as JSON in this form.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    /// Chosen by the marketer; letters, digits, `-`, `_`.
    pub id: String,
    /// Name shown to marketers.
    #[serde(default)]
    pub name: String,
    /// The slot it is for.
    pub slot: String,
    /// The eligible offer with the highest priority is shown; ties go by id.
    #[serde(default)]
    pub priority: i32,
    /// Switched on.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Who sees it; `{}` is everyone.
    #[serde(default)]
    pub when: Rule,
    /// Content fields: `title`, `text`, `url`, `image`, `cta` and the like; values are plain text.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub content: Map<String, Value>,
    /// Start time, inclusive.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub starts_at: Option<Timestamp>,
    /// End time, exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "moment")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ends_at: Option<Timestamp>,
}

impl Offer {
    /// The content field that the tracker inserts into a page as HTML.
    pub const HTML: &str = "html";

    /// Whether it has HTML that the tracker would insert into a page.
    #[must_use]
    pub fn carries_html(&self) -> bool {
        self.content.get(Self::HTML).is_some_and(|html| !html.is_null())
    }
}

const fn yes() -> bool {
    true
}

mod moment {
    //! Times of an offer are RFC 3339 texts.
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::Timestamp;

    #[expect(clippy::ref_option, reason = "the signature serde asks for")]
    pub fn serialize<S: Serializer>(value: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(|t| t.to_string()).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|t| Timestamp::parse_rfc3339(&t).ok_or_else(|| D::Error::custom("not an RFC 3339 time"))).transpose()
    }
}
