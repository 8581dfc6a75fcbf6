//! Days, midnights, restarts and clocks that jump.

use super::*;

const SITE: SiteId = SiteId(1);
const PAUSE: i64 = 30 * 60_000;
/// A midnight.
const MIDNIGHT: i64 = 20_416 * DAY_MS;

fn at(minutes_after_midnight: i64) -> Timestamp {
    Timestamp(MIDNIGHT + minutes_after_midnight * 60_000)
}

struct Day {
    dir: tempfile::TempDir,
    salts: Salts,
}

impl Day {
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
        self.salts.visitor(SITE, PAUSE, [81, 2, 69, 142].into(), user_agent, at(minute))
    }

    fn file(&self) -> Option<String> {
        std::fs::read_to_string(self.dir.path().join(file::NAME)).ok()
    }
}

#[test]
fn one_day_one_id_and_another_day_another() {
    let day = Day::at(0);
    let first = day.visitor(600);
    assert_eq!(first, day.visitor(1000));
    assert_ne!(first, day.agent(1000, "Chrome"));
    assert_ne!(first, day.visitor(1440 + 600));
    assert_ne!(first, Day::at(600).visitor(600), "another service, another salt");
}

#[test]
fn a_restart_within_the_day_agrees_and_nothing_survives_the_day() {
    use std::os::unix::fs::PermissionsExt;
    let mut day = Day::at(600);
    assert_eq!(day.file(), None, "nothing is drawn before it is needed");
    let first = day.visitor(600);
    let path = day.dir.path().join(file::NAME);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let kept = day.file().unwrap();
    day.restart(900);
    assert_eq!(first, day.visitor(900));
    // An open handle sees what the disk held: the old bytes are gone, not just the name.
    let mut old = std::fs::File::open(&path).unwrap();
    day.salts.tidy(at(1440 + 1));
    assert!(day.file().unwrap().contains(kept.trim()), "for sessions under way");
    day.salts.tidy(at(1440 + 60));
    assert_eq!(day.file(), None);
    let mut remains = String::new();
    std::io::Read::read_to_string(&mut old, &mut remains).unwrap();
    assert!(!remains.contains(&kept[6..20]), "{remains}");
    day.restart(1440 + 120);
    assert_ne!(first, day.visitor(1440 + 120));
}

#[test]
fn a_service_that_slept_over_midnight_destroys_the_salt_when_it_wakes() {
    let mut day = Day::at(600);
    let first = day.visitor(600);
    day.restart(3 * 1440);
    assert_eq!(day.file(), None);
    assert_ne!(first, day.visitor(3 * 1440));
}

#[test]
fn a_session_goes_on_across_midnight_and_ends_when_it_ends() {
    let day = Day::at(600);
    let check = |agent, minutes: &[i64], expected: &[bool]| {
        let ids: Vec<_> = minutes.iter().map(|minute| day.agent(1440 + minute, agent)).collect();
        let same: Vec<_> = ids.iter().map(|id| *id == ids[0]).collect();
        assert_eq!(same, expected, "{agent} at {minutes:?}");
    };
    // Minutes around midnight; each agent is somebody else. Time goes on from check to check.
    let before: Vec<_> = ["a", "b", "c"].iter().map(|agent| day.agent(1440 - 10, agent)).collect();
    let early = day.agent(1440 - 55, "d");
    assert_eq!(day.agent(1440 + 20, "a"), before[0], "20 minutes into the next day");
    assert_ne!(day.agent(1440 + 21, "b"), before[1], "31 minutes later is another session");
    assert_ne!(day.agent(1440 + 21, "d"), early);
    check("a", &[45, 70, 95, 126], &[true, true, true, false]);
    assert_eq!(day.agent(1440 + 126, "a"), day.agent(1440 + 300, "a"), "today's id from now on");
    assert_ne!(day.agent(1440 + 126, "c"), before[2]);
}

#[test]
fn a_longer_pause_of_a_site_holds_within_the_hour_that_the_salt_lives_on() {
    let day = Day::at(600);
    let visit = |minute: i64| day.salts.visitor(SITE, 2 * 3_600_000, [1, 1, 1, 1].into(), "x", at(minute));
    let first = visit(1440 - 30);
    assert_eq!(first, visit(1440 + 59));
    assert_eq!(first, visit(1440 + 170));
    assert_ne!(first, visit(1440 + 300));
}

#[test]
fn clocks_that_jump() {
    let check = |from: i64, to: i64, same: bool| {
        let day = Day::at(from);
        let first = day.visitor(from);
        assert_eq!(day.visitor(to) == first, same, "{from} to {to}");
    };
    check(5, -5, true);
    check(5, -70, false);
    check(600, 600 - 1440, false);
    check(600, 600 + 365 * 1440, false);
    let day = Day::at(0);
    let (first, _future) = (day.visitor(600), day.visitor(600 + 365 * 1440));
    let back = day.visitor(601);
    assert_ne!(first, back, "the salt is gone for good");
    assert_eq!(back, day.visitor(700));
}

#[test]
fn a_torn_file_is_no_error() {
    for torn in ["", "x", "20416", "20416 00", "20416 zz\n\n", "\u{fffd} \0", &"9".repeat(5000)] {
        let mut day = Day::at(0);
        std::fs::write(day.dir.path().join(file::NAME), torn).unwrap();
        day.restart(1);
        assert_eq!(day.visitor(1), day.visitor(2), "{torn:.20}");
    }
}

#[test]
fn no_request_writes_the_file_at_midnight_or_when_a_salt_has_had_its_day() {
    let mut day = Day::at(600);
    day.visitor(600);
    day.salts.tidy(at(1440 - 3));
    let before = day.file().unwrap();
    assert_eq!(before.lines().count(), 2, "the next day's salt is on disk before it is needed: {before}");
    // A file that cannot be replaced shows whoever tries.
    let modified = || std::fs::metadata(day.dir.path().join(file::NAME)).unwrap().modified().unwrap();
    let written = modified();
    let next = day.visitor(1440 + 1);
    day.visitor(1440 + 61);
    assert_eq!((day.file().unwrap(), modified()), (before.clone(), written), "requests leave the file alone");
    day.salts.tidy(at(1440 + 62));
    let after = day.file().unwrap();
    assert_eq!(after.lines().count(), 1, "yesterday's is destroyed within the minute: {after}");
    assert!(before.contains(after.trim()));
    day.restart(1440 + 100);
    assert_eq!(day.visitor(1440 + 100), next);
}
