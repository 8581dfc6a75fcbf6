//! Days, midnights, restarts and clock jumps.

use super::*;

const SITE: SiteId = SiteId(1);
const TIMEOUT_MS: i64 = 30 * 60_000;
/// A midnight.
const MIDNIGHT: i64 = 20_416 * DAY_MS;

fn at(minutes_after_midnight: i64) -> Timestamp {
    Timestamp(MIDNIGHT + minutes_after_midnight * 60_000)
}

struct Fixture {
    dir: tempfile::TempDir,
    salts: Salts,
}

impl Fixture {
    fn at(minute: i64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let salts = Salts::open(dir.path(), at(minute));
        Self { dir, salts }
    }

    fn restart(&mut self, minute: i64) {
        self.salts = Salts::open(self.dir.path(), at(minute));
    }

    fn visitor(&self, minute: i64) -> VisitorId {
        self.agent(minute, "Firefox")
    }

    fn agent(&self, minute: i64, user_agent: &str) -> VisitorId {
        self.salts.visitor(SITE, TIMEOUT_MS, [81, 2, 69, 142].into(), user_agent, at(minute))
    }

    fn file(&self) -> Option<String> {
        std::fs::read_to_string(self.dir.path().join(file::NAME)).ok()
    }
}

#[test]
fn ids_are_stable_within_a_day_and_change_with_it() {
    let fixture = Fixture::at(0);
    let first = fixture.visitor(600);
    assert_eq!(first, fixture.visitor(1000));
    assert_ne!(first, fixture.agent(1000, "Chrome"));
    assert_ne!(first, fixture.visitor(1440 + 600));
    assert_ne!(first, Fixture::at(600).visitor(600), "each service has its own salt");
}

#[test]
fn ids_survive_a_restart_within_the_day_and_the_salt_is_destroyed_afterwards() {
    use std::os::unix::fs::PermissionsExt;
    let mut fixture = Fixture::at(600);
    assert_eq!(fixture.file(), None, "no salt is generated before it is needed");
    let first = fixture.visitor(600);
    let path = fixture.dir.path().join(file::NAME);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = fixture.file().unwrap();
    fixture.restart(900);
    assert_eq!(first, fixture.visitor(900));
    // An open handle shows that the old bytes are overwritten, not just unlinked.
    let mut old = std::fs::File::open(&path).unwrap();
    fixture.salts.rotate(at(1440 + 1));
    assert!(fixture.file().unwrap().contains(kept.trim()), "for sessions that continue");
    fixture.salts.rotate(at(1440 + 60));
    assert_eq!(fixture.file(), None);
    let mut remains = String::new();
    std::io::Read::read_to_string(&mut old, &mut remains).unwrap();
    assert!(!remains.contains(&kept[6..20]), "{remains}");
    fixture.restart(1440 + 120);
    assert_ne!(first, fixture.visitor(1440 + 120));
}

#[test]
fn an_expired_salt_is_destroyed_at_start() {
    let mut fixture = Fixture::at(600);
    let first = fixture.visitor(600);
    fixture.restart(3 * 1440);
    assert_eq!(fixture.file(), None);
    assert_ne!(first, fixture.visitor(3 * 1440));
}

#[test]
fn a_session_continues_across_midnight_until_it_ends() {
    let fixture = Fixture::at(600);
    let check = |agent, minutes: &[i64], expected: &[bool]| {
        let ids: Vec<_> = minutes.iter().map(|minute| fixture.agent(1440 + minute, agent)).collect();
        let same: Vec<_> = ids.iter().map(|id| *id == ids[0]).collect();
        assert_eq!(same, expected, "{agent} at {minutes:?}");
    };
    // Minutes around midnight; each agent is another visitor. Time advances from check to check.
    let before: Vec<_> = ["a", "b", "c"].iter().map(|agent| fixture.agent(1440 - 10, agent)).collect();
    let early = fixture.agent(1440 - 55, "d");
    assert_eq!(fixture.agent(1440 + 20, "a"), before[0], "20 minutes into the next day");
    assert_ne!(fixture.agent(1440 + 21, "b"), before[1], "31 minutes later is another session");
    assert_ne!(fixture.agent(1440 + 21, "d"), early);
    check("a", &[45, 70, 95, 126], &[true, true, true, false]);
    assert_eq!(fixture.agent(1440 + 126, "a"), fixture.agent(1440 + 300, "a"), "today's id from now on");
    assert_ne!(fixture.agent(1440 + 126, "c"), before[2]);
}

#[test]
fn a_longer_session_timeout_works_within_the_hour_that_the_salt_is_kept() {
    let fixture = Fixture::at(600);
    let visit = |minute: i64| fixture.salts.visitor(SITE, 2 * 3_600_000, [1, 1, 1, 1].into(), "x", at(minute));
    let first = visit(1440 - 30);
    assert_eq!(first, visit(1440 + 59));
    assert_eq!(first, visit(1440 + 170));
    assert_ne!(first, visit(1440 + 300));
}

#[test]
fn clock_jumps() {
    let check = |from: i64, to: i64, same: bool| {
        let fixture = Fixture::at(from);
        let first = fixture.visitor(from);
        assert_eq!(fixture.visitor(to) == first, same, "{from} to {to}");
    };
    check(5, -5, true);
    check(5, -70, false);
    check(600, 600 - 1440, false);
    check(600, 600 + 365 * 1440, false);
    let fixture = Fixture::at(0);
    let (first, _future) = (fixture.visitor(600), fixture.visitor(600 + 365 * 1440));
    let back = fixture.visitor(601);
    assert_ne!(first, back, "the salt is destroyed");
    assert_eq!(back, fixture.visitor(700));
}

#[test]
fn a_damaged_file_is_ignored() {
    for torn in ["", "x", "20416", "20416 00", "20416 zz\n\n", "\u{fffd} \0", &"9".repeat(5000)] {
        let mut fixture = Fixture::at(0);
        std::fs::write(fixture.dir.path().join(file::NAME), torn).unwrap();
        fixture.restart(1);
        assert_eq!(fixture.visitor(1), fixture.visitor(2), "{torn:.20}");
    }
}

#[test]
fn requests_do_not_write_the_file_at_midnight_or_when_a_salt_expires() {
    let mut fixture = Fixture::at(600);
    fixture.visitor(600);
    fixture.salts.rotate(at(1440 - 3));
    let before = fixture.file().unwrap();
    assert_eq!(before.lines().count(), 2, "the next day's salt is on disk before it is needed: {before}");
    // The modification time shows whether a request writes the file.
    let modified = || std::fs::metadata(fixture.dir.path().join(file::NAME)).unwrap().modified().unwrap();
    let written = modified();
    let next = fixture.visitor(1440 + 1);
    fixture.visitor(1440 + 61);
    assert_eq!((fixture.file().unwrap(), modified()), (before.clone(), written), "requests do not write the file");
    fixture.salts.rotate(at(1440 + 62));
    let after = fixture.file().unwrap();
    assert_eq!(after.lines().count(), 1, "yesterday's is destroyed within the minute: {after}");
    assert!(before.contains(after.trim()));
    fixture.restart(1440 + 100);
    assert_eq!(fixture.visitor(1440 + 100), next);
}
