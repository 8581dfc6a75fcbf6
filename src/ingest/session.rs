//! Sessions by inactivity. Provisional: reports derive sessions again from ordered events.

use crate::model::{Timestamp, VisitorId};

/// A period of activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Its first event.
    pub start: Timestamp,
    /// Its last event so far.
    pub last: Timestamp,
}

/// Sessions seen in one request, so that the events of a batch continue each other, and so that the cookie can be
/// renewed afterwards.
#[derive(Debug, Default)]
pub struct Sessions {
    // Nearly always one visitor; a server's batch has at most one per event.
    known: Vec<(VisitorId, Session)>,
}

impl Sessions {
    /// The visitor's current session, if one of their events was kept in this request.
    #[must_use]
    pub fn current(&self, visitor: VisitorId) -> Option<Session> {
        self.known.iter().rev().find(|(id, _)| *id == visitor).map(|(_, session)| *session)
    }

    /// Assigns an event to the visitor's latest session, or starts one after inactivity of `timeout_ms`.
    pub(super) fn assign(
        &mut self,
        visitor: VisitorId,
        at: Timestamp,
        timeout_ms: i64,
        earlier: impl FnOnce() -> Option<Session>,
    ) -> Session {
        let index = self.known.iter().rposition(|(id, _)| *id == visitor);
        let before = index.map(|i| self.known[i].1).or_else(earlier);
        let session = continue_or_start(before, at, timeout_ms);
        // A late event of an earlier session must not replace the current one.
        let current = before.filter(|b| b.last > session.last).unwrap_or(session);
        match index {
            Some(i) => self.known[i].1 = current,
            None => self.known.push((visitor, current)),
        }
        session
    }
}

fn continue_or_start(before: Option<Session>, at: Timestamp, timeout_ms: i64) -> Session {
    match before {
        Some(b) if at.since(b.last) <= timeout_ms && b.start.since(at) <= timeout_ms => {
            Session { start: b.start.min(at), last: b.last.max(at) }
        }
        _ => Session { start: at, last: at },
    }
}

/// The session with the latest activity.
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
    const TIMEOUT: i64 = 30 * MINUTE;

    fn session(start: i64, last: i64) -> Session {
        Session { start: Timestamp(start * MINUTE), last: Timestamp(last * MINUTE) }
    }

    #[test]
    fn a_session_ends_after_the_timeout_and_not_before() {
        let check = |before: Option<Session>, at: i64, expected_start: i64| {
            let session = Sessions::default().assign(VisitorId(1), Timestamp(at * MINUTE), TIMEOUT, || before);
            assert_eq!(session.start, Timestamp(expected_start * MINUTE), "{before:?} at {at}");
        };
        check(None, 5, 5);
        check(Some(session(0, 10)), 40, 0);
        check(Some(session(0, 10)), 41, 41);
        check(Some(session(0, 10)), 3, 0);
        check(Some(session(100, 110)), 90, 90);
        check(Some(session(100, 110)), 20, 20);
    }

    #[test]
    fn events_of_one_batch_share_a_session_and_a_late_event_does_not_end_it() {
        let mut sessions = Sessions::default();
        let mut at = |minute: i64| sessions.assign(VisitorId(1), Timestamp(minute * MINUTE), TIMEOUT, || None).start.0;
        assert_eq!([at(100), at(101), at(2), at(102)], [100, 100, 2, 100].map(|m: i64| m * MINUTE));
        assert_eq!(sessions.current(VisitorId(1)), Some(session(100, 102)));
        assert_eq!(sessions.current(VisitorId(2)), None);
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
