//! The data-driven model: a chain of the values of sessions, from the first to a conversion or to none.
//!
//! A value's *removal effect* is the share of conversions that would be lost if every path that comes to it ended there
//! without one. In an absorbing chain this needs no second solution for each value: a path comes to `v` for the first time
//! with probability `h(v)`, and converts from there with `c(v)`; what is lost is `h(v) · c(v)`.

use std::collections::BTreeMap;

/// Transitions between states. The states of values are numbered from 0.
#[derive(Debug, Default)]
pub(super) struct Chain {
    /// How many paths begin with each value.
    begins: Vec<f64>,
    /// How many go from a value to another.
    steps: BTreeMap<(usize, usize), f64>,
    /// How many convert after a value.
    converts: Vec<f64>,
    /// How many leave a value, also those that end there.
    leaves: Vec<f64>,
}

impl Chain {
    /// Adds equal paths of `people` people or conversions.
    pub(super) fn add(&mut self, path: &[usize], is_conversion: bool, people: f64) {
        let (Some(first), Some(last)) = (path.first(), path.last()) else { return };
        let states = path.iter().max().map_or(0, |most| most + 1).max(self.begins.len());
        for counts in [&mut self.begins, &mut self.converts, &mut self.leaves] {
            counts.resize(states, 0.0);
        }
        self.begins[*first] += people;
        for pair in path.windows(2) {
            *self.steps.entry((pair[0], pair[1])).or_default() += people;
        }
        for state in path {
            self.leaves[*state] += people;
        }
        if is_conversion {
            self.converts[*last] += people;
        }
    }

    /// The share of each value in all removal effects; they add up to 1. `None` without any conversion.
    pub(super) fn shares(&self) -> Option<Vec<f64>> {
        let states = self.begins.len();
        let started: f64 = self.begins.iter().sum();
        let visits = inverse(self.without_absorption())?;
        let probability =
            |state: usize, count: f64| if self.leaves[state] > 0.0 { count / self.leaves[state] } else { 0.0 };
        let converting: Vec<f64> = (0..states).map(|state| probability(state, self.converts[state])).collect();
        let effect = |state: usize| {
            let reached: f64 = (0..states).map(|from| self.begins[from] / started * visits[from][state]).sum();
            let hits = reached / visits[state][state];
            let converts: f64 = (0..states).map(|to| visits[state][to] * converting[to]).sum();
            (hits * converts).max(0.0)
        };
        let effects: Vec<f64> = (0..states).map(effect).collect();
        let total: f64 = effects.iter().sum();
        (total > 0.0).then(|| effects.into_iter().map(|effect| effect / total).collect())
    }

    /// The identity minus the probabilities of going from one value to another.
    fn without_absorption(&self) -> Vec<Vec<f64>> {
        let states = self.begins.len();
        let mut matrix = vec![vec![0.0; states]; states];
        for (state, row) in matrix.iter_mut().enumerate() {
            row[state] = 1.0;
        }
        for ((from, to), count) in &self.steps {
            matrix[*from][*to] -= count / self.leaves[*from];
        }
        matrix
    }
}

/// The inverse by Gauss and Jordan; `None` if there is none.
fn inverse(mut matrix: Vec<Vec<f64>>) -> Option<Vec<Vec<f64>>> {
    let size = matrix.len();
    for (index, row) in matrix.iter_mut().enumerate() {
        row.resize(2 * size, 0.0);
        row[size + index] = 1.0;
    }
    for column in 0..size {
        let pivot = (column..size).max_by(|a, b| matrix[*a][column].abs().total_cmp(&matrix[*b][column].abs()))?;
        matrix.swap(column, pivot);
        let divisor = matrix[column][column];
        if divisor.abs() < 1e-12 {
            return None;
        }
        for value in &mut matrix[column] {
            *value /= divisor;
        }
        let pivot_row = matrix[column].clone();
        for (index, row) in matrix.iter_mut().enumerate() {
            let factor = row[column];
            if index == column || factor == 0.0 {
                continue;
            }
            for (value, pivot) in row.iter_mut().zip(&pivot_row) {
                *value -= factor * pivot;
            }
        }
    }
    Some(matrix.into_iter().map(|row| row[size..].to_vec()).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The probability of a conversion when the paths that come to `without` end there, by following the chain step by
    /// step until nothing is left to follow.
    fn conversion(chain: &Chain, without: Option<usize>) -> f64 {
        let states = chain.begins.len();
        let started: f64 = chain.begins.iter().sum();
        let mut here: Vec<f64> = chain.begins.iter().map(|count| count / started).collect();
        let mut converted = 0.0;
        for _ in 0..20_000 {
            let mut next = vec![0.0; states];
            for state in (0..states).filter(|state| Some(*state) != without && here[*state] > 0.0) {
                converted += here[state] * chain.converts[state] / chain.leaves[state];
                for (to, share) in next.iter_mut().enumerate() {
                    let count = chain.steps.get(&(state, to)).copied().unwrap_or(0.0);
                    *share += here[state] * count / chain.leaves[state];
                }
            }
            here = next;
        }
        converted
    }

    fn check(paths: &[(Vec<usize>, bool)]) {
        let mut chain = Chain::default();
        for (path, is_conversion) in paths {
            chain.add(path, *is_conversion, 1.0);
        }
        let all = conversion(&chain, None);
        let effects: Vec<f64> = (0..chain.begins.len()).map(|state| all - conversion(&chain, Some(state))).collect();
        let total: f64 = effects.iter().sum();
        let Some(shares) = chain.shares() else {
            assert!(paths.iter().all(|(_, is_conversion)| !is_conversion));
            return;
        };
        for (share, effect) in shares.iter().zip(&effects) {
            assert!((share - effect / total).abs() < 1e-6, "{shares:?}, {effects:?} of {paths:?}");
        }
    }

    #[test]
    fn a_known_chain_has_known_effects() {
        // Of c1→c2→c3→conversion, c1→nothing and c2→c3→nothing, removing c1 costs half, c2 and c3 all of it.
        let mut chain = Chain::default();
        chain.add(&[0, 1, 2], true, 1.0);
        chain.add(&[0], false, 1.0);
        chain.add(&[1, 2], false, 1.0);
        let shares = chain.shares().unwrap();
        for (share, expected) in shares.iter().zip([0.2, 0.4, 0.4]) {
            assert!((share - expected).abs() < 1e-12, "{shares:?}");
        }
        assert!(Chain::default().shares().is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn shares_are_those_of_removal_step_by_step(
            paths in prop::collection::vec((prop::collection::vec(0_usize..5, 1..6), any::<bool>()), 1..12)
        ) {
            check(&paths);
        }
    }
}
