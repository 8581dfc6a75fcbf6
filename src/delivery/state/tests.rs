//! The checkpoint's own tests: ranges, damage, torn writes, earlier versions.

use super::*;

/// A data directory with a journal's folder.
fn places() -> (tempfile::TempDir, Places) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("journal")).unwrap();
    let places = Places::of(dir.path());
    (dir, places)
}

fn load(places: &Places) -> State {
    State::load(places, 7, Position(0), Position(100_000)).unwrap()
}

fn ranges(state: &State) -> Vec<Range<u64>> {
    state.pending().iter().map(|pending| pending.start.0..pending.end.0).collect()
}

#[test]
fn what_is_doubted_is_kept_until_it_is_proved_and_never_what_was_erased() {
    let (_dir, places) = places();
    let mut state = load(&places);
    state.intend(Position(10));
    state.done(0);
    assert_eq!(state.releasable(), Position(10));
    state.doubt(Position(4));
    state.doubt(Position(7));
    assert_eq!((state.unproved(), state.releasable()), (Some(Position(4)), Position(4)));
    state.forget_delivered();
    assert_eq!(state.releasable(), Position(10));
    state.proved(None);
    state.doubt(Position(0));
    assert_eq!(state.unproved(), Some(Position(10)), "what was erased is not sent again");
    state.intend(Position(20));
    state.replace_first();
    assert!(state.split());
    let halves = state.pending().iter().map(|half| (half.epoch, half.replace));
    assert_eq!(halves.collect::<Vec<_>>(), [(1, true); 2]);
    state.save(&places).unwrap();
    assert_eq!(State::highest(&places, 7), Position(20));
    assert_eq!(State::highest(&places, 8), Position(0));
    assert_eq!(load(&places), state);
}

#[test]
fn a_split_keeps_every_position_and_the_law() {
    let (_dir, places) = places();
    let mut state = load(&places);
    state.intend(Position(5));
    assert!(state.split());
    assert_eq!(ranges(&state), [0..2, 2..5]);
    state.save(&places).unwrap();
    let mut state = load(&places);
    state.done(0);
    assert!(state.split());
    assert!(!state.split(), "a single record");
    state.done(1);
    state.done(0);
    assert_eq!(state.progress(), Progress { delivered: Position(5), inserted: 4, quarantined: 1 });
    assert_eq!(state.pending(), []);
}

#[test]
fn two_stretches_are_done_in_order_and_the_first_may_be_halved_before_the_second() {
    let (_dir, places) = places();
    let mut state = load(&places);
    state.intend(Position(4));
    assert_eq!(state.intended(), Position(4));
    state.intend(Position(10));
    state.save(&places).unwrap();
    let mut state = load(&places);
    assert_eq!((state.intended(), state.progress().delivered), (Position(10), Position(0)));
    assert!(state.split());
    assert_eq!(ranges(&state), [0..2, 2..4, 4..10]);
    for (end, quarantined) in [(2, 0), (4, 2), (10, 0)] {
        state.done(quarantined);
        assert_eq!(state.progress().delivered, Position(end));
    }
    assert_eq!(state.progress(), Progress { delivered: Position(10), inserted: 8, quarantined: 2 });
    assert_eq!(state.intended(), Position(10));
}

#[test]
fn another_journal_begins_anew_and_an_impossible_checkpoint_is_refused() {
    let (_dir, places) = places();
    let mut state = load(&places);
    state.intend(Position(9));
    state.done(0);
    state.save(&places).unwrap();
    assert!(State::load(&places, 7, Position(0), Position(3)).is_err());
    let other = State::load(&places, 8, Position(0), Position(3)).unwrap();
    assert_eq!(other.progress(), Progress::default());
    assert_eq!(State::load(&places, 8, Position(0), Position(3)).unwrap(), other, "it is kept at once");
}

#[test]
fn either_file_alone_is_enough_and_the_newer_one_counts() {
    let (_dir, places) = places();
    let mut state = load(&places);
    state.intend(Position(100));
    state.save(&places).unwrap();
    let before = fs::read(&places.0[0]).unwrap();
    state.done(0);
    state.intend(Position(150));
    state.save(&places).unwrap();
    for lost in 0..2 {
        let kept = fs::read(&places.0[lost]).unwrap();
        fs::remove_file(&places.0[lost]).unwrap();
        assert_eq!(load(&places), state, "without {lost}");
        fs::write(&places.0[lost], &before).unwrap();
        assert_eq!(load(&places), state, "an older {lost}");
        fs::write(&places.0[lost], kept).unwrap();
    }
}

#[test]
fn damage_is_noticed_at_any_byte_and_a_torn_write_too() {
    let (_dir, places) = places();
    let mut state = load(&places);
    state.intend(Position(100));
    state.save(&places).unwrap();
    let whole = fs::read(&places.0[0]).unwrap();
    let text = whole.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
    for at in 0..text {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        fs::write(&places.0[0], &damaged).unwrap();
        assert_eq!(load(&places), state, "byte {at}");
        fs::write(&places.0[0], &whole[..at]).unwrap();
        assert_eq!(load(&places), state, "cut at {at}");
    }
    let before = state.clone();
    state.done(0);
    state.intend(Position(12_345));
    fs::write(&places.0[0], &whole).unwrap();
    state.save(&places).unwrap();
    let after = fs::read(&places.0[0]).unwrap();
    assert_eq!(after.len(), whole.len(), "no more room is needed");
    for at in 0..text {
        // The first was being written when the lights went out; the second is as it was.
        fs::write(&places.0[0], [&after[..at], &whole[at..]].concat()).unwrap();
        fs::write(&places.0[1], &whole).unwrap();
        let found = load(&places);
        assert!(found == before || found == state, "torn at {at}: {found:?}");
    }
}

#[test]
fn a_checkpoint_of_an_earlier_version_is_read() {
    let (dir, places) = places();
    let text = r#"{"journal":7,"delivered":5,"pending":[{"start":5,"end":9}],"inserted":4,"quarantined":1}"#;
    fs::write(dir.path().join("delivery.json"), text).unwrap();
    let found = load(&places);
    assert!(matches!(ranges(&found).as_slice(), [only] if *only == (5..9)));
    assert_eq!((found.pending()[0].epoch, found.unproved()), (0, None));
}
