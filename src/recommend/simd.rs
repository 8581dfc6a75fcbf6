//! Runtime SIMD dispatch for loops over columns of numbers.
//!
//! A portable binary uses registers of four numbers. `vectorized` compiles its closure a second time for eight (AVX2)
//! and selects that copy if the processor supports it; the operations and their order are the same, so that every
//! processor computes the same result.

#![expect(
    clippy::inline_always,
    reason = "the closure given to `vectorized` uses wide registers only as far as it is inlined there"
)]

/// Runs `work`, all of which should be inlined.
#[inline(always)]
pub(super) fn vectorized<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Natural logarithms of all values, which must be positive and normal. Error: 2e-7 relative or 1e-7 absolute.
///
/// By the series of the inverse hyperbolic tangent (Abramowitz and Stegun, "Handbook of Mathematical Functions",
/// 4.1.27): ln m = 2 artanh((m − 1)/(m + 1)), after splitting off the power of two.
#[inline(always)]
pub(super) fn ln(column: &mut [f32]) {
    for value in column {
        *value = ln_one(*value);
    }
}

#[inline(always)]
fn ln_one(value: f32) -> f32 {
    // Bits of √½. Relative to it, the exponent bits are the power of two, and the mantissa lies between √½ and √2.
    const SQRT_HALF: u32 = 0x3f35_04f3;
    let bits = value.to_bits().wrapping_sub(SQRT_HALF);
    #[expect(clippy::cast_possible_wrap, reason = "the highest bit is the sign of the power")]
    let power = (bits as i32 >> 23) as f32;
    let mantissa = f32::from_bits((bits & 0x007f_ffff).wrapping_add(SQRT_HALF));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = ((square * (2.0 / 9.0) + 2.0 / 7.0) * square + 2.0 / 5.0) * square + 2.0 / 3.0;
    // The lower bits of ln 2 are added separately, so that the upper ones keep their precision.
    (power * 0.693_145_75 + s * 2.0) + (power * 1.428_606_8e-6 + s * square * series)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn logarithms_match_the_standard_library(values in prop::collection::vec(1e-30_f32..1e30, 0..40), near in -0.5_f32..1.0) {
            let all: Vec<f32> = values.iter().copied().chain([1.0 + near, 1.0, 1e-4, 2.0, 0.5, 3e9]).collect();
            let mut column = all.clone();
            vectorized(|| ln(&mut column));
            for (value, found) in all.iter().zip(column) {
                let expected = f64::from(*value).ln();
                let error = (f64::from(found) - expected).abs();
                prop_assert!(error <= 2e-7 * expected.abs().max(0.5), "ln {value}: {found}, not {expected}");
            }
        }
    }
}
