//! What became of an imported file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Counts of lines; `read = kept + dropped + rejected`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Lines read.
    pub read: u64,
    /// Lines stored.
    pub kept: u64,
    /// Lines dropped on purpose.
    pub dropped: u64,
    /// Invalid lines.
    pub rejected: u64,
    /// Dropped lines by reason.
    pub dropped_by: BTreeMap<String, u64>,
    /// Invalid lines by reason.
    pub rejected_by: BTreeMap<String, u64>,
    /// Further observations, such as the kinds of bots.
    #[serde(default)]
    pub noticed: BTreeMap<String, u64>,
    /// The first invalid item rows, at most [`Counts::REJECTED_ROWS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_rows: Vec<RejectedRow>,
}

/// An invalid item row.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RejectedRow {
    /// Its line or row number, from 1.
    pub row: u64,
    /// Reason code.
    pub reason: String,
    /// What to fix, in one line.
    pub message: String,
}
