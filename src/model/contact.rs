//! The channel of a contact between a person and the site.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// Costs of one contact by channel, minor units.
pub type ContactCosts = BTreeMap<ContactChannel, i64>;

/// Where a contact took place; not to be confused with the traffic channel of a visit. Stored by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ContactChannel {
    /// The site's pages.
    Web,
    /// The site's app.
    App,
    /// E-mail.
    Email,
    /// Text messages.
    Sms,
    /// Notifications of an app or browser.
    Push,
    /// The telephone.
    CallCentre,
    /// A shop that the person visited.
    Shop,
}

impl ContactChannel {
    /// Parses a name in any case, with or without separators, in either spelling.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 20 {
            return None;
        }
        let letters: String = text.chars().filter(|c| c.is_alphabetic()).map(|c| c.to_ascii_lowercase()).collect();
        Some(match letters.as_str() {
            "web" => Self::Web,
            "app" => Self::App,
            "email" => Self::Email,
            "sms" => Self::Sms,
            "push" => Self::Push,
            "callcentre" | "callcenter" => Self::CallCentre,
            "shop" => Self::Shop,
            _ => return None,
        })
    }

    /// Name as stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_are_parsed_in_every_spelling() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(ContactChannel::parse(text).map(ContactChannel::as_str), expected, "{text}");
        };
        check("call_centre", Some("call_centre"));
        check("Call-Center", Some("call_centre"));
        check("E-Mail", Some("email"));
        check("SMS", Some("sms"));
        check("", None);
        check("carrier pigeon", None);
    }
}
