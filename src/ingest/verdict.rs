//! How the way of one event ends. Every event ends in exactly one verdict.

use std::fmt;

use super::robots::Robot;
use crate::model::Event;

/// What becomes of one event.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict<'a> {
    /// It is stored.
    Keep(Box<Event<'a>>),
    /// It is fine but not wanted.
    Drop(DropReason),
    /// It is not acceptable.
    Reject(RejectReason),
}

/// Why an event in good order is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The message was seen before; found by `dedup`, after ingest.
    Duplicate,
    /// A robot sent it, and the site does not keep those.
    Robot(Robot),
    /// Without consent there is nothing left of it, or the site wants nothing of it.
    NoConsent,
    /// It only tells who somebody is, and the site takes no ids.
    NoIds,
    /// The tracker noticed it by itself, and the site does not want that noticed.
    SwitchedOff,
}

impl DropReason {
    /// The word in `Ashna-Outcome` and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::Robot(_) => "robot",
            Self::NoConsent => "no_consent",
            Self::NoIds => "no_ids",
            Self::SwitchedOff => "switched_off",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an event is not acceptable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// It claims to be older than `ingest.past_days_max`, or from a file `ingest.import_past_days_max`.
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
    /// The word in answers and in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnknownType => "unknown_type",
            Self::NameMissing => "name_missing",
            Self::NameTooLong => "name_too_long",
            Self::MessageIdTooLong => "message_id_too_long",
            Self::TooOld => "too_old",
            Self::UserIdMissing => "user_id_missing",
            Self::UserIdTooLong => "user_id_too_long",
            Self::IdentityMissing => "identity_missing",
            Self::PropertiesNotObject => "properties_not_object",
            Self::PropertiesTooDeep => "properties_too_deep",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
