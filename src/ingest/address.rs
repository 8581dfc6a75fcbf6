//! Parses a visitor's IP address as backends forward it.

use std::net::{IpAddr, SocketAddr};

/// Parses an address alone, with a port, in brackets, mapped from IPv4, with a zone, or the first of a list as in
/// `X-Forwarded-For`. `None` if it is not an address.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next()?.trim().trim_matches('"');
    let without_zone = |text: &str| text.split('%').next().unwrap_or(text).to_owned();
    first
        .parse::<IpAddr>()
        .ok()
        .or_else(|| first.parse::<SocketAddr>().ok().map(|address| address.ip()))
        .or_else(|| without_zone(first.strip_prefix('[')?.split(']').next()?).parse().ok())
        .or_else(|| without_zone(first).parse().ok())
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_parsed_in_all_forms() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(parse(text), expected.map(|text| text.parse().unwrap()), "{text}");
        };
        check("81.2.69.142", Some("81.2.69.142"));
        check("81.2.69.142:40022", Some("81.2.69.142"));
        check(" 8.8.8.8, 10.0.0.1", Some("8.8.8.8"));
        check("::ffff:81.2.69.142", Some("81.2.69.142"));
        check("[2001:db8::1]:443", Some("2001:db8::1"));
        check("[2001:db8::1]", Some("2001:db8::1"));
        check("fe80::1%eth0", Some("fe80::1"));
        check("\"[2001:db8::1]:443\"", Some("2001:db8::1"));
        check("unknown", None);
        check("", None);
    }
}
