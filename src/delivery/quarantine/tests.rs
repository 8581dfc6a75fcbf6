//! Torn lines, erased lines, replayed lines.

use super::*;

fn id(entry: &QuarantineEntry) -> RecordId {
    RecordId { journal: entry.journal, position: entry.position }
}

#[test]
fn lines_survive_a_torn_neighbour_and_are_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(&dir.path().join("q")).unwrap();
    assert_eq!(quarantine.list(9).unwrap(), []);
    let first = QuarantineEntry::refused(1, Position(4), "bad", b"\0row");
    quarantine.add(std::slice::from_ref(&first)).unwrap();
    OpenOptions::new().append(true).open(&quarantine.path).unwrap().write_all(b"{\"journal\":1,\"pos").unwrap();
    let second = QuarantineEntry::lost(1, &(Position(6)..Position(9)));
    quarantine.add(&[first.clone(), second.clone()]).unwrap();
    assert_eq!(first.bytes().unwrap(), b"\0row");
    assert_eq!(quarantine.list(9).unwrap(), [first.clone(), second.clone()]);
    let mut reader = quarantine.reader().unwrap();
    assert_eq!(reader.next(1).unwrap(), std::slice::from_ref(&first));
    assert_eq!(reader.next(9).unwrap(), [second]);
    let expected = [4, 6, 7].map(Position).into();
    assert_eq!(quarantine.positions(1, &(Position(0)..Position(8))).unwrap(), expected);
    assert_eq!(quarantine.list(1).unwrap(), [first]);
}

#[test]
fn erasing_removes_the_payload_from_the_file_and_keeps_the_line() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(dir.path()).unwrap();
    assert_eq!(quarantine.erase(|_| true).unwrap(), 0, "there is no file yet");
    let [erased, other] =
        [(4, b"erased"), (5, b"others")].map(|(at, row)| QuarantineEntry::refused(1, Position(at), "bad", row));
    let lost = QuarantineEntry::lost(1, &(Position(6)..Position(9)));
    quarantine.add(&[erased.clone(), other.clone(), lost.clone()]).unwrap();
    quarantine.mark_replayed(id(&other)).unwrap();
    fs::write(quarantine.path.with_extension("new"), "left by a crash").unwrap();
    OpenOptions::new().append(true).open(&quarantine.path).unwrap().write_all(b"{\"unread\":able}\n").unwrap();
    assert_eq!(quarantine.erase(|record| record == b"erased").unwrap(), 1);
    assert!(!fs::read_to_string(&quarantine.path).unwrap().contains(&erased.payload));
    let text = fs::read_to_string(&quarantine.path).unwrap();
    assert!(text.contains("{\"unread\":able}"), "unreadable lines are kept: {text}");
    let empty = QuarantineEntry { payload: String::new(), reason: ERASED.into(), ..erased };
    assert_eq!(quarantine.list(9).unwrap(), [empty, lost.clone()]);
    assert_eq!(quarantine.erase(|record| record == b"erased").unwrap(), 0);
    assert_eq!(quarantine.erase(|record| record == b"others").unwrap(), 1, "including replayed ones");
    quarantine.add(&[QuarantineEntry::refused(1, Position(10), "bad", b"new")]).unwrap();
    assert_eq!(quarantine.list(9).unwrap().len(), 3);
}

#[test]
fn a_line_that_is_too_long_stays_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(dir.path()).unwrap();
    let [erased, other] =
        [(4, b"erased"), (5, b"others")].map(|(at, row)| QuarantineEntry::refused(1, Position(at), "bad", row));
    // What follows its first MiB looks like a line of its own.
    let inner = serde_json::to_string(&QuarantineEntry::refused(1, Position(9), "bad", b"inner")).unwrap();
    let long = "x".repeat(1024 * 1024) + &inner + &"y".repeat(3 * 1024 * 1024);
    quarantine.add(std::slice::from_ref(&erased)).unwrap();
    let mut file = OpenOptions::new().append(true).open(&quarantine.path).unwrap();
    file.write_all(format!("{long}\n").as_bytes()).unwrap();
    quarantine.add(std::slice::from_ref(&other)).unwrap();
    assert_eq!(quarantine.list(9).unwrap(), [erased.clone(), other]);
    assert_eq!(quarantine.erase(|record| record == b"erased").unwrap(), 1);
    let text = fs::read_to_string(&quarantine.path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[1] == long, "unchanged");
}

#[test]
fn replayed_records_are_no_longer_listed_and_counted_once() {
    let dir = tempfile::tempdir().unwrap();
    let quarantine = Quarantine::open(dir.path()).unwrap();
    let [first, second] = [4, 5].map(|at| QuarantineEntry::refused(1, Position(at), "bad", b"row"));
    quarantine.add(&[first.clone(), second.clone()]).unwrap();
    quarantine.mark_replayed(id(&first)).unwrap();
    OpenOptions::new().append(true).open(&quarantine.replayed).unwrap().write_all(b"{\"jour").unwrap();
    quarantine.mark_replayed(id(&first)).unwrap();
    quarantine.mark_replayed(RecordId { journal: 2, position: Position(4) }).unwrap();
    assert_eq!(quarantine.list(9).unwrap(), [second]);
    assert_eq!((quarantine.count_replayed(1).unwrap(), quarantine.count_replayed(2).unwrap()), (1, 1));
}
