//! Deterministic assignment of people to shares of a population: experiment arms, control groups, hold-outs.

/// Position of a unit in `[0, 1)` for one purpose: uniform over units, independent between salts, and the same on every
/// machine and in every version. The first 53 bits of BLAKE3 over salt, a zero byte and unit.
#[must_use]
pub fn bucket(salt: &str, unit: &str) -> f64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(salt.as_bytes()).update(&[0]).update(unit.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    (u64::from_be_bytes(first) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_keeps_its_position() {
        // Stored arms depend on these values: they never change.
        let is = |salt, unit, expected: f64| (bucket(salt, unit) - expected).abs() < f64::EPSILON;
        assert!(is("offer:spring", "user:17", 0.704_660_331_505_559_3));
        assert!(is("experiment:checkout:7", "visitor:0000000000000000000000000001", 0.593_416_878_536_705));
        assert!((bucket("offer:spring", "user:17") - bucket("offer:spring", "user:18")).abs() > f64::EPSILON);
        assert!((bucket("a", "bc") - bucket("ab", "c")).abs() > f64::EPSILON);
    }

    #[test]
    fn positions_are_even_and_independent_between_salts() {
        let units = 40_000_u32;
        let mut cells = [0_u32; 16];
        for unit in 0..units {
            let unit = unit.to_string();
            let cell = |salt| [0.25, 0.5, 0.75].iter().filter(|edge| bucket(salt, &unit) >= **edge).count();
            cells[cell("first") * 4 + cell("second")] += 1;
        }
        let expected = f64::from(units) / 16.0;
        let chi_square: f64 = cells.iter().map(|n| (f64::from(*n) - expected).powi(2) / expected).sum();
        // 15 degrees of freedom: 99.9 % of even and independent splits are below 37.7.
        assert!(chi_square < 37.7, "{chi_square} {cells:?}");
    }
}
