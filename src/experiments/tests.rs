use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{
    catalog::compile::compile_experiments,
    model::{
        Currency, EXPERIMENT_VIEWED, PastEvent, Position, Profile, SiteId, StoredExperiment, Timestamp, VisitorId,
    },
    segments::SegmentSet,
};

fn stored(key: &str, changes: &serde_json::Value) -> StoredExperiment {
    let mut body = json!({"key": key, "status": "running", "variants": [{"key": "a"}, {"key": "b"}]});
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    StoredExperiment { experiment: serde_json::from_value(body).unwrap(), salt: "7".into(), counted_from_ms: None }
}

fn set(experiments: &[StoredExperiment]) -> ExperimentSet {
    compile_experiments(experiments, &SegmentSet::default()).unwrap()
}

fn visitor(number: u128) -> Profile {
    Profile::empty(SiteId(1), VisitorId(number))
}

fn exposed(profile: &mut Profile, at: i64, experiment: &str, variant: &str) {
    let values = [("experiment".into(), experiment.into()), ("variant".into(), variant.into())];
    profile.history.add(PastEvent {
        at: Timestamp(at),
        position: Position(at.unsigned_abs()),
        name: EXPERIMENT_VIEWED.into(),
        order: None,
        values: Some(values.into()),
        currency: Currency::NONE,
    });
}

fn variant_of<'a>(set: &'a ExperimentSet, key: &str, profile: &Profile) -> Result<&'a str, Outside> {
    let person = Person::of(profile).unwrap();
    match set.assign(set.get(key).unwrap(), &person, || true) {
        Assignment::In(variant) => Ok(&variant.key),
        Assignment::Out(why) => Err(why),
    }
}

#[test]
fn arms_are_even_and_independent_of_traffic_and_of_other_experiments() {
    let set = set(&[
        stored("x", &json!({"traffic": 0.5})),
        stored("y", &json!({"variants": [{"key": "a", "weight": 1}, {"key": "b", "weight": 3}]})),
    ]);
    let mut cells = [[0_u32; 2]; 3];
    for number in 1..=40_000 {
        let profile = visitor(number);
        let x = match variant_of(&set, "x", &profile) {
            Ok("a") => 0,
            Ok(_) => 1,
            Err(why) => {
                assert_eq!(why, Outside::Traffic);
                2
            }
        };
        cells[x][usize::from(variant_of(&set, "y", &profile) == Ok("b"))] += 1;
    }
    let expected = [[2500.0, 7500.0], [2500.0, 7500.0], [5000.0, 15_000.0]];
    let chi_square: f64 = (0..6)
        .map(|cell| {
            let expected: f64 = expected[cell / 2][cell % 2];
            (f64::from(cells[cell / 2][cell % 2]) - expected).powi(2) / expected
        })
        .sum();
    // 5 degrees of freedom: 99.9% of even and independent splits are below 20.5.
    assert!(chi_square < 20.5, "{chi_square} {cells:?}");
}

#[test]
fn whoever_was_shown_a_variant_keeps_it_after_login() {
    let set = set(&[stored("x", &json!({"variants": [{"key": "a"}, {"key": "b"}, {"key": "c"}, {"key": "d"}]}))]);
    let mut profile = visitor(1);
    let before = variant_of(&set, "x", &profile).unwrap().to_owned();
    exposed(&mut profile, 10, "x", &before);
    for user in 0..40 {
        (profile.user_id, profile.user_verified) = (user.to_string().into(), true);
        assert_eq!(variant_of(&set, "x", &profile), Ok(&*before), "user {user}");
    }
    // An earlier exposure in another browser wins; unknown variants and exposures to others do not count.
    let other = if before == "a" { "b" } else { "a" };
    exposed(&mut profile, 5, "x", other);
    exposed(&mut profile, 1, "x", "gone");
    exposed(&mut profile, 2, "y", "d");
    assert_eq!(variant_of(&set, "x", &profile), Ok(other));
    // Nothing of an unproven user id counts.
    profile.user_verified = false;
    let visitors_own = Person::of(&profile).unwrap();
    assert!(visitors_own.unit().starts_with("visitor:"));
}

#[test]
fn people_take_part_in_one_experiment_of_a_group() {
    let of_group = json!({"exclusion_group": "g", "traffic": 0.9});
    let all = [stored("x", &of_group), stored("y", &of_group), stored("z", &of_group)];
    let (two, three) = (set(&all[..2]), set(&all));
    let mut taking_part = [0_u32; 3];
    for number in 1..=6000 {
        let mut profile = visitor(number);
        let keys = ["x", "y", "z"];
        let parts: Vec<usize> = (0..3).filter(|i| variant_of(&three, keys[*i], &profile).is_ok()).collect();
        assert!(parts.len() <= 1, "{number}: {parts:?}");
        for part in &parts {
            taking_part[*part] += 1;
        }
        // Shown in one of two experiments, they stay in it when a third one begins.
        if let Some(first) = ["x", "y"].into_iter().find(|key| variant_of(&two, key, &profile).is_ok()) {
            let shown = variant_of(&two, first, &profile).unwrap();
            exposed(&mut profile, 1, first, shown);
            let now: Vec<&str> = keys.into_iter().filter(|key| variant_of(&three, key, &profile).is_ok()).collect();
            assert_eq!(now, [first]);
        }
    }
    assert!(taking_part.iter().all(|people| (1700..1900).contains(people)), "{taking_part:?}");
}

#[test]
fn a_stopped_experiment_gives_no_variants_and_a_new_run_forgets_the_last() {
    let stopped = set(&[stored("x", &json!({"status": "stopped"}))]);
    assert_eq!(variant_of(&stopped, "x", &visitor(1)), Err(Outside::NotRunning));
    let again = StoredExperiment { counted_from_ms: Some(100), ..stored("x", &json!({})) };
    let again = set(&[again]);
    let mut profile = visitor(1);
    let own = variant_of(&again, "x", &profile).unwrap().to_owned();
    let other = if own == "a" { "b" } else { "a" };
    exposed(&mut profile, 99, "x", other);
    assert_eq!(variant_of(&again, "x", &profile), Ok(&*own));
    exposed(&mut profile, 100, "x", other);
    assert_eq!(variant_of(&again, "x", &profile), Ok(other));
    let nothing_for_the_rule = Person::of(&profile).unwrap();
    assert!(nothing_for_the_rule.was_shown(again.get("x").unwrap(), other, Timestamp(100)));
    assert!(!nothing_for_the_rule.was_shown(again.get("x").unwrap(), other, Timestamp(101)));
}

proptest! {
    /// Raising the traffic takes no variant away, and no weights give a variant of weight 0.
    #[test]
    fn more_traffic_adds_people_and_moves_none(
        number in 1..u128::MAX,
        weights in prop::collection::vec(0_u8..4, 2..6),
        traffic in 0.0..1.0_f64,
    ) {
        prop_assume!(weights.iter().any(|weight| *weight > 0));
        let variants: Vec<_> =
            weights.iter().enumerate().map(|(i, weight)| json!({"key": i.to_string(), "weight": weight})).collect();
        let with = |traffic: f64| set(&[stored("x", &json!({"variants": variants, "traffic": traffic}))]);
        let (some, all) = (with(traffic), with(1.0));
        let profile = visitor(number);
        let of_all = variant_of(&all, "x", &profile).unwrap();
        prop_assert!(weights[of_all.parse::<usize>().unwrap()] > 0);
        match variant_of(&some, "x", &profile) {
            Ok(variant) => prop_assert_eq!(variant, of_all),
            Err(why) => prop_assert_eq!(why, Outside::Traffic),
        }
    }
}
