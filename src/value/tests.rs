use proptest::prelude::*;
use rand::{SeedableRng as _, rngs::StdRng};
use statrs::distribution::{Beta, ContinuousCDF as _, Gamma};

use super::*;
use crate::model::{CustomerGroup, Rfm};

const CDNOW: &str = include_str!("../../tests/fixtures/value/cdnow_sample.csv");
const LATER_WEEKS: f64 = 39.0;

/// Customers until 1997-09-30, and how many transactions each had in the following 39 weeks.
fn cdnow() -> (Vec<Customer>, Vec<f64>) {
    let rows = CDNOW.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let row = |line: &str| {
        let fields: Vec<u32> = line.split(',').map(|field| field.parse().unwrap()).collect();
        let [repeat_days, recency_days, age_days, spend_days, spend_minor, later] = fields[..] else {
            panic!("{line}")
        };
        let history = History { repeat_days, recency_days, age_days, spend_days, spend_minor: spend_minor.into() };
        let customer =
            Customer { orders: repeat_days + 1, revenue_minor: spend_minor.into(), last_order_ms: 0, history };
        (customer, f64::from(later))
    };
    rows.map(row).unzip()
}

fn is_near(actual: f64, published: f64) -> bool {
    (actual / published - 1.0).abs() < 0.02
}

#[test]
fn both_models_have_the_published_parameters_on_the_published_sample() {
    let (customers, _) = cdnow();
    assert_eq!(customers.len(), 2357);
    let ValueModel { purchases, spend } = ValueModel::fit(&customers);
    let PurchaseModel { r, alpha, a, b } = purchases.unwrap();
    let found = [r, alpha, a, b];
    // Fader, Hardie and Lee (2005), table 1.
    assert!(found.iter().zip([0.243, 4.414, 0.793, 2.426]).all(|(found, known)| is_near(*found, known)), "{found:?}");
    let histories: Vec<History> = customers.iter().map(|customer| customer.history).collect();
    let log_likelihood = purchases.unwrap().log_likelihood(&histories);
    assert!((log_likelihood + 9582.4).abs() < 0.1, "{log_likelihood}");
    let SpendModel { p, q, gamma } = spend.unwrap();
    let found = [p, q, gamma / 100.0];
    // Fader and Hardie (2013), in dollars.
    assert!(found.iter().zip([6.25, 3.74, 15.44]).all(|(found, known)| is_near(*found, known)), "{found:?}");
}

