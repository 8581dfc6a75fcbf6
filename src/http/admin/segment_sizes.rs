//! The report `segments`: sizes by day, as the followed membership keeps them.

use crate::{
    catalog::SiteSnapshot,
    http::{error::ApiError, state::AppState},
    membership::DAYS_MAX,
    model::Timestamp,
    wire::reports::{SegmentSize, SegmentSizes, SegmentsQuestion},
};

const DAY_MS: i64 = 86_400_000;

/// The sizes of segments on the days of a period that have begun.
pub(super) async fn sizes(
    state: &AppState,
    snapshot: &SiteSnapshot,
    question: &SegmentsQuestion,
    now: Timestamp,
) -> Result<SegmentSizes, ApiError> {
    let site = &snapshot.site;
    if question.timezone.as_ref().is_some_and(|zone| *zone != site.timezone) {
        return Err(ApiError::Invalid("timezone must be that of the site: sizes are kept by its days".into()));
    }
    let (from, to) = (question.from.0.0, question.to.0.0);
    let days = now.0.saturating_sub(from).div_euclid(DAY_MS).saturating_add(2);
    if from >= to || days > i64::from(DAYS_MAX) {
        return Err(ApiError::Invalid(format!("from must be before to, and at most {} days ago", DAYS_MAX - 2)));
    }
    let mut listed = state.catalog.segments(site.id).await?;
    if let Some(wanted) = &question.segments {
        if let Some(unknown) = wanted.iter().find(|id| listed.iter().all(|known| known.segment.id != **id)) {
            let id: String = unknown.chars().filter(|c| !c.is_control()).take(100).collect();
            return Err(ApiError::Invalid(format!("there is no segment `{id}`")));
        }
        listed.retain(|known| wanted.contains(&known.segment.id));
    }
    listed.sort_by(|a, b| a.segment.name.cmp(&b.segment.name).then_with(|| a.segment.id.cmp(&b.segment.id)));
    let zone = jiff::tz::TimeZone::get(&site.timezone).unwrap_or(jiff::tz::TimeZone::UTC);
    let date = |ms: i64| {
        let at = jiff::Timestamp::from_millisecond(ms);
        at.map(|at| at.to_zoned(zone.clone()).date().to_string())
            .map_err(|_| ApiError::Invalid("from and to must lie between 1970 and 2100".into()))
    };
    let period = date(from)?..=date(to - 1)?;
    let days = u32::try_from(days.max(1)).unwrap_or(DAYS_MAX);
    let mut rows = Vec::with_capacity(listed.len());
    for known in listed {
        let mut history = state.membership.history(site.id, &known.segment.id, days).await?;
        history.days.retain(|day| period.contains(&day.date));
        rows.push(SegmentSize {
            segment: known.segment.id,
            name: known.segment.name,
            members: history.members,
            days: history.days,
        });
    }
    Ok(SegmentSizes { rows })
}
