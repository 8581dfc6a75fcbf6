//! How much visitors of one network may take of what is limited, so that a loop of invented visitors cannot use it up.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::model::Timestamp;

const HOUR_MS: i64 = 3_600_000;
/// Networks that are counted; those beyond get nothing until the next hour.
const NETWORKS_MAX: usize = 200_000;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Coupon,
    Impression,
}

/// Counts of the current hour by network: /24 of IPv4, /48 of IPv6.
#[derive(Debug, Default)]
pub(super) struct Networks {
    hour: i64,
    taken: HashMap<IpAddr, [u32; 2], ahash::RandomState>,
}

impl Networks {
    /// Counts one of `kind`; false if the network has taken `most` already. 0: unlimited.
    pub(super) fn take(&mut self, kind: Kind, address: IpAddr, most: u32, now: Timestamp) -> bool {
        if most == 0 {
            return true;
        }
        let hour = now.0.div_euclid(HOUR_MS);
        if hour != self.hour {
            self.hour = hour;
            self.taken.clear();
        }
        let network = network(address);
        if !self.taken.contains_key(&network) && self.taken.len() >= NETWORKS_MAX {
            return false;
        }
        let taken = &mut self.taken.entry(network).or_default()[kind as usize];
        if *taken >= most {
            return false;
        }
        *taken += 1;
        true
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & 0xffff_ff00).into(),
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 80)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_so_many_in_an_hour() {
        let mut networks = Networks::default();
        let mut take = |kind, address: &str, now| networks.take(kind, address.parse().unwrap(), 2, Timestamp(now));
        assert!(take(Kind::Coupon, "192.0.2.1", 0) && take(Kind::Coupon, "192.0.2.200", 1));
        assert!(!take(Kind::Coupon, "192.0.2.7", 2) && !take(Kind::Coupon, "::ffff:192.0.2.8", 2));
        assert!(take(Kind::Coupon, "192.0.3.1", 2) && take(Kind::Impression, "192.0.2.1", 2));
        assert!(take(Kind::Coupon, "2001:db8:1::1", 2) && take(Kind::Coupon, "2001:db8:1:ffff::1", 2));
        assert!(!take(Kind::Coupon, "2001:db8:1:2::1", 2) && take(Kind::Coupon, "2001:db8:2::1", 2));
        assert!(take(Kind::Coupon, "192.0.2.1", HOUR_MS), "the next hour");
    }
}