#[test]
fn the_papers_customer_has_the_papers_forecast() {
    // The worked example of the authors' note on BG/NBD in a spreadsheet: 1.226 transactions in 39 weeks.
    let model = PurchaseModel { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
    let history = History { repeat_days: 2, recency_days: 213, age_days: 272, ..History::default() };
    let expected = model.expected(&history, LATER_WEEKS).unwrap();
    assert!((expected - 1.226).abs() < 0.002, "{expected}");
}

/// Error measures: root mean square and mean absolute difference by customer, and the relative difference of the sum.
#[test]
fn the_forecast_is_better_than_a_constant_rate() {
    let (customers, later) = cdnow();
    let model = ValueModel::fit(&customers).purchases.unwrap();
    let forecast: Vec<f64> =
        customers.iter().map(|customer| model.expected(&customer.history, LATER_WEEKS).unwrap()).collect();
    let constant: Vec<f64> = customers
        .iter()
        .map(|Customer { history, .. }| f64::from(history.repeat_days) / history.age_weeks() * LATER_WEEKS)
        .collect();
    let errors = |forecast: &[f64]| {
        let pairs = || forecast.iter().zip(&later);
        let n = later.len() as f64;
        let square = pairs().map(|(forecast, actual)| (forecast - actual).powi(2)).sum::<f64>() / n;
        let absolute = pairs().map(|(forecast, actual)| (forecast - actual).abs()).sum::<f64>() / n;
        let sum = (forecast.iter().sum::<f64>() / later.iter().sum::<f64>() - 1.0).abs();
        [square.sqrt(), absolute, sum]
    };
    let (ours, theirs) = (errors(&forecast), errors(&constant));
    assert!(ours[0] < theirs[0] * 0.95 && ours[2] < theirs[2], "{ours:?} {theirs:?}");
}

/// Simulates what the model describes: the mean over many customers is the formula's.
#[test]
fn the_expected_number_is_the_mean_of_simulated_customers() {
    let mut random = StdRng::seed_from_u64(7);
    let mut uniform = || random.random::<f64>();
    // Gamma with shape 2 and beta with (1, 3) need no more than uniform numbers.
    let model = PurchaseModel { r: 2.0, alpha: 10.0, a: 1.0, b: 3.0 };
    let (customers, weeks) = (40_000, 30.0);
    let mut total = 0_u32;
    for _ in 0..customers {
        let rate = -(uniform().ln() + uniform().ln()) / model.alpha;
        let stops = 1.0 - uniform().powf(1.0 / model.b);
        let mut at = 0.0;
        loop {
            at -= uniform().ln() / rate;
            if at > weeks {
                break;
            }
            total += 1;
            if uniform() < stops {
                break;
            }
        }
    }
    let expected = model.expected(&History::default(), weeks).unwrap();
    let mean = f64::from(total) / f64::from(customers);
    assert!((mean / expected - 1.0).abs() < 0.02, "{mean} {expected}");
}

/// A customer of the model, observed until `weeks` after the first transaction.
fn simulated(model: &PurchaseModel, weeks: u32, mut uniform: impl FnMut() -> f64) -> History {
    let rate = Gamma::new(model.r, model.alpha).unwrap().inverse_cdf(uniform());
    let stops = Beta::new(model.a, model.b).unwrap().inverse_cdf(uniform());
    let mut history = History { age_days: weeks * 7, ..History::default() };
    let mut day = 0.0;
    loop {
        day -= uniform().max(1e-300).ln() / rate * 7.0;
        if day >= f64::from(weeks * 7) {
            return history;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "fewer than the days of a year")]
        let whole = day as u32;
        // Transactions of one day are one.
        history.repeat_days += u32::from(whole > history.recency_days);
        history.recency_days = whole;
        if uniform() < stops {
            return history;
        }
    }
}

#[test]
fn no_parameters_are_more_likely_than_the_fitted_ones() {
    let mut random = StdRng::seed_from_u64(11);
    for (r, alpha, a, b) in [(0.5, 8.0, 0.8, 2.5), (2.0, 30.0, 0.3, 4.0), (0.1, 2.0, 3.0, 3.0), (5.0, 50.0, 0.05, 5.0)]
    {
        let truth = PurchaseModel { r, alpha, a, b };
        let histories: Vec<History> =
            (0..800).map(|n| simulated(&truth, 20 + n % 30, || random.random::<f64>())).collect();
        let fitted = PurchaseModel::fit(&histories).unwrap();
        let (found, of_truth) = (fitted.log_likelihood(&histories), truth.log_likelihood(&histories));
        assert!(found >= of_truth, "{fitted:?} {found}, {truth:?} {of_truth}");
        let PurchaseModel { r, alpha, a, b } = fitted;
        for factor in [0.9, 0.99, 1.01, 1.1] {
            let others = [
                [r * factor, alpha, a, b],
                [r, alpha * factor, a, b],
                [r, alpha, a * factor, b],
                [r, alpha, a, b * factor],
            ];
            for other in others.map(PurchaseModel::from) {
                let likelihood = other.log_likelihood(&histories);
                assert!(likelihood <= found + 1e-3, "{other:?} {likelihood}, {fitted:?} {found}");
            }
        }
    }
}

