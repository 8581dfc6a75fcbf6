//! The result of ingesting one event. Every event gets exactly one verdict.

use super::user_agent::Robot;
use crate::model::Event;

/// The result for one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// It is stored.
    Keep(Box<Event<'a>>),
    /// It is valid but not wanted.
    Drop(DropReason),
    /// It is invalid.
    Reject(RejectReason),
}

/// Why a valid event is not stored. The names are those of `Ashna-Outcome` and of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum DropReason {
    /// The message was seen before; found by `dedup`, after ingest.
    Duplicate,
    /// A robot sent it, and the site does not keep robots.
    Robot(Robot),
    /// Nothing of it may be stored without consent, or the site stores nothing without consent.
    NoConsent,
    /// It only identifies a visitor, and the site is cookieless.
    NoIds,
    /// It occurred before its visitor or user was erased; found after ingest.
    Erased,
    /// It came from a network that the site leaves out.
    IgnoredNetwork,
    /// The tracker captured it automatically, and the site has that kind disabled.
    SwitchedOff,
}

impl DropReason {
    /// The name in `Ashna-Outcome` and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why an event is invalid. The names are those of responses and of metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RejectReason {
    /// It is no JSON object, or names a field twice.
    Malformed,
    /// It is larger than `ingest.event_bytes_max`.
    TooLarge,
    /// Its `type` is none of the six calls.
    UnknownType,
    /// A `track` call without an event name.
    NameMissing,
    /// An event name of more than 200 characters.
    NameTooLong,
    /// A message id of more than 100 characters.
    MessageIdTooLong,
    /// Its time is older than `ingest.past_days_max`, or in a file `ingest.import_past_days_max`.
    TooOld,
    /// An `alias` call without a user id.
    UserIdMissing,
    /// A user id of more than 256 characters.
    UserIdTooLong,
    /// A call from a server with neither anonymous id nor user id.
    IdentityMissing,
    /// Properties or traits that are no JSON object.
    PropertiesNotObject,
    /// Properties or traits nested too deeply.
    PropertiesTooDeep,
}

impl RejectReason {
    /// The name in responses and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
