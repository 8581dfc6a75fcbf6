//! Last known state of the warehouse, readable without querying it.

use super::Fault;

/// Whether the warehouse can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Availability {
    /// It has not answered yet.
    Starting,
    /// It answers and its tables exist.
    Ready,
    /// It cannot be used.
    Unusable {
        /// Why.
        fault: Fault,
        /// The cause in one line, with host and user names: for the operator only.
        message: String,
    },
}

impl Availability {
    /// Whether it can be queried now.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// The fault, if it is unusable.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Starting | Self::Ready => None,
            Self::Unusable { fault, .. } => Some(*fault),
        }
    }
}
