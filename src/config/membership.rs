//! `[membership]`: who enters and leaves segments.

use serde::Deserialize;

/// What is kept of the members of segments.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Membership {
    /// How long it is listed who entered and left, days.
    pub changes_days: u32,
    /// Maximum number of such entries, of all sites.
    pub changes_max: u32,
    /// How long sizes by day are kept, days.
    pub history_days: u32,
    /// Maximum number of people found when the members of a segment are counted.
    pub people_max: u32,
    /// Shortest pause between comparisons with the values of customers, minutes.
    pub value_minutes: u32,
}
