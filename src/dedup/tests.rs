//! The set against a model, with advancing time and restarts at any moment.

use std::{collections::HashMap, fs};

use proptest::prelude::*;

use super::*;
use crate::config::Config;

const HOUR: i64 = 3_600_000;
const T: Timestamp = Timestamp(1_800_000_000_000);

fn settings(bucket_ids_max: usize) -> config::Dedup {
    config::Dedup { bucket_ids_max, ..Config::defaults().dedup }
}

fn open(dir: &Path) -> (Dedup, OpenReport) {
    Dedup::open(dir, &settings(1000), 1, T).unwrap()
}

/// A uniformly distributed key, like the real hashes.
fn key(n: u64) -> u128 {
    u128::from_le_bytes(blake3::hash(&n.to_le_bytes()).as_bytes()[..16].try_into().unwrap())
}

fn keep(dedup: &Dedup, n: u64, position: u64) {
    match dedup.claim(key(n), T) {
        Claim::New(reservation) => reservation.keep(Position(position)),
        other => panic!("{n}: {other:?}"),
    }
}

fn is_duplicate(dedup: &Dedup, n: u64) -> bool {
    matches!(dedup.claim(key(n), T), Claim::Duplicate)
}

#[tokio::test]
async fn a_copy_in_flight_waits_for_the_result_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let (dedup, _) = open(dir.path());
    for kept in [false, true] {
        let Claim::New(first) = dedup.claim(7, T) else { panic!("it is new") };
        let (Claim::InFlight(second), Claim::InFlight(third)) = (dedup.claim(7, T), dedup.claim(7, T)) else {
            panic!("it is in flight")
        };
        let mut second = std::pin::pin!(second.is_kept());
        assert!(tokio::time::timeout(std::time::Duration::from_millis(20), &mut second).await.is_err());
        if kept {
            first.keep(Position(0));
        } else {
            drop(first);
        }
        assert_eq!((second.await, third.is_kept().await), (kept, kept));
    }
    assert!(matches!(dedup.claim(7, T), Claim::Duplicate));
}

#[test]
fn synced_keys_survive_and_the_rest_is_replayed() {
    let dir = tempfile::tempdir().unwrap();
    let (dedup, opened) = open(dir.path());
    assert_eq!(opened, OpenReport::default());
    (0..10).for_each(|n| keep(&dedup, n, n));
    keep(&dedup, 12, 12);
    assert_eq!(dedup.sync(T).unwrap(), Position(10), "10 and 11 are not done");
    dedup.skip(Position(10)..Position(12));
    assert_eq!(dedup.sync(T).unwrap(), Position(13));
    keep(&dedup, 13, 13);
    drop(dedup);
    let (dedup, opened) = open(dir.path());
    assert_eq!((opened.complete, opened.torn_bytes), (Position(13), 0));
    assert!((0..10).chain([12]).all(|n| is_duplicate(&dedup, n)) && !is_duplicate(&dedup, 13));
    dedup.restore(Position(13), key(13));
    assert!(is_duplicate(&dedup, 13));
    assert_eq!(dedup.sync(T).unwrap(), Position(14));
    drop(dedup);
    let (dedup, opened) = Dedup::open(dir.path(), &settings(9), 2, T).unwrap();
    assert_eq!(opened.complete, Position(0), "another journal has other positions");
    assert!((0..10).chain([12, 13]).all(|n| is_duplicate(&dedup, n)));
}

#[test]
fn a_torn_log_is_cut_at_any_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (dedup, _) = open(dir.path());
    dedup.sync(T).unwrap();
    for n in 0..3 {
        keep(&dedup, n, n);
        dedup.sync(T).unwrap();
    }
    drop(dedup);
    let path = dir.path().join("current.log");
    let whole = fs::read(&path).unwrap();
    let chunk = 24 + 16;
    for cut in whole.len() - chunk..whole.len() {
        let torn = tempfile::tempdir().unwrap();
        fs::write(torn.path().join("current.log"), &whole[..cut]).unwrap();
        let (dedup, opened) = open(torn.path());
        assert_eq!((opened.complete.0, opened.torn_bytes), (2, (cut + chunk - whole.len()) as u64));
        assert!(is_duplicate(&dedup, 0) && is_duplicate(&dedup, 1) && !is_duplicate(&dedup, 2));
        assert_eq!(dedup.sync(T).unwrap().0, 2);
    }
}

#[test]
fn a_damaged_file_is_set_aside_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (dedup, _) = open(dir.path());
    keep(&dedup, 1, 0);
    dedup.sync(T).unwrap();
    drop(dedup);
    for entry in fs::read_dir(dir.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes[9] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let (dedup, opened) = open(dir.path());
    assert_eq!((opened.damaged.len(), opened.complete, opened.ids), (2, Position(0), 0));
    assert!(!is_duplicate(&dedup, 1));
    dedup.sync(T).unwrap();
}

