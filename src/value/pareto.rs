//! How revenue is concentrated on the best customers.

/// Number of steps of the curve.
const STEPS: usize = 20;

/// A point of the curve: the best customers, and their share of the revenue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CurvePoint {
    /// Share of the customers, best first, 0 to 1.
    pub people_share: f64,
    /// Their share of the revenue, 0 to 1.
    pub revenue_share: f64,
}

/// The shares of the best 5, 10, … 100 per cent of customers, rounded up to whole customers. Customers whose refunds exceed
/// their orders count as 0. Empty without revenue.
#[must_use]
pub fn concentration(revenues_minor: &[i64]) -> Vec<CurvePoint> {
    let mut sorted: Vec<i128> = revenues_minor.iter().map(|revenue| i128::from(*revenue).max(0)).collect();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let total: i128 = sorted.iter().sum();
    if total == 0 {
        return Vec::new();
    }
    let (mut sum, mut counted) = (0_i128, 0);
    let mut curve = Vec::with_capacity(STEPS);
    for step in 1..=STEPS {
        let people = (sorted.len() * step).div_ceil(STEPS);
        sum += sorted[counted..people].iter().sum::<i128>();
        counted = people;
        curve.push(CurvePoint { people_share: step as f64 / STEPS as f64, revenue_share: sum as f64 / total as f64 });
    }
    curve
}
