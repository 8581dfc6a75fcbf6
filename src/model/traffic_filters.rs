//! Traffic that a site leaves out of its figures, or joins.

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// Traffic filters of a site. The field names are those in the control database.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficFilters {
    /// Networks whose events are dropped and counted, such as the site's own offices.
    pub ignored_networks: Vec<IpNet>,
    /// Hosts, with their subdomains, that are no source of a visit, such as a payment page from which buyers return.
    /// Without `www.`, lower case.
    pub ignored_referrers: Vec<String>,
    /// Whether `/path/` is stored as `/path`.
    pub join_trailing_slashes: bool,
}

impl TrafficFilters {
    /// Largest number of networks, and of referrers.
    pub const LENGTH_MAX: usize = 100;

    /// Whether a referrer's host (without `www.`) is no source of a visit.
    #[must_use]
    pub fn ignores_referrer(&self, host: &str) -> bool {
        self.ignored_referrers.iter().any(|ignored| {
            host.strip_suffix(ignored.as_str()).is_some_and(|label| label.is_empty() || label.ends_with('.'))
        })
    }

    /// The path of a page as it is stored.
    #[must_use]
    pub fn joined<'p>(&self, path: &'p str) -> &'p str {
        let trimmed = path.trim_end_matches('/');
        if self.join_trailing_slashes && !trimmed.is_empty() { trimmed } else { path }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referrer_is_ignored_with_its_subdomains() {
        let filters = TrafficFilters { ignored_referrers: vec!["bank.example".into()], ..TrafficFilters::default() };
        let check = |host, expected| assert_eq!(filters.ignores_referrer(host), expected, "{host}");
        check("bank.example", true);
        check("pay.bank.example", true);
        check("mybank.example", false);
        check("bank.example.org", false);
        check("", false);
    }

    #[test]
    fn slashes_are_joined_if_wished_and_the_root_stays() {
        let joining = TrafficFilters { join_trailing_slashes: true, ..TrafficFilters::default() };
        assert_eq!(["/", "/a/", "/a//", "/a", ""].map(|path| joining.joined(path)), ["/", "/a", "/a", "/a", ""]);
        assert_eq!(TrafficFilters::default().joined("/a/"), "/a/");
    }
}
