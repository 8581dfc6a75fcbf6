//! Loops over columns of numbers, compiled for wide registers where the processor has them.
//!
//! A binary for any processor of an architecture counts in registers of four numbers. `wide` has a second copy
//! of what it is handed, for eight at a time (AVX2), and takes that where the processor can; the sums are the
//! same in the same order, so that every processor gives the same answer.

#![expect(
    clippy::inline_always,
    reason = "what is handed to `wide` is compiled for wide registers only as far as it is inlined there"
)]

/// Carries out `work`, which should be inlined to its last loop.
#[inline(always)]
pub(super) fn wide<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(work)
}

/// Natural logarithms of all values, which must be positive and normal, within 2e-7 of their size or 1e-7.
///
/// By the series of the inverse hyperbolic tangent (Abramowitz and Stegun, "Handbook of Mathematical Functions",
/// 4.1.27): ln m = 2 artanh((m − 1)/(m + 1)), the power of two being split off before.
#[inline(always)]
pub(super) fn ln(column: &mut [f32]) {
    for value in column {
        *value = ln_of(*value);
    }
}

#[inline(always)]
fn ln_of(value: f32) -> f32 {
    // The bits of the root of a half: what lies above them is in units of a power of two of the mantissa
    // between the roots of a half and of two.
    const ROOT_OF_HALF: u32 = 0x3f35_04f3;
    let bits = value.to_bits().wrapping_sub(ROOT_OF_HALF);
    #[expect(clippy::cast_possible_wrap, reason = "the sign of the power is what the highest bit says")]
    let power = (bits as i32 >> 23) as f32;
    let mantissa = f32::from_bits((bits & 0x007f_ffff).wrapping_add(ROOT_OF_HALF));
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = ((square * (2.0 / 9.0) + 2.0 / 7.0) * square + 2.0 / 5.0) * square + 2.0 / 3.0;
    // The lower part of ln 2 apart, so that nothing is lost of the upper.
    (power * 0.693_145_75 + s * 2.0) + (power * 1.428_606_8e-6 + s * square * series)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn logarithms_are_those_of_the_library(values in prop::collection::vec(1e-30_f32..1e30, 0..40), near in -0.5_f32..1.0) {
            let all: Vec<f32> = values.iter().copied().chain([1.0 + near, 1.0, 1e-4, 2.0, 0.5, 3e9]).collect();
            let mut column = all.clone();
            wide(|| ln(&mut column));
            for (value, found) in all.iter().zip(column) {
                let expected = f64::from(*value).ln();
                let error = (f64::from(found) - expected).abs();
                prop_assert!(error <= 2e-7 * expected.abs().max(0.5), "ln {value}: {found}, not {expected}");
            }
        }
    }
}
