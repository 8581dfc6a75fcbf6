//! Torn lines, erased lines, replayed lines.

use super::*;

fn name(entry: &Entry) -> Name {
    Name { journal: entry.journal, position: entry.position }
}

#[test]
fn lines_survive_a_torn_neighbour_and_are_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(&dir.path().join("q")).unwrap();
    assert_eq!(quarantine.list(9).unwrap(), []);
    let first = Entry::refused(1, Position(4), "bad", b"\0row");
    quarantine.add(std::slice::from_ref(&first)).unwrap();
    OpenOptions::new().append(true).open(&quarantine.path).unwrap().write_all(b"{\"journal\":1,\"pos").unwrap();
    let second = Entry::lost(1, &(Position(6)..Position(9)));
    quarantine.add(&[first.clone(), second.clone()]).unwrap();
    assert_eq!(first.bytes().unwrap(), b"\0row");
    assert_eq!(quarantine.list(9).unwrap(), [first.clone(), second.clone()]);
    let mut reading = quarantine.reading().unwrap();
    assert_eq!(reading.next(1).unwrap(), std::slice::from_ref(&first));
    assert_eq!(reading.next(9).unwrap(), [second]);
    let expected = [4, 6, 7].map(Position).into();
    assert_eq!(quarantine.positions(1, &(Position(0)..Position(8))).unwrap(), expected);
    assert_eq!(quarantine.list(1).unwrap(), [first]);
}

#[test]
fn what_is_erased_is_gone_from_the_file_and_its_line_stays() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(dir.path()).unwrap();
    assert_eq!(quarantine.erase(|_| true).unwrap(), 0, "there is no file yet");
    let [theirs, other] = [(4, b"theirs"), (5, b"others")].map(|(at, row)| Entry::refused(1, Position(at), "bad", row));
    let lost = Entry::lost(1, &(Position(6)..Position(9)));
    quarantine.add(&[theirs.clone(), other.clone(), lost.clone()]).unwrap();
    quarantine.note_replayed(name(&other)).unwrap();
    fs::write(quarantine.path.with_extension("new"), "left by a crash").unwrap();
    OpenOptions::new().append(true).open(&quarantine.path).unwrap().write_all(b"{\"unread\":able}\n").unwrap();
    assert_eq!(quarantine.erase(|record| record == b"theirs").unwrap(), 1);
    assert!(!fs::read_to_string(&quarantine.path).unwrap().contains(&theirs.payload));
    let text = fs::read_to_string(&quarantine.path).unwrap();
    assert!(text.contains("{\"unread\":able}"), "what cannot be read is nobody's to drop: {text}");
    let empty = Entry { payload: String::new(), reason: ERASED.into(), ..theirs };
    assert_eq!(quarantine.list(9).unwrap(), [empty, lost.clone()]);
    assert_eq!(quarantine.erase(|record| record == b"theirs").unwrap(), 0);
    assert_eq!(quarantine.erase(|record| record == b"others").unwrap(), 1, "replayed ones too");
    quarantine.add(&[Entry::refused(1, Position(10), "bad", b"new")]).unwrap();
    assert_eq!(quarantine.list(9).unwrap().len(), 3);
}

#[test]
fn what_was_replayed_is_listed_no_more_and_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(dir.path()).unwrap();
    let [first, second] = [4, 5].map(|at| Entry::refused(1, Position(at), "bad", b"row"));
    quarantine.add(&[first.clone(), second.clone()]).unwrap();
    quarantine.note_replayed(name(&first)).unwrap();
    OpenOptions::new().append(true).open(&quarantine.replayed).unwrap().write_all(b"{\"jour").unwrap();
    quarantine.note_replayed(name(&first)).unwrap();
    quarantine.note_replayed(Name { journal: 2, position: Position(4) }).unwrap();
    assert_eq!(quarantine.list(9).unwrap(), [second]);
    assert_eq!((quarantine.replayed(1).unwrap(), quarantine.replayed(2).unwrap()), (1, 1));
}