#[test]
fn insufficient_data_has_a_reason_and_no_number() {
    use NotFitted::{EqualAmounts, TooFewCustomers, TooFewRepeatCustomers};
    let of = |count: u32, history: fn(u32) -> History| {
        let customer = |n| Customer { orders: 1, revenue_minor: 100, last_order_ms: 0, history: history(n) };
        let customers: Vec<Customer> = (0..count).map(customer).collect();
        let model = ValueModel::fit(&customers);
        for value in assess(&customers, &model) {
            assert_eq!(value.alive_probability.is_some(), model.purchases.is_ok());
            assert_eq!(value.predicted_value_minor.is_some(), model.purchases.is_ok() && model.spend.is_ok());
            assert!(value.alive_probability.is_none_or(|p| (0.0..=1.0).contains(&p)));
        }
        (model.purchases.err(), model.spend.err())
    };
    let repeating = |n: u32| History {
        repeat_days: n % 4,
        recency_days: n % 4 * (5 + n % 11),
        age_days: 60 + n,
        spend_days: n % 4,
        spend_minor: i64::from(n % 4) * 500,
    };
    assert_eq!(of(0, repeating), (Some(TooFewCustomers), Some(TooFewCustomers)));
    assert_eq!(of(29, repeating), (Some(TooFewCustomers), Some(TooFewCustomers)));
    let single = |n: u32| History { age_days: n, ..History::default() };
    assert_eq!(of(500, single), (Some(TooFewRepeatCustomers), Some(TooFewRepeatCustomers)));
    assert_eq!(of(500, repeating).1, Some(EqualAmounts));
    assert_eq!(
        of(500, |n| History { spend_days: 0, ..History { age_days: 60 + n, ..History::default() } }).1,
        Some(TooFewRepeatCustomers)
    );
}

#[test]
fn a_spend_without_a_known_amount_is_the_average_of_all() {
    let model = SpendModel { p: 6.25, q: 3.74, gamma: 1544.0 };
    let all = model.expected_average(&History::default());
    assert!((all - 6.25 * 1544.0 / 2.74).abs() < 1e-6);
    let known = History { spend_days: 1, spend_minor: 100, ..History::default() };
    assert!(model.expected_average(&known) < all, "a small amount lowers the expectation");
}

#[test]
fn bands_are_even_and_equal_values_share_one() {
    assert_eq!(bands(&[10, 50, 20, 40, 30], 5), [1, 5, 2, 4, 3]);
    let twenty: Vec<i64> = (0..20).collect();
    let of_equal_size: Vec<u8> = (0..20).map(|n| n / 4 + 1).collect();
    assert_eq!(bands(&twenty, 5), of_equal_size);
    // Eight of ten ordered once.
    assert_eq!(bands(&[1, 1, 1, 1, 1, 1, 1, 1, 2, 3], 5), [1, 1, 1, 1, 1, 1, 1, 1, 5, 5]);
    assert_eq!((bands(&[7], 5), bands(&[7, 8], 5), bands(&[7, 7], 5)), (vec![3], vec![2, 4], vec![2, 2]));
    assert_eq!((bands(&[1, 2, 3], 5), bands(&[], 5)), (vec![1, 3, 5], vec![]));
}

#[test]
fn every_cell_has_a_group_and_every_group_a_cell() {
    use strum::IntoEnumIterator as _;
    let found: std::collections::BTreeSet<CustomerGroup> =
        (1..=5).flat_map(|recency| (1..=5).map(move |frequency| group_of(recency, frequency))).collect();
    assert_eq!(found.into_iter().collect::<Vec<_>>(), CustomerGroup::iter().collect::<Vec<_>>());
    let rows = [5, 4, 3, 2, 1].map(|recency| [1, 2, 3, 4, 5].map(|frequency| group_of(recency, frequency).as_str()));
    assert_eq!(rows[0], ["new_customers", "potential_loyalist", "potential_loyalist", "champions", "champions"]);
    assert_eq!(rows[1], ["promising", "potential_loyalist", "potential_loyalist", "loyal", "loyal"]);
    assert_eq!(rows[2], ["about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"]);
    assert_eq!(rows[3], ["hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose_them"]);
    assert_eq!(rows[4], ["lost", "hibernating", "at_risk", "at_risk", "cannot_lose_them"]);
}

