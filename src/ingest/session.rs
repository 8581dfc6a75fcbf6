//! Sessions by inactivity. Provisional: reports derive sessions anew from ordered events.

use crate::model::{Timestamp, VisitorId};

/// A stretch of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its first event.
    pub start: Timestamp,
    /// Its last event so far.
    pub last: Timestamp,
}

/// Sessions seen in one request, so that the events of a batch follow one another, and so that the
/// cookie can be renewed with the last of them afterwards.
#[derive(Debug, Default)]
pub struct Sessions {
    // Nearly always one visitor; a server's batch has at most as many as it has events.
    known: Vec<(VisitorId, Session)>,
}

impl Sessions {
    /// Where the visitor's session stands now, if an event of theirs was kept in this request.
    #[must_use]
    pub fn of(&self, visitor: VisitorId) -> Option<Session> {
        self.known.iter().rev().find(|(id, _)| *id == visitor).map(|(_, session)| *session)
    }

    /// Places an event: it goes on with the session last active, or begins one after a pause.
    pub(super) fn place(
        &mut self,
        visitor: VisitorId,
        at: Timestamp,
        pause_ms: i64,
        earlier: impl FnOnce() -> Option<Session>,
    ) -> Session {
        let index = self.known.iter().rposition(|(id, _)| *id == visitor);
        let before = index.map(|i| self.known[i].1).or_else(earlier);
        let session = follow(before, at, pause_ms);
        // A straggler of an earlier session must not pull the current one back.
        let current = before.filter(|b| b.last > session.last).unwrap_or(session);
        match index {
            Some(i) => self.known[i].1 = current,
            None => self.known.push((visitor, current)),
        }
        session
    }
}

fn follow(before: Option<Session>, at: Timestamp, pause_ms: i64) -> Session {
    match before {
        Some(b) if at.since(b.last) <= pause_ms && b.start.since(at) <= pause_ms => {
            Session { start: b.start.min(at), last: b.last.max(at) }
        }
        _ => Session { start: at, last: at },
    }
}

/// The one of two with the latest activity.
pub(super) fn latest(a: Option<Session>, b: Option<Session>) -> Option<Session> {
    match (a, b) {
        (Some(a), Some(b)) => Some(if b.last > a.last { b } else { a }),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;
    const PAUSE: i64 = 30 * MINUTE;

    fn session(start: i64, last: i64) -> Session {
        Session { start: Timestamp(start * MINUTE), last: Timestamp(last * MINUTE) }
    }

    #[test]
    fn a_session_ends_after_the_pause_and_not_before() {
        let check = |before: Option<Session>, at: i64, expected_start: i64| {
            let placed = Sessions::default().place(VisitorId(1), Timestamp(at * MINUTE), PAUSE, || before);
            assert_eq!(placed.start, Timestamp(expected_start * MINUTE), "{before:?} at {at}");
        };
        check(None, 5, 5);
        check(Some(session(0, 10)), 40, 0);
        check(Some(session(0, 10)), 41, 41);
        check(Some(session(0, 10)), 3, 0);
        check(Some(session(100, 110)), 90, 90);
        check(Some(session(100, 110)), 20, 20);
    }

    #[test]
    fn events_of_one_batch_share_a_session_and_a_straggler_does_not_end_it() {
        let mut sessions = Sessions::default();
        let mut at = |minute: i64| sessions.place(VisitorId(1), Timestamp(minute * MINUTE), PAUSE, || None).start.0;
        assert_eq!([at(100), at(101), at(2), at(102)], [100, 100, 2, 100].map(|m: i64| m * MINUTE));
        assert_eq!(sessions.of(VisitorId(1)), Some(session(100, 102)));
        assert_eq!(sessions.of(VisitorId(2)), None);
    }

    #[test]
    fn the_latest_activity_wins() {
        let (a, b) = (session(0, 5), session(3, 9));
        assert_eq!(latest(Some(a), Some(b)), Some(b));
        assert_eq!(latest(Some(b), Some(a)), Some(b));
        assert_eq!(latest(None, Some(a)), Some(a));
        assert_eq!(latest(None, None), None);
    }
}
