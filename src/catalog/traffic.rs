//! Validation of the traffic that a site leaves out.

use ipnet::IpNet;
use url::Url;

use super::CatalogError;
use crate::{config, model::TrafficFilters};

/// Networks, or single addresses, without repeats.
pub(super) fn checked_networks(texts: &[String]) -> Result<Vec<IpNet>, CatalogError> {
    checked(texts, |text| {
        let network = config::parse_network(text).map(|network| network.trunc());
        network.filter(|network| network.prefix_len() > 0).ok_or_else(|| {
            invalid(&format!("`ignored_networks`: `{}` is no address or network such as 192.0.2.0/24", shown(text)))
        })
    })
}

/// Host names as referrers have them; a whole URL is taken for its host.
pub(super) fn checked_hosts(texts: &[String]) -> Result<Vec<String>, CatalogError> {
    checked(texts, |text| {
        let text = text.trim();
        let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("https://{text}")) };
        let host = url.ok().and_then(|url| {
            let host = url.host_str()?.trim_end_matches('.');
            Some(host.strip_prefix("www.").unwrap_or(host).to_owned())
        });
        // A suffix such as `com` would leave out nearly everything.
        host.filter(|host| host.contains(['.', ':']) && host.len() <= 253).ok_or_else(|| {
            invalid(&format!("`ignored_referrers`: `{}` is no host name such as pay.bank.example", shown(text)))
        })
    })
}

fn checked<T: PartialEq>(
    texts: &[String],
    check: impl Fn(&str) -> Result<T, CatalogError>,
) -> Result<Vec<T>, CatalogError> {
    if texts.len() > TrafficFilters::LENGTH_MAX {
        return Err(invalid("at most 100 networks and 100 referrers are left out"));
    }
    let mut all = Vec::with_capacity(texts.len());
    for text in texts {
        let value = check(text)?;
        if !all.contains(&value) {
            all.push(value);
        }
    }
    Ok(all)
}

fn invalid(message: &str) -> CatalogError {
    CatalogError::Invalid(message.to_owned())
}

/// What was entered, short and printable.
fn shown(text: &str) -> String {
    text.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn networks_are_addresses_or_prefixes() {
        let networks = checked_networks(&texts(&["192.0.2.7", "10.1.2.3/16", "10.1.0.0/16", "2001:db8::/32"])).unwrap();
        let networks: Vec<_> = networks.iter().map(ToString::to_string).collect();
        assert_eq!(networks, ["192.0.2.7/32", "10.1.0.0/16", "2001:db8::/32"]);
        for wrong in ["", "office", "10.0.0.0/33", "0.0.0.0/0", "::/0"] {
            let message = checked_networks(&texts(&[wrong])).unwrap_err().to_string();
            assert!(message.contains(&format!("`{wrong}`")), "{message}");
        }
        assert!(checked_networks(&vec!["10.0.0.1".to_owned(); 101]).is_err());
    }

    #[test]
    fn referrers_are_hosts_as_they_are_stored() {
        let hosts = checked_hosts(&texts(&["https://www.Pay.Example/a?b", "bank.example.", "بانک.example"])).unwrap();
        assert_eq!(hosts, ["pay.example", "bank.example", "xn--mgbb5gwr.example"]);
        for wrong in ["", "com", "a b.example", "https://"] {
            assert!(checked_hosts(&texts(&[wrong])).is_err(), "{wrong}");
        }
    }
}
