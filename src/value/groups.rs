//! Quintiles, deciles, and the named groups of customers.

use super::Customer;
use crate::model::{CustomerGroup, Rfm};

/// Groups by quintile of recency, 1 first, then of frequency.
const MAP: [[CustomerGroup; 5]; 5] = {
    use CustomerGroup::{
        AboutToSleep, AtRisk, CannotLoseThem, Champions, Hibernating, Lost, Loyal, NeedAttention, NewCustomers,
        PotentialLoyalist, Promising,
    };
    [
        [Lost, Hibernating, AtRisk, AtRisk, CannotLoseThem],
        [Hibernating, Hibernating, AtRisk, AtRisk, CannotLoseThem],
        [AboutToSleep, AboutToSleep, NeedAttention, Loyal, Loyal],
        [Promising, PotentialLoyalist, PotentialLoyalist, Loyal, Loyal],
        [NewCustomers, PotentialLoyalist, PotentialLoyalist, Champions, Champions],
    ]
};

/// The band of each value among all of them, 1 to `count`, the highest values in the highest band.
///
/// A value with `below` smaller ones among `n` is in band 1 + ⌊count · (below + ½) / n⌋. So equal values share a band, that
/// of the lowest of their ranks (customers with a single order are in band 1, however many they are), bands are of equal
/// size where values differ, and with fewer values than bands they are spread evenly: one value alone is in the middle.
#[must_use]
pub fn bands(values: &[i64], count: u8) -> Vec<u8> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let band = |value: &i64| {
        let below = sorted.partition_point(|other| other < value) as u64;
        let band = u64::from(count) * (2 * below + 1) / (2 * sorted.len() as u64);
        u8::try_from(band).unwrap_or(u8::MAX).saturating_add(1).min(count)
    };
    values.iter().map(band).collect()
}

/// Quintiles of last order, number of orders and revenue among these customers.
#[must_use]
pub fn rfm(customers: &[Customer]) -> Vec<Rfm> {
    let quintiles = |of: fn(&Customer) -> i64| bands(&customers.iter().map(of).collect::<Vec<_>>(), 5);
    let recency = quintiles(|customer| customer.last_order_ms);
    let frequency = quintiles(|customer| i64::from(customer.orders));
    let monetary = quintiles(|customer| customer.revenue_minor);
    let rfm = |((recency, frequency), monetary)| Rfm { recency, frequency, monetary };
    recency.into_iter().zip(frequency).zip(monetary).map(rfm).collect()
}

/// The group of a cell of the map, quintiles 1 to 5. Every cell has one group:
///
/// | recency ╲ frequency | 1 | 2 | 3 | 4 | 5 |
/// |---|---|---|---|---|---|
/// | 5 | new customers | potential loyalist | potential loyalist | champions | champions |
/// | 4 | promising | potential loyalist | potential loyalist | loyal | loyal |
/// | 3 | about to sleep | about to sleep | need attention | loyal | loyal |
/// | 2 | hibernating | hibernating | at risk | at risk | cannot lose them |
/// | 1 | lost | hibernating | at risk | at risk | cannot lose them |
#[must_use]
pub fn group_of(recency: u8, frequency: u8) -> CustomerGroup {
    let place = |quintile: u8| usize::from(quintile.clamp(1, 5) - 1);
    MAP[place(recency)][place(frequency)]
}
