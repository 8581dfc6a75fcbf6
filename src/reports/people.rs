//! Counting people: whether the visitors (browsers, devices) of one person count as one.

use super::{ReportError, ReportRun};
use crate::{model::SiteId, store::Param, wire::reports::CountUnit};

const HAS_MERGED_VISITORS: &str = include_str!("../store/sql/reports.has_merged_visitors.sql");

/// Whether a report has to join visitors. Most sites have no person with several visitors, and then it costs nothing.
pub(super) async fn are_joined(run: &ReportRun<'_>, site: SiteId, unit: CountUnit) -> Result<bool, ReportError> {
    let is_asked_for = unit == CountUnit::Person;
    Ok(is_asked_for && !run.query::<u8>(HAS_MERGED_VISITORS, &[("site", Param::U32(site.0))]).await?.is_empty())
}
