//! The `segments` report.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Moment;
use crate::wire::segments::SegmentDay;

/// Request of the `segments` report. Days are those of the site's time zone.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentsQuestion {
    /// Start of the period, inclusive.
    pub from: Moment,
    /// End of the period, exclusive.
    pub to: Moment,
    /// IANA time zone; that of the site is the only one, because sizes are kept by its days.
    #[serde(default)]
    pub timezone: Option<String>,
    /// Ids of the segments; absent: all.
    #[serde(default)]
    pub segments: Option<Vec<String>>,
}

/// The sizes of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentSize {
    /// Id of the segment.
    pub segment: String,
    /// Its name.
    pub name: String,
    /// Members now; null until they are counted.
    pub members: Option<u64>,
    /// The days of the period since the segment is followed, oldest first.
    pub days: Vec<SegmentDay>,
}

/// Response of the `segments` report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SegmentSizes {
    /// One row per segment, in the order of their names.
    pub rows: Vec<SegmentSize>,
}