#[derive(Debug, Clone)]
enum Act {
    Claim(u64),
    Abandon(u64),
    Sync,
    Wait(i64),
    Restart,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        12 => (0..300_u64).prop_map(Act::Claim),
        1 => (0..300_u64).prop_map(Act::Abandon),
        3 => Just(Act::Sync),
        2 => prop_oneof![0..HOUR / 10, 0..5 * HOUR].prop_map(Act::Wait),
        1 => Just(Act::Restart),
    ];
    prop::collection::vec(act, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_kept_key_is_a_duplicate_for_the_window_and_an_unseen_key_never_is(acts in acts()) {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(20);
        let window = i64::try_from(settings.window_hours).unwrap() * HOUR;
        let mut now = T;
        let mut dedup = Dedup::open(dir.path(), &settings, 1, now).unwrap().0;
        let mut kept: HashMap<u64, Timestamp> = HashMap::new();
        let mut journal: Vec<u64> = Vec::new();
        for act in acts {
            match act {
                Act::Claim(n) => match dedup.claim(key(n), now) {
                    Claim::New(reservation) => {
                        prop_assert!(kept.get(&n).is_none_or(|at| now.since(*at) > window), "{n} was forgotten");
                        reservation.keep(Position(journal.len() as u64));
                        journal.push(n);
                        kept.insert(n, now);
                    }
                    Claim::Duplicate => prop_assert!(kept.contains_key(&n), "{n} was never seen"),
                    Claim::InFlight(_) => prop_assert!(false, "nothing is in flight"),
                },
                Act::Abandon(n) => drop(dedup.claim(key(n), now)),
                Act::Sync => prop_assert_eq!(dedup.sync(now).unwrap().0, journal.len() as u64),
                Act::Wait(ms) => now = now.plus(ms),
                Act::Restart => {
                    let (reopened, opened) = Dedup::open(dir.path(), &settings, 1, now).unwrap();
                    dedup = reopened;
                    for (position, n) in journal.iter().enumerate().skip(usize::try_from(opened.complete.0).unwrap()) {
                        dedup.restore(Position(position as u64), key(*n));
                    }
                }
            }
        }
        let buckets = dedup.shared.sealed.load().len();
        dedup.sync(now).unwrap();
        prop_assert!(dedup.shared.sealed.load().len() <= 16, "{buckets}");
        let held = fs::read_dir(dir.path()).unwrap().count();
        prop_assert!(held <= 17, "{held} files");
    }
}

#[test]
fn old_buckets_are_deleted_and_many_small_ones_are_merged() {
    let dir = tempfile::tempdir().unwrap();
    let (dedup, _) = open(dir.path());
    for hour in 0..60 {
        let now = T.plus(hour * HOUR);
        for n in 0..5 {
            let n = hour.cast_unsigned() * 5 + n;
            let Claim::New(reservation) = dedup.claim(key(n), now) else { panic!("{n} is new") };
            reservation.keep(Position(n));
        }
        dedup.sync(now).unwrap();
        dedup.sync(now.plus(HOUR)).unwrap();
    }
    assert!(dedup.shared.sealed.load().len() <= 16);
    assert!((35 * 5..300).all(|n| is_duplicate(&dedup, n)));
    assert!((0..30 * 5).all(|n| !is_duplicate(&dedup, n)), "dropped soon after the window");
}

#[test]
fn a_wrong_clock_at_start_drops_nothing_and_a_bucket_from_the_future_expires() {
    let dir = tempfile::tempdir().unwrap();
    let reopen = |now| Dedup::open(dir.path(), &settings(5), 1, now).unwrap().0;
    let dedup = reopen(T);
    (0..10).for_each(|n| keep(&dedup, n, n));
    dedup.sync(T).unwrap();
    // A start with a clock that is forty days ahead and corrected within ten minutes.
    let ahead = T.plus(40 * 24 * HOUR);
    let dedup = reopen(ahead);
    dedup.sync(ahead.plus(HOUR / 10)).unwrap();
    assert!((0..10).all(|n| is_duplicate(&dedup, n)));
    let Claim::New(late) = dedup.claim(key(10), ahead) else { panic!("it is new") };
    late.keep(Position(10));
    dedup.sync(ahead.plus(HOUR / 10)).unwrap();
    // After the correction it is kept for a window from now, not for forty days.
    let dedup = reopen(T);
    dedup.sync(T.plus(HOUR)).unwrap();
    assert!(is_duplicate(&dedup, 10));
    dedup.sync(T.plus(60 * HOUR)).unwrap();
    assert!(!is_duplicate(&dedup, 10), "dropped after the window");
}

#[test]
fn memory_per_million_ids_is_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let (dedup, _) = Dedup::open(dir.path(), &settings(200_000), 1, T).unwrap();
    let keys: Vec<u128> = (0..200_000).map(key).collect();
    for (position, key) in keys.iter().enumerate() {
        dedup.restore(Position(position as u64), *key);
    }
    let (current, _) = dedup.memory_bytes();
    dedup.sync(T).unwrap();
    let (after, sealed) = dedup.memory_bytes();
    assert!((19 * 200_000..=39 * 200_000).contains(&current), "{current}");
    assert!(after < 1000 && (130 * 2000..133 * 2000).contains(&sealed), "{after} {sealed}");
    assert!(keys.iter().all(|key| matches!(dedup.claim(*key, T), Claim::Duplicate)));
}