#[test]
fn the_best_fifth_has_its_share_of_the_revenue() {
    let curve = concentration(&[10, 70, 10, 10, 0]);
    assert_eq!(curve.len(), 20);
    assert_eq!(curve[3], CurvePoint { people_share: 0.2, revenue_share: 0.7 });
    assert!((curve[19].revenue_share - 1.0).abs() < 1e-12);
    assert_eq!(concentration(&[]), []);
    assert_eq!(concentration(&[0, -5]), [], "no revenue, no share");
}

#[test]
fn the_value_of_a_customer_is_among_the_others() {
    let customer = |orders: u32, revenue_minor| Customer {
        orders,
        revenue_minor,
        last_order_ms: i64::from(orders),
        history: History::default(),
    };
    let customers: Vec<Customer> = (1..=10).map(|n| customer(n, i64::from(n) * 100)).collect();
    let values = assess(&customers, &ValueModel::fit(&customers));
    assert_eq!((values[0].value_decile, values[9].value_decile), (1, 10));
    assert_eq!(values[9].rfm, Rfm { recency: 5, frequency: 5, monetary: 5 });
    assert_eq!(values[4].rfm, Rfm { recency: 3, frequency: 3, monetary: 3 });
}

fn parameters() -> impl Strategy<Value = PurchaseModel> {
    let between = |low: f64, high: f64| (low.ln()..high.ln()).prop_map(f64::exp);
    (between(0.01, 50.0), between(0.05, 500.0), between(0.01, 50.0), between(0.01, 50.0))
        .prop_map(|(r, alpha, a, b)| PurchaseModel { r, alpha, a, b })
}

fn histories() -> impl Strategy<Value = History> {
    (0_u32..200, 0.0..1.0_f64, 0_u32..3000).prop_map(|(repeats, recency, age_days)| {
        let repeat_days = repeats.min(age_days);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and age_days")]
        let latest = (recency * f64::from(age_days)) as u32;
        let recency_days = if repeat_days == 0 { 0 } else { repeat_days.max(latest) };
        History { repeat_days, recency_days, age_days, ..History::default() }
    })
}

proptest! {
    #[test]
    fn bands_follow_the_order_of_values(values in prop::collection::vec(-20_i64..20, 1..60), count in prop::sample::select(vec![5_u8, 10])) {
        let found = bands(&values, count);
        for (one, band) in values.iter().zip(&found) {
            prop_assert!((1..=count).contains(band));
            for (other, other_band) in values.iter().zip(&found) {
                prop_assert!(one != other || band == other_band);
                prop_assert!(one > other || band <= other_band);
            }
        }
    }

    #[test]
    fn probabilities_and_expectations_are_plausible(model in parameters(), history in histories()) {
        let alive = model.alive(&history);
        prop_assert!((0.0..=1.0).contains(&alive), "{alive}");
        if let (Some(less), Some(more)) = (model.expected(&history, 4.0), model.expected(&history, 52.0)) {
            prop_assert!(less.is_finite() && less >= 0.0 && more.is_finite());
            prop_assert!(more >= less - 1e-6 * less.abs().max(1e-3), "{less} {more}");
            // No expectation exceeds that of a customer who never stops, at the mean of the posterior distribution of rates.
            let rate = (model.r + f64::from(history.repeat_days)) / (model.alpha + history.age_weeks());
            prop_assert!(more <= rate * 52.0 * 1.001 + 1e-6, "{more} {rate}");
        }
    }

    #[test]
    fn curves_rise_and_bend_down(revenues in prop::collection::vec(-50_i64..1000, 1..80)) {
        let curve = concentration(&revenues);
        for pair in curve.windows(2) {
            prop_assert!(pair[0].revenue_share <= pair[1].revenue_share + 1e-12);
        }
        for point in &curve {
            prop_assert!(point.revenue_share >= point.people_share - 1e-12);
        }
    }
}
