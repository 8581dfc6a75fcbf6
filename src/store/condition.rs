//! How the warehouse is, for whoever must know without asking it.

use super::Fault;

/// How the warehouse is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Not known to answer yet.
    Starting,
    /// It answers and has its tables.
    Ready,
    /// It cannot be used.
    Unusable {
        /// Why.
        fault: Fault,
        /// The same in one line with names, for its owner alone.
        message: String,
    },
}

impl Condition {
    /// Whether it can be asked now.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        matches!(self, Self::Ready)
    }

    /// What is wrong, if anything is.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        match self {
            Self::Starting | Self::Ready => None,
            Self::Unusable { fault, .. } => Some(*fault),
        }
    }
}
