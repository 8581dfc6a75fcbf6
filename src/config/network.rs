//! Networks in settings: `10.0.0.0/8`, or a single address.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

/// Deserializes a list of networks, for `#[serde(deserialize_with)]`.
pub(super) fn list<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    texts.iter().map(|text| parse(text).ok_or_else(|| de::Error::custom(invalid_network(text)))).collect()
}

/// Parses a network; a single address is the network of only that address.
pub fn parse(text: &str) -> Option<IpNet> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn invalid_network(text: &str) -> String {
    format!("\"{text}\" is neither an address such as 10.0.0.5 nor a network such as 10.0.0.0/8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_addresses_and_networks_are_parsed() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse(text).map(|net| net.to_string()).as_deref(), expected, "{text}");
        };
        check("127.0.0.1", Some("127.0.0.1/32"));
        check("::1", Some("::1/128"));
        check(" 10.0.0.0/8 ", Some("10.0.0.0/8"));
        check("10.0.0.0/33", None);
        check("proxy.internal", None);
        check("", None);
    }
}
