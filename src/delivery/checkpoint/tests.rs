//! Ranges, damage, torn writes, earlier versions.

use super::*;

/// A data directory with a journal's folder.
fn new_paths() -> (tempfile::TempDir, CheckpointPaths) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("journal")).unwrap();
    let paths = CheckpointPaths::new(dir.path());
    (dir, paths)
}

fn load(paths: &CheckpointPaths) -> Checkpoint {
    Checkpoint::load(paths, 7, Position(0), Position(100_000)).unwrap()
}

fn ranges(checkpoint: &Checkpoint) -> Vec<Range<u64>> {
    checkpoint.pending().iter().map(|pending| pending.start.0..pending.end.0).collect()
}

#[test]
fn unverified_records_are_kept_until_verified_but_erased_ones_are_never_resent() {
    let (_dir, paths) = new_paths();
    let mut checkpoint = load(&paths);
    checkpoint.plan(Position(10));
    checkpoint.complete_first(0);
    assert_eq!(checkpoint.releasable(), Position(10));
    checkpoint.mark_unverified(Position(4));
    checkpoint.mark_unverified(Position(7));
    assert_eq!((checkpoint.unverified(), checkpoint.releasable()), (Some(Position(4)), Position(4)));
    checkpoint.forget_delivered();
    assert_eq!(checkpoint.releasable(), Position(10));
    checkpoint.mark_verified(None);
    checkpoint.mark_unverified(Position(0));
    assert_eq!(checkpoint.unverified(), Some(Position(10)), "erased records are not sent again");
    checkpoint.plan(Position(20));
    checkpoint.replace_first();
    assert!(checkpoint.split_first());
    let halves = checkpoint.pending().iter().map(|half| (half.epoch, half.replace));
    assert_eq!(halves.collect::<Vec<_>>(), [(1, true); 2]);
    checkpoint.save(&paths).unwrap();
    assert_eq!(Checkpoint::highest_position(&paths, 7), Position(20));
    assert_eq!(Checkpoint::highest_position(&paths, 8), Position(0));
    assert_eq!(load(&paths), checkpoint);
}

#[test]
fn a_split_keeps_every_position_and_the_counts() {
    let (_dir, paths) = new_paths();
    let mut checkpoint = load(&paths);
    checkpoint.plan(Position(5));
    assert!(checkpoint.split_first());
    assert_eq!(ranges(&checkpoint), [0..2, 2..5]);
    checkpoint.save(&paths).unwrap();
    let mut checkpoint = load(&paths);
    checkpoint.complete_first(0);
    assert!(checkpoint.split_first());
    assert!(!checkpoint.split_first(), "a single record");
    checkpoint.complete_first(1);
    checkpoint.complete_first(0);
    assert_eq!(checkpoint.progress(), Progress { delivered: Position(5), inserted: 4, quarantined: 1 });
    assert_eq!(checkpoint.pending(), []);
}

#[test]
fn two_ranges_complete_in_order_and_the_first_can_be_split_before_the_second() {
    let (_dir, paths) = new_paths();
    let mut checkpoint = load(&paths);
    checkpoint.plan(Position(4));
    assert_eq!(checkpoint.planned_end(), Position(4));
    checkpoint.plan(Position(10));
    checkpoint.save(&paths).unwrap();
    let mut checkpoint = load(&paths);
    assert_eq!((checkpoint.planned_end(), checkpoint.progress().delivered), (Position(10), Position(0)));
    assert!(checkpoint.split_first());
    assert_eq!(ranges(&checkpoint), [0..2, 2..4, 4..10]);
    for (end, quarantined) in [(2, 0), (4, 2), (10, 0)] {
        checkpoint.complete_first(quarantined);
        assert_eq!(checkpoint.progress().delivered, Position(end));
    }
    assert_eq!(checkpoint.progress(), Progress { delivered: Position(10), inserted: 8, quarantined: 2 });
    assert_eq!(checkpoint.planned_end(), Position(10));
}

#[test]
fn another_journal_gets_a_new_checkpoint_and_an_impossible_one_is_refused() {
    let (_dir, paths) = new_paths();
    let mut checkpoint = load(&paths);
    checkpoint.plan(Position(9));
    checkpoint.complete_first(0);
    checkpoint.save(&paths).unwrap();
    assert!(Checkpoint::load(&paths, 7, Position(0), Position(3)).is_err());
    let other = Checkpoint::load(&paths, 8, Position(0), Position(3)).unwrap();
    assert_eq!(other.progress(), Progress::default());
    assert_eq!(Checkpoint::load(&paths, 8, Position(0), Position(3)).unwrap(), other, "it is saved at once");
}

#[test]
fn either_file_alone_is_enough_and_the_newer_one_is_used() {
    let (_dir, paths) = new_paths();
    let mut checkpoint = load(&paths);
    checkpoint.plan(Position(100));
    checkpoint.save(&paths).unwrap();
    let before = fs::read(&paths.0[0]).unwrap();
    checkpoint.complete_first(0);
    checkpoint.plan(Position(150));
    checkpoint.save(&paths).unwrap();
    for lost in 0..2 {
        let kept = fs::read(&paths.0[lost]).unwrap();
        fs::remove_file(&paths.0[lost]).unwrap();
        assert_eq!(load(&paths), checkpoint, "without {lost}");
        fs::write(&paths.0[lost], &before).unwrap();
        assert_eq!(load(&paths), checkpoint, "an older {lost}");
        fs::write(&paths.0[lost], kept).unwrap();
    }
}

#[test]
fn damage_at_any_byte_and_torn_writes_are_detected() {
    let (_dir, paths) = new_paths();
    let mut checkpoint = load(&paths);
    checkpoint.plan(Position(100));
    checkpoint.save(&paths).unwrap();
    let whole = fs::read(&paths.0[0]).unwrap();
    let text = whole.iter().rposition(|byte| *byte != b'\n').unwrap() + 2;
    for at in 0..text {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        fs::write(&paths.0[0], &damaged).unwrap();
        assert_eq!(load(&paths), checkpoint, "byte {at}");
        fs::write(&paths.0[0], &whole[..at]).unwrap();
        assert_eq!(load(&paths), checkpoint, "cut at {at}");
    }
    let before = checkpoint.clone();
    checkpoint.complete_first(0);
    checkpoint.plan(Position(12_345));
    fs::write(&paths.0[0], &whole).unwrap();
    checkpoint.save(&paths).unwrap();
    let after = fs::read(&paths.0[0]).unwrap();
    assert_eq!(after.len(), whole.len(), "no more space is needed");
    for at in 0..text {
        // A crash during the write of the first file; the second is unchanged.
        fs::write(&paths.0[0], [&after[..at], &whole[at..]].concat()).unwrap();
        fs::write(&paths.0[1], &whole).unwrap();
        let found = load(&paths);
        assert!(found == before || found == checkpoint, "torn at {at}: {found:?}");
    }
}

#[test]
fn a_checkpoint_of_an_earlier_version_is_read() {
    let (dir, paths) = new_paths();
    let text = r#"{"journal":7,"delivered":5,"pending":[{"start":5,"end":9}],"inserted":4,"quarantined":1}"#;
    fs::write(dir.path().join("delivery.json"), text).unwrap();
    let found = load(&paths);
    assert!(matches!(ranges(&found).as_slice(), [only] if *only == (5..9)));
    assert_eq!((found.pending()[0].epoch, found.unverified()), (0, None));
}
