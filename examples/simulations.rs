//! Simulations of the statistics of experiments, with fixed seeds: false alarms of intervals that are looked at every day,
//! the sample-ratio alarm, coverage, and evenness and independence of variants. Prints a table for `docs/experiments.md`.
//!
//! `cargo run --release --example simulations`

#![expect(clippy::print_stdout, reason = "a command")]

use ashna::{
    estimate::{VariantMoments, adjusted_lift, lift, sample_ratio},
    model::bucket,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

const TESTS: u32 = 2000;
const DAYS: u32 = 28;
const DAILY: u32 = 300;

/// A person's figure, and the same before the experiment; `lift` raises the figure.
type Draw = fn(&mut StdRng, lift: f64) -> (f64, f64);

fn converted(random: &mut StdRng, lift: f64) -> (f64, f64) {
    (f64::from(u8::from(random.random::<f64>() < 0.05 * (1.0 + lift))), 0.0)
}

/// Revenue: one in ten buys, for an amount with a long tail (log-normal, about 60 on average); habits last.
fn revenue(random: &mut StdRng, lift: f64) -> (f64, f64) {
    let normal = |random: &mut StdRng| {
        let (a, b): (f64, f64) = (1.0 - random.random::<f64>(), random.random());
        (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    };
    if random.random::<f64>() >= 0.1 {
        return (0.0, 0.0);
    }
    let habit = 0.7 * normal(random);
    let amount = |random: &mut StdRng| (3.6 + habit + 0.5 * normal(random)).exp();
    let before = amount(random);
    (amount(random) * (1.0 + lift), before)
}

/// What 2,000 experiments with a true lift showed, looked at every day.
#[derive(Default)]
struct Looks {
    /// Intervals that excluded the truth on any day.
    missed: u32,
    /// The same on the last day alone.
    missed_last: u32,
    /// The same on any day, with CUPED.
    missed_adjusted: u32,
    /// Experiments that showed a difference.
    found: u32,
}

fn look_daily(draw: Draw, truth: f64, seed: u64) -> Looks {
    let mut random = StdRng::seed_from_u64(seed);
    let mut looks = Looks::default();
    for _ in 0..TESTS {
        let mut arms = [VariantMoments::default(); 2];
        let (mut missed, mut missed_last, mut missed_adjusted, mut found) = (false, false, false, false);
        for _ in 0..DAYS {
            for person in 0..DAILY {
                let arm = usize::from(person % 2 == 1);
                let (y, x) = draw(&mut random, if arm == 1 { truth } else { 0.0 });
                arms[arm].add(y, x);
            }
            if let Some(estimate) = lift(&arms[0], &arms[1]) {
                missed_last = !(estimate.interval.low..=estimate.interval.high).contains(&truth);
                missed |= missed_last;
                found |= estimate.p < 0.05;
            }
            if let Some((estimate, _)) = adjusted_lift(&arms[0], &arms[1]) {
                missed_adjusted |= !(estimate.interval.low..=estimate.interval.high).contains(&truth);
            }
        }
        looks.missed += u32::from(missed);
        looks.missed_last += u32::from(missed_last);
        looks.missed_adjusted += u32::from(missed_adjusted);
        looks.found += u32::from(found);
    }
    looks
}

/// Share of experiments with a sample-ratio alarm at any of the looks.
fn ratio_alarms(experiments: u32, share: f64, people: u32, seed: u64) -> f64 {
    let mut random = StdRng::seed_from_u64(seed);
    let alarm = |random: &mut StdRng| {
        let mut counts = [0, 0];
        (1..=people).any(|person| {
            counts[usize::from(random.random::<f64>() >= share)] += 1;
            person % 500 == 0 && sample_ratio(&counts, &[1.0, 1.0]).alarm
        })
    };
    f64::from((0..experiments).map(|_| u32::from(alarm(&mut random))).sum::<u32>()) / f64::from(experiments)
}

/// Chi-square of 100,000 people over the variants of two experiments with weights 1:1 and 1:3, against independence; 3 degrees of
/// freedom.
fn chi_square() -> f64 {
    let people = 100_000_u32;
    let mut cells = [[0_u32; 2]; 2];
    for person in 0..people {
        let unit = format!("visitor:{person:032x}");
        let (first, second) = (bucket("experiment:a:1", &unit) >= 0.5, bucket("experiment:b:2", &unit) >= 0.25);
        cells[usize::from(first)][usize::from(second)] += 1;
    }
    let cell = |(index, count): (usize, &u32)| {
        let expected = f64::from(people) * if index % 2 == 0 { 0.125 } else { 0.375 };
        (f64::from(*count) - expected).powi(2) / expected
    };
    cells.iter().flatten().enumerate().map(cell).sum()
}

fn main() {
    let percent = |count: u32| format!("{:.1}%", 100.0 * f64::from(count) / f64::from(TESTS));
    println!(
        "| {TESTS} experiments, {DAILY} people a day, looked at on each of {DAYS} days | conversion of 5% | revenue |"
    );
    println!("|---|---|---|");
    let (rate, money) = (look_daily(converted, 0.0, 1), look_daily(revenue, 0.0, 2));
    println!("| no difference: false alarms | {} | {} |", percent(rate.found), percent(money.found));
    println!("| the same, with CUPED | – | {} |", percent(money.missed_adjusted));
    let (rate, money) = (look_daily(converted, 0.2, 3), look_daily(revenue, 0.2, 4));
    println!(
        "| lift of 20%: the interval missed it on any day | {} | {} |",
        percent(rate.missed),
        percent(money.missed)
    );
    println!("| on the last day | {} | {} |", percent(rate.missed_last), percent(money.missed_last));
    println!("| on any day, with CUPED | – | {} |", percent(money.missed_adjusted));
    let (rate, money) = (look_daily(converted, 0.5, 5), look_daily(revenue, 0.5, 6));
    println!("| lift of 50%: found | {} | {} |", percent(rate.found), percent(money.found));
    println!();
    println!("| sample-ratio alarm, looked at every 500 people | |");
    println!("|---|---|");
    println!("| even, 10,000 people, of 20,000 experiments | {:.3}% |", 100.0 * ratio_alarms(20_000, 0.5, 10_000, 7));
    for people in [10_000, 20_000, 30_000] {
        println!("| 52/48, {people} people, of 2,000 | {:.1}% |", 100.0 * ratio_alarms(2000, 0.52, people, 8));
    }
    println!("| 53/47, 10,000 people, of 2,000 | {:.1}% |", 100.0 * ratio_alarms(2000, 0.53, 10_000, 9));
    println!();
    println!(
        "Chi-square of evenness and independence of variants, 3 degrees of freedom (99% are below 11.3): {:.2}",
        chi_square()
    );
}
