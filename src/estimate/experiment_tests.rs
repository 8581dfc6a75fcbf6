//! Experiments' statistics: known values, and small simulations with fixed seeds. The full simulations are in
//! `examples/simulations.rs`.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;

fn converted(people: u64, converted: u64) -> VariantMoments {
    let y = converted as f64;
    VariantMoments { people, active: converted, y, yy: y, ..VariantMoments::default() }
}

#[test]
fn the_sequential_interval_is_wider_than_one_for_a_single_look_and_agrees_with_its_p_value() {
    // At 5,000 people, for which it is tuned, some 1.5 times as wide as ±1.96 standard errors.
    let tuned = critical(5000.0);
    assert!((2.7..3.3).contains(&tuned), "{tuned}");
    assert!(critical(100.0) > tuned && critical(1e7) > tuned);
    for variant in [500, 560, 570, 580, 600, 700] {
        let found = lift(&converted(5000, 500), &converted(5000, variant)).unwrap();
        let excludes = found.interval.low > 0.0 || found.interval.high < 0.0;
        assert_eq!(excludes, found.p < 0.05, "{variant}: {found:?}");
    }
}

#[test]
fn lift_and_chances_have_known_values() {
    let (control, variant) = (converted(10_000, 1000), converted(10_000, 1150));
    let found = lift(&control, &variant).unwrap();
    assert!((found.interval.value - 0.15).abs() < 1e-12);
    // By hand: sqrt(0.115·0.885/9999 + 1.15²·0.1·0.9/9999) / 0.1.
    assert!((found.standard_error - 0.0469).abs() < 0.0003, "{found:?}");
    let (exact, normal) = (bayesian_rates(&control, &variant, false).unwrap(), found.bayesian(false));
    assert!((exact.chance_to_win - 0.9997).abs() < 0.0003 && (normal.chance_to_win - 0.9993).abs() < 0.0007);
    let reverse = bayesian_rates(&control, &variant, true).unwrap();
    assert!((exact.chance_to_win + reverse.chance_to_win - 1.0).abs() < 1e-3);
    assert!((reverse.expected_loss - 0.15).abs() < 0.01 && exact.expected_loss < 1e-4, "{reverse:?} {exact:?}");
    let even = bayesian_rates(&control, &control, false).unwrap();
    assert!((even.chance_to_win - 0.5).abs() < 1e-3);
    // Too little, or nothing to divide by.
    assert_eq!(lift(&converted(99, 50), &converted(5000, 500)), None);
    assert_eq!(lift(&converted(5000, 24), &converted(5000, 500)), None);
    assert_eq!(lift(&VariantMoments::default(), &VariantMoments::default()), None);
    assert_eq!(bayesian_rates(&VariantMoments::default(), &control, false), None);
}

#[test]
fn corrected_p_values_and_people_needed() {
    let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12);
    assert!(close(&holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]));
    assert!(close(&holm(&[0.9, 0.8]), &[1.0, 1.0]) && holm(&[]).is_empty());
    // A rate of 10%: relative variance 9. For one look, 2 · 7.85 · 9 / 0.05² = 56,500 people each; here more.
    let needed = people_needed(9.0, 0.05).unwrap();
    assert!((80_000.0..150_000.0).contains(&needed), "{needed}");
    assert!((detectable(9.0, needed) - 0.05).abs() < 1e-6);
    assert_eq!((people_needed(9.0, 0.0), people_needed(0.0, 0.1), people_needed(9.0, 1e-9)), (None, None, None));
}

#[test]
fn a_wrong_division_of_people_raises_the_alarm() {
    assert!(!sample_ratio(&[5000, 5000], &[1.0, 1.0]).alarm && !sample_ratio(&[], &[]).alarm);
    assert!(!sample_ratio(&[2500, 7600], &[1.0, 3.0]).alarm);
    assert!(sample_ratio(&[5300, 4700], &[1.0, 1.0]).alarm);
    assert!(sample_ratio(&[10, 1], &[1.0, 0.0]).alarm, "a variant that nothing should reach");
    assert!(!sample_ratio(&[10, 0], &[1.0, 0.0]).alarm);
    let mut random = StdRng::seed_from_u64(1);
    // The bound is 1 in 1,000 over all looks.
    let false_alarms = (0..100).filter(|_| looks_alarm(&mut random, 0.5, 10_000)).count();
    assert!(false_alarms <= 2, "{false_alarms} of 100");
    let found = (0..20).filter(|_| looks_alarm(&mut random, 0.52, 30_000)).count();
    assert!(found >= 19, "{found} of 20");
}

/// Whether the test raises the alarm at any of the looks.
fn looks_alarm(random: &mut StdRng, share: f64, people: u32) -> bool {
    let mut counts = [0, 0];
    (0..people).any(|person| {
        counts[usize::from(random.random::<f64>() >= share)] += 1;
        person % 500 == 499 && sample_ratio(&counts, &[1.0, 1.0]).alarm
    })
}

#[test]
fn looking_every_day_does_not_raise_false_alarms() {
    let mut random = StdRng::seed_from_u64(2);
    let (tests, days, daily) = (200, 20, 200);
    let mut false_alarms = 0;
    for _ in 0..tests {
        let mut arms = [VariantMoments::default(); 2];
        false_alarms += u32::from((0..days).any(|_| {
            for person in 0..daily {
                arms[person % 2].add(f64::from(u8::from(random.random::<f64>() < 0.1)), 0.0);
            }
            lift(&arms[0], &arms[1]).is_some_and(|found| found.p < 0.05)
        }));
    }
    // At most 5% are expected; 18 of 200 would be three standard deviations above that.
    assert!(false_alarms <= 18, "{false_alarms} of {tests}");
}

#[test]
fn the_time_before_narrows_the_interval_and_does_not_move_it() {
    let mut random = StdRng::seed_from_u64(3);
    let mut arms = [VariantMoments::default(); 2];
    for person in 0..20_000 {
        // Most of what someone spends is a habit, known from before.
        let habit = -100.0 * (1.0 - random.random::<f64>()).ln();
        let before = habit + 20.0 * random.random::<f64>();
        let after = habit * if person % 2 == 1 { 1.1 } else { 1.0 } + 20.0 * random.random::<f64>();
        arms[person % 2].add(after, before);
    }
    let plain = lift(&arms[0], &arms[1]).unwrap();
    let (adjusted, removed) = adjusted_lift(&arms[0], &arms[1]).unwrap();
    assert!(removed > 0.8, "{removed}");
    let width = |found: &Lift| found.interval.high - found.interval.low;
    assert!(width(&adjusted) < 0.5 * width(&plain));
    assert!(adjusted.interval.low < 0.09 && adjusted.interval.high > 0.09, "the truth is 0.09: {adjusted:?}");
    assert_eq!(adjusted_lift(&converted(5000, 500), &converted(5000, 500)), None, "nothing is known from before");
}
