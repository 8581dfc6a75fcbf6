//! No I/O. How those who reached the last step of a funnel differ from the others: for each value of some columns at the
//! first step, the conversion of the visitors with it less that of all others.
//!
//! The interval of a difference of two shares is Newcombe's (1998, method 10), made of Wilson's for each. With many
//! values some would seem to differ by chance, so that the confidence of each interval is raised until all hold together
//! with 95% (Bonferroni).

use statrs::distribution::{ContinuousCDF as _, Normal};

use super::types::OTHER;
use crate::{store::funnel::AttemptEvent, wire::reports::FunnelDifference};

/// Columns that are compared.
pub(super) const COLUMNS: [&str; 6] = ["$device", "$os", "$browser", "$country", "$channel", "$language"];
/// Values with fewer visitors are not compared: their intervals say nothing, and would widen all others.
const PEOPLE_MIN: u64 = 10;
/// Probability that any interval does not contain its difference.
const ERROR: f64 = 0.05;

/// Visitors with a value, and those of them who converted.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    people: u64,
    converted: u64,
}

/// Visitors by value of each column.
#[derive(Debug)]
pub(super) struct Comparison {
    /// Each column with the values that have a number; all others come first.
    columns: Vec<(&'static str, Vec<String>, Vec<Share>)>,
    all: Share,
}

impl Comparison {
    pub(super) fn new(columns: Vec<(&'static str, Vec<String>)>) -> Self {
        let with_shares = |(column, values): (&'static str, Vec<String>)| {
            let shares = vec![Share::default(); values.len() + 1];
            (column, values, shares)
        };
        Self { columns: columns.into_iter().map(with_shares).collect(), all: Share::default() }
    }

    /// Adds a visitor by the event of the first step.
    pub(super) fn add(&mut self, entry: AttemptEvent, has_converted: bool) {
        self.all.add(has_converted);
        for (index, (_, _, shares)) in self.columns.iter_mut().enumerate() {
            if let Some(share) = shares.get_mut(entry.column(index)) {
                share.add(has_converted);
            }
        }
    }

    /// The differences, and how many values were compared.
    pub(super) fn into_differences(self) -> (Vec<FunnelDifference>, usize) {
        let all = self.all;
        let mut compared: Vec<(&str, String, Share)> = Vec::new();
        for (column, values, shares) in self.columns {
            let names = std::iter::once(OTHER.to_owned()).chain(values);
            let is_compared = |share: &Share| share.people.min(all.people - share.people) >= PEOPLE_MIN;
            compared.extend(names.zip(shares).filter(|(_, share)| is_compared(share)).map(|(v, s)| (column, v, s)));
        }
        let comparisons = compared.len();
        let z = critical(comparisons);
        let row = |(column, value, share): (&str, String, Share)| {
            let others = Share { people: all.people - share.people, converted: all.converted - share.converted };
            let [low, high] = newcombe(share, others, z);
            FunnelDifference {
                property: column.to_owned(),
                value,
                people: share.people,
                converted: share.converted,
                rate: share.rate(),
                other_rate: others.rate(),
                difference: share.rate() - others.rate(),
                low,
                high,
            }
        };
        let mut rows: Vec<FunnelDifference> = compared.into_iter().map(row).collect();
        let is_clear = |row: &FunnelDifference| row.low > 0.0 || row.high < 0.0;
        rows.sort_by(|a, b| is_clear(b).cmp(&is_clear(a)).then(b.difference.abs().total_cmp(&a.difference.abs())));
        (rows, comparisons)
    }
}

impl Share {
    const fn add(&mut self, has_converted: bool) {
        self.people += 1;
        self.converted += has_converted as u64;
    }

    fn rate(self) -> f64 {
        if self.people == 0 { 0.0 } else { self.converted as f64 / self.people as f64 }
    }

    /// Wilson's interval (1927).
    fn wilson(self, z: f64) -> [f64; 2] {
        let (n, p) = (self.people as f64, self.rate());
        let middle = (p + z * z / (2.0 * n)) / (1.0 + z * z / n);
        let half = z / (1.0 + z * z / n) * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        [middle - half, middle + half]
    }
}

/// How many standard errors an interval reaches, if so many hold together.
fn critical(comparisons: usize) -> f64 {
    Normal::standard().inverse_cdf(1.0 - ERROR / (2.0 * comparisons.max(1) as f64))
}

fn newcombe(one: Share, other: Share, z: f64) -> [f64; 2] {
    let ([low, high], [other_low, other_high]) = (one.wilson(z), other.wilson(z));
    let (p, q) = (one.rate(), other.rate());
    let down = ((p - low).powi(2) + (other_high - q).powi(2)).sqrt();
    let up = ((high - p).powi(2) + (q - other_low).powi(2)).sqrt();
    [p - q - down, p - q + up]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(actual: [f64; 2], expected: [f64; 2]) {
        assert!((actual[0] - expected[0]).abs() < 5e-5 && (actual[1] - expected[1]).abs() < 5e-5, "{actual:?}");
    }

    #[test]
    fn intervals_are_those_of_newcombes_examples() {
        let share = |converted, people| Share { people, converted };
        // Newcombe (1998), table II, method 10.
        near(newcombe(share(56, 70), share(48, 80), 1.959_964), [0.0524, 0.3339]);
        near(newcombe(share(9, 10), share(3, 10), 1.959_964), [0.1705, 0.8090]);
        near(newcombe(share(10, 10), share(0, 20), 1.959_964), [0.6791, 1.0]);
    }

    #[test]
    fn more_comparisons_widen_the_intervals() {
        assert!((critical(1) - 1.959_964).abs() < 1e-5 && (critical(10) - 2.807_034).abs() < 1e-5);
    }
}
