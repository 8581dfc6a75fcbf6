//! Look-up of a person by systems of contact centres and shops.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{admin::VisitorBody, reports::Moment};

/// By what a person is looked up: exactly one.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CustomerLookup {
    /// The site's user id.
    pub user_id: Option<String>,
    /// SHA-256 of the e-mail address, trimmed and in lower case, hexadecimal.
    pub email_sha256: Option<String>,
    /// SHA-256 of the phone number's digits with a leading `+` if it has a country code, hexadecimal.
    pub phone_sha256: Option<String>,
}

/// A valid look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LookupBy {
    /// By user id.
    UserId(String),
    /// By hash of the e-mail address.
    EmailHash(String),
    /// By hash of the phone number.
    PhoneHash(String),
}

impl CustomerLookup {
    /// Validates it.
    ///
    /// # Errors
    /// What to fix, in one line.
    pub fn check(self) -> Result<LookupBy, &'static str> {
        let Self { user_id, email_sha256, phone_sha256 } = self;
        let by = match (user_id, email_sha256, phone_sha256) {
            (Some(id), None, None) => LookupBy::UserId(id),
            (None, Some(hash), None) => LookupBy::EmailHash(hash.to_ascii_lowercase()),
            (None, None, Some(hash)) => LookupBy::PhoneHash(hash.to_ascii_lowercase()),
            _ => return Err("one of `user_id`, `email_sha256`, `phone_sha256` is needed"),
        };
        let fits = match &by {
            LookupBy::UserId(id) => !id.is_empty() && id.len() <= 1000,
            LookupBy::EmailHash(hash) | LookupBy::PhoneHash(hash) => {
                hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            }
        };
        if fits { Ok(by) } else { Err("a hash has 64 hexadecimal digits, a user id 1 to 1000 bytes") }
    }
}

/// Everything known of a person.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerBody {
    /// The profile, as under `visitors/{visitor}`.
    #[serde(flatten)]
    pub profile: VisitorBody,
    /// The latest contacts over channels other than the web, newest first.
    pub contacts: Vec<ContactBody>,
}

/// One contact.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContactBody {
    /// Time of the contact.
    pub at: Moment,
    /// Event name.
    pub event: String,
    /// `app`, `email`, `sms`, `push`, `call_centre` or `shop`.
    pub channel: String,
    /// Properties as sent.
    #[schema(value_type = std::collections::HashMap<String, serde_json::Value>)]
    pub properties: Box<RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_one_valid_key_is_needed() {
        let check = |json: &str, expected: bool| {
            let lookup: CustomerLookup = serde_json::from_str(json).unwrap();
            assert_eq!(lookup.check().is_ok(), expected, "{json}");
        };
        check(r#"{"user_id":"u-1"}"#, true);
        check(&format!(r#"{{"email_sha256":"{}"}}"#, "aB".repeat(32)), true);
        check(&format!(r#"{{"phone_sha256":"{}"}}"#, "a".repeat(63)), false);
        check(r#"{"user_id":""}"#, false);
        check("{}", false);
        check(r#"{"user_id":"a","email_sha256":"b"}"#, false);
    }
}
