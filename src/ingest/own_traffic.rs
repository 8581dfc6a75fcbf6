//! Drops events from networks that the site leaves out, such as its own offices.

use std::net::IpAddr;

use super::{
    address,
    types::{RequestContext, Sender, own_or_shared},
    verdict::{DropReason, Verdict},
};
use crate::wire::collect::{self, Batch};

pub(super) fn drop_ignored_network<'a>(
    request: &RequestContext<'_>,
    batch: &Batch<'_>,
    call: &collect::Event<'_>,
) -> Result<(), Verdict<'a>> {
    let networks = &request.site.traffic_filters.ignored_networks;
    if networks.is_empty() {
        return Ok(());
    }
    let Some(address) = visitor_address(request, batch, call).map(|address| address.to_canonical()) else {
        return Ok(());
    };
    if networks.iter().any(|network| network.contains(&address)) {
        return Err(Verdict::Drop(DropReason::IgnoredNetwork));
    }
    Ok(())
}

/// The visitor's address: that of the connection, or the one that a server reports.
pub(super) fn visitor_address(
    request: &RequestContext<'_>,
    batch: &Batch<'_>,
    call: &collect::Event<'_>,
) -> Option<IpAddr> {
    match request.sender {
        Sender::Browser | Sender::Import => request.address,
        Sender::Server => address::parse(own_or_shared(call, batch, |context| &context.ip)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        ingest::{ParseCache, fixture},
        model::TrafficFilters,
    };

    #[test]
    fn events_of_ignored_networks_are_dropped_wherever_the_address_is() {
        let (mut site, limits, cache) = (fixture::site(), Config::defaults().ingest, ParseCache::default());
        site.traffic_filters = TrafficFilters {
            ignored_networks: vec!["10.1.0.0/16".parse().unwrap(), "2001:db8::/32".parse().unwrap()],
            ..TrafficFilters::default()
        }
        .into();
        let is_dropped = |sender, connection: &str, reported: &'static str| {
            let mut call = collect::Event::default();
            call.context.ip = reported.into();
            let request = fixture::request(&site, &limits, &cache);
            let request = RequestContext { sender, address: Some(connection.parse().unwrap()), ..request };
            drop_ignored_network(&request, &Batch::default(), &call).is_err()
        };
        assert!(is_dropped(Sender::Browser, "10.1.2.3", ""));
        assert!(is_dropped(Sender::Import, "::ffff:10.1.2.3", ""));
        assert!(is_dropped(Sender::Browser, "2001:db8::7", ""));
        assert!(!is_dropped(Sender::Browser, "10.2.0.1", "10.1.2.3"), "a page cannot report an address");
        assert!(!is_dropped(Sender::Server, "10.1.2.3", ""), "the connection of a server is no visitor's");
        assert!(is_dropped(Sender::Server, "8.8.8.8", "10.1.2.3:4000"));
        assert!(!is_dropped(Sender::Server, "8.8.8.8", "unknown"));
    }
}
