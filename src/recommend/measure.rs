//! Quality of ranked lists, measured by what came next.
//!
//! Hit rate, reciprocal rank and NDCG look at the very next item, precision and recall at all distinct items that
//! followed, coverage at the share of the catalogue that was ever shown.

use serde::{Deserialize, Serialize};

use super::types::Number;

/// Sums over predictions.
#[derive(Debug, Clone)]
pub struct Tally {
    k: usize,
    predictions: u64,
    hits: u64,
    reciprocal: f64,
    reciprocal_square: f64,
    gain: f64,
    precision: f64,
    recall: f64,
    shown: Vec<bool>,
    catalogue: usize,
}

/// The means of a [`Tally`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Lists that were evaluated.
    pub predictions: u64,
    /// Share of lists that contain the next item.
    pub hit_rate: f64,
    /// Mean of 1/rank of the next item, 0 if the list does not contain it.
    pub mrr: f64,
    /// Mean of 1/log2(1 + rank) of the next item.
    pub ndcg: f64,
    /// Mean share of the list that followed.
    pub precision: f64,
    /// Mean share of the following items that are on the list.
    pub recall: f64,
    /// Share of the known items that are on any list.
    pub coverage: f64,
    /// Half the width of the 95% interval of the hit rate, if predictions are independent.
    pub hit_rate_margin: f64,
    /// The same of the reciprocal rank.
    pub mrr_margin: f64,
}

impl Quality {
    /// What tuning maximizes: hits, and hits at the top.
    pub(super) fn objective(&self) -> f64 {
        self.hit_rate + self.mrr
    }
}

impl Tally {
    /// For lists of `k` items out of `catalogue` items.
    #[must_use]
    pub fn new(k: usize, catalogue: usize) -> Self {
        Self {
            k,
            predictions: 0,
            hits: 0,
            reciprocal: 0.0,
            reciprocal_square: 0.0,
            gain: 0.0,
            precision: 0.0,
            recall: 0.0,
            shown: vec![false; catalogue],
            catalogue,
        }
    }

    /// Adds one list and the items that followed; ignored if none did.
    pub fn add(&mut self, list: impl Iterator<Item = Number>, following: &[Number]) {
        let Some(next) = following.first() else { return };
        self.predictions += 1;
        let mut rest: Vec<Number> = following.to_vec();
        rest.sort_unstable();
        rest.dedup();
        let mut found = 0_u32;
        for (rank, item) in (1_u32..).zip(list.take(self.k)) {
            if let Some(shown) = self.shown.get_mut(item as usize) {
                *shown = true;
            }
            found += u32::from(rest.binary_search(&item).is_ok());
            if item == *next {
                let reciprocal = 1.0 / f64::from(rank);
                self.hits += 1;
                self.reciprocal += reciprocal;
                self.reciprocal_square += reciprocal * reciprocal;
                self.gain += 1.0 / f64::from(rank + 1).log2();
            }
        }
        self.precision += f64::from(found) / self.k.max(1) as f64;
        self.recall += f64::from(found) / rest.len() as f64;
    }

    /// The means.
    #[must_use]
    pub fn quality(&self) -> Quality {
        let n = self.predictions.max(1) as f64;
        let (hit_rate, mrr) = (self.hits as f64 / n, self.reciprocal / n);
        let margin = |variance: f64| 1.96 * (variance.max(0.0) / n).sqrt();
        Quality {
            predictions: self.predictions,
            hit_rate,
            mrr,
            ndcg: self.gain / n,
            precision: self.precision / n,
            recall: self.recall / n,
            coverage: self.shown.iter().filter(|shown| **shown).count() as f64 / self.catalogue.max(1) as f64,
            hit_rate_margin: margin(hit_rate * (1.0 - hit_rate)),
            mrr_margin: margin(self.reciprocal_square / n - mrr * mrr),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_matches_a_calculation_by_hand() {
        let mut tally = Tally::new(4, 10);
        tally.add([1, 2, 3, 4].into_iter(), &[2, 4, 4, 9]);
        tally.add([1, 2, 3, 4, 5].into_iter(), &[5]);
        tally.add([1].into_iter(), &[]);
        let quality = tally.quality();
        assert_eq!(quality.predictions, 2);
        assert!((quality.hit_rate - 0.5).abs() < 1e-12 && (quality.mrr - 0.25).abs() < 1e-12);
        assert!((quality.ndcg - 0.5 / 3_f64.log2()).abs() < 1e-12);
        assert!((quality.precision - 0.25).abs() < 1e-12, "two of four, none of four");
        assert!((quality.recall - 1.0 / 3.0).abs() < 1e-12, "two of three different ones, none of one");
        assert!((quality.coverage - 0.4).abs() < 1e-12);
    }
}
