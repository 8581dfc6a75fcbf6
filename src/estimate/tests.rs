use proptest::prelude::*;

use super::*;

/// Pseudorandom numbers from 0 to 1, the same in every run (Marsaglia 2003: xorshift64*).
struct Rng(u64);

impl Rng {
    fn draw(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn index(&mut self, shares: &[f64]) -> usize {
        let mut left = self.draw();
        shares.iter().position(|share| (left -= share, left < 0.0).1).unwrap_or(shares.len() - 1)
    }
}

/// True click-through rate, which estimates have to recover.
fn truth(slot: u32, model: u32, explored: bool, eager: bool) -> f64 {
    let base = [[0.10, 0.16, 0.05], [0.04, 0.03, 0.08]][slot as usize][model as usize];
    base * if eager { 1.6 } else { 0.4 } * if explored { 0.8 } else { 1.0 }
}

const LOGGED: [f64; 3] = [0.8, 0.1, 0.1];
const EXPLORE: f64 = 0.1;

/// A log of visitors with one to six views each.
fn log(rng: &mut Rng, visitors: u128) -> Vec<LogRow> {
    let mut rows = Vec::new();
    for visitor in 1..=visitors {
        let cluster = visitor.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let eager = rng.draw() < 0.5;
        for _ in 0..=rng.index(&[0.3, 0.3, 0.2, 0.1, 0.05, 0.05]) {
            let slot = u32::from(rng.draw() < 0.4);
            let model = u32::try_from(rng.index(&LOGGED)).unwrap();
            // Sometimes there is no item to explore.
            let explore = if rng.draw() < 0.3 { 0.0 } else { EXPLORE };
            let explored = rng.draw() < explore;
            let clicked = rng.draw() < truth(slot, model, explored, eager);
            rows.push(LogRow {
                cluster,
                slot,
                model,
                model_probability: LOGGED[model as usize],
                explore,
                explored,
                views: 1.0,
                clicked: f64::from(u8::from(clicked)),
            });
        }
    }
    rows
}

/// The expected click-through rate of a policy.
fn value(models: &[f64], explore: f64) -> f64 {
    let mut sum = 0.0;
    for (slot, of_slot) in [(0, 0.6), (1, 0.4)] {
        for (model, share) in (0..).zip(models) {
            for eager in [true, false] {
                let given = 0.7 * explore;
                let mean = given * truth(slot, model, true, eager) + (1.0 - given) * truth(slot, model, false, eager);
                sum += of_slot * share * 0.5 * mean;
            }
        }
    }
    sum
}

/// For each estimate over 150 logs: the coverage of its interval, its mean, and its mean squared error.
fn simulate(policy: &TargetPolicy, models: &[f64], explore: f64) -> [(f64, f64, f64); 3] {
    const LOGS: u64 = 150;
    let (truth, now) = (value(models, explore), value(&LOGGED, EXPLORE));
    let mut found = [(0.0, 0.0, 0.0); 3];
    let mut leads = 0.0;
    for seed in 1..=LOGS {
        let rows = log(&mut Rng(seed.wrapping_mul(0xd134_2543_de82_ef95)), 2_500);
        let evaluation = evaluate(&rows, policy);
        let estimates = evaluation.outcome.expect("enough data");
        for (sum, (estimate, _)) in found.iter_mut().zip([estimates.ips, estimates.snips, estimates.doubly_robust]) {
            let holds = estimate.low <= truth && truth <= estimate.high;
            sum.0 += f64::from(u8::from(holds)) / LOGS as f64;
            sum.1 += estimate.value / LOGS as f64;
            sum.2 += (estimate.value - truth).powi(2) / LOGS as f64;
        }
        let lead = estimates.doubly_robust.1;
        leads += f64::from(u8::from(lead.low <= truth - now && truth - now <= lead.high)) / LOGS as f64;
    }
    assert!((0.90..=0.99).contains(&leads), "leads hold the truth in {leads}");
    found
}

#[test]
fn intervals_have_nominal_coverage_for_another_model() {
    let policy = TargetPolicy { models: vec![0.0, 1.0, 0.0], explore: None };
    let [ips, snips, robust] = simulate(&policy, &[0.0, 1.0, 0.0], EXPLORE);
    for (name, (holds, mean, _)) in [("ips", ips), ("snips", snips), ("dr", robust)] {
        assert!((0.90..=0.99).contains(&holds), "{name} holds the truth in {holds}");
        assert!((mean - value(&[0.0, 1.0, 0.0], EXPLORE)).abs() < 0.003, "{name} is {mean} on average");
    }
    assert!(snips.2 < ips.2 && robust.2 < ips.2, "steadier than plain weights: {ips:?} {snips:?} {robust:?}");
}

#[test]
fn intervals_have_nominal_coverage_for_a_mixture_with_more_exploration() {
    let models = [0.3, 0.5, 0.2];
    let policy = TargetPolicy { models: models.into(), explore: Some(0.4) };
    for (name, (holds, mean, _)) in ["ips", "snips", "dr"].into_iter().zip(simulate(&policy, &models, 0.4)) {
        assert!((0.90..=0.99).contains(&holds), "{name} holds the truth in {holds}");
        assert!((mean - value(&models, 0.4)).abs() < 0.003, "{name} is {mean} on average");
    }
}

#[test]
fn insufficient_data_is_refused() {
    let rows = log(&mut Rng(7), 2_500);
    let only = |model: usize| {
        let mut models = vec![0.0; 5];
        models[model] = 1.0;
        TargetPolicy { models, explore: None }
    };
    let check = |rows: &[LogRow], policy: &TargetPolicy, expected: Refusal| {
        assert_eq!(evaluate(rows, policy).outcome, Err(expected));
    };
    check(&[], &only(1), Refusal::Nothing);
    check(&rows, &only(4), Refusal::NeverShown(4));
    check(&rows[..500], &only(1), Refusal::TooLittleOverlap);
    // A log without the rows of one slot that the policy would show.
    let lost: Vec<LogRow> = rows.iter().filter(|row| row.model != 1 || row.slot == 0).cloned().collect();
    check(&lost, &only(1), Refusal::Unsupported);
    let cold: Vec<LogRow> = rows.iter().map(|row| LogRow { clicked: 0.0, ..row.clone() }).collect();
    check(&cold, &only(1), Refusal::TooFewClicks);
    let evaluation = evaluate(&rows[..500], &only(1));
    assert!(evaluation.effective < 100.0 && evaluation.views > 499.0, "{evaluation:?}");
}

#[test]
fn the_logged_policy_has_the_logged_rate() {
    let rows = log(&mut Rng(3), 1_000);
    let evaluation = evaluate(&rows, &TargetPolicy::default());
    let (estimates, now) = (evaluation.outcome.unwrap(), evaluation.now.unwrap());
    for (estimate, lead) in [estimates.ips, estimates.snips, estimates.doubly_robust] {
        assert!((estimate.value - now.value).abs() < 0.002 && lead.low <= 0.0 && lead.high >= 0.0, "{estimate:?}");
    }
    assert!((estimates.ips.0.value - now.value).abs() < 1e-12 && (evaluation.mean_weight - 1.0).abs() < 1e-12);
}

#[test]
fn proportions_have_the_wilson_interval_and_clusters_widen_it() {
    let mut apart = Moments::default();
    (0..1000).for_each(|view| apart.add(1.0, f64::from(u8::from(view < 50))));
    let share = apart.share().unwrap();
    // Wilson's interval for 50 of 1,000: 0.0381 to 0.0653.
    assert!((share.low - 0.0381).abs() < 2e-4 && (share.high - 0.0653).abs() < 2e-4, "{share:?}");
    let mut together = Moments::default();
    (0..100).for_each(|visitor| together.add(10.0, if visitor < 5 { 10.0 } else { 0.0 }));
    let wide = together.share().unwrap();
    assert!(
        (wide.value - share.value).abs() < 1e-12 && wide.high - wide.low > 2.5 * (share.high - share.low),
        "{wide:?}"
    );
}

#[test]
fn rates_of_0_and_1_have_proper_bounds() {
    assert_eq!(Moments::default().share(), None);
    let mut none = Moments::default();
    (0..50).for_each(|_| none.add(2.0, 0.0));
    let share = none.share().unwrap();
    assert!(share.low.abs() < 1e-12 && (0.05..0.1).contains(&share.high), "{share:?}");
    let mut all = Moments::default();
    (0..50).for_each(|_| all.add(2.0, 2.0));
    let share = all.share().unwrap();
    assert!((share.high - 1.0).abs() < 1e-12 && (0.9..0.95).contains(&share.low), "{share:?}");
    let mut one = Moments::default();
    one.add(5.0, 2.0);
    let share = one.share().unwrap();
    assert!(share.low < 0.1 && share.high > 0.9, "one visitor is no evidence: {share:?}");
}

#[test]
fn intervals_of_cluster_means_have_nominal_coverage() {
    let mut covered = 0;
    for seed in 1..=400_u64 {
        let mut rng = Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut moments = Moments::default();
        for _ in 0..300 {
            let views = 1.0 + (rng.draw() * 4.0).floor();
            let spends = if rng.draw() < 0.2 { 40.0 * views * rng.draw() } else { 0.0 };
            moments.add(views, spends);
        }
        // A fifth spends 20 a view on average.
        covered += u32::from(moments.ratio().is_some_and(|i| i.low <= 4.0 && 4.0 <= i.high));
    }
    assert!((364..=396).contains(&covered), "{covered} of 400");
}

proptest! {
    #[test]
    fn a_proportion_lies_within_its_interval_and_both_within_0_and_1(
        clusters in proptest::collection::vec((1_u8..20, 0.0..=1.0_f64), 1..60),
    ) {
        let mut moments = Moments::default();
        for (views, share) in clusters {
            moments.add(f64::from(views), (f64::from(views) * share).floor());
        }
        let share = moments.share().unwrap();
        prop_assert!(0.0 <= share.low && share.low <= share.value, "{:?}", share);
        prop_assert!(share.value <= share.high && share.high <= 1.0, "{:?}", share);
        let ratio = moments.ratio().unwrap();
        prop_assert!(ratio.low <= ratio.value && ratio.value <= ratio.high);
    }
}
