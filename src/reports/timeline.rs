//! A person's events, page by page, of one kind or channel, with a text.

use serde::Deserialize;

use super::{
    Report, ReportError, Reports, check_text, invalid,
    satisfaction::EVENT_NAMES,
    visitor::{TimelineRow, timeline_entry},
};
use crate::{
    model::{ContactChannel, Site, VisitorId},
    store::{Param, Row},
    wire::{people::TimelineKind, reports::Timeline},
};

const ENTRIES: &str = include_str!("../store/sql/reports.visitor_entries.sql");
const LIMIT_DEFAULT: u32 = 50;
/// Rows of `visitor_events` that tell the days to read, where the events themselves decide whether they are listed.
const DAYS_ROWS_MAX: u32 = 1_000_000;
/// Milliseconds of the year 2100: before it lies every event.
const END_MS: i64 = 4_102_444_800_000;

/// Which events of a person.
#[derive(Debug, Clone, Default)]
pub struct TimelineQuestion {
    /// Of this kind.
    pub kind: TimelineKind,
    /// Over this contact channel; empty: any.
    pub channel: String,
    /// With this text; empty: any.
    pub search: String,
    /// The `next` of the previous answer; empty: from the newest.
    pub before: String,
    /// At most this many.
    pub limit: Option<u32>,
    /// Whether properties are searched.
    pub in_properties: bool,
}

#[derive(Row, Deserialize)]
struct EntryRow {
    at_ms: i64,
    journal: u64,
    position: u64,
    kind: u8,
    name: String,
    contact_channel: String,
    path: String,
    item: String,
    properties: String,
}

impl Reports {
    /// Events of a visitor and the same user's other browsers, newest first.
    ///
    /// # Errors
    /// If the question is invalid, or the warehouse fails.
    pub async fn timeline(
        &self,
        site: &Site,
        visitor: VisitorId,
        question: &TimelineQuestion,
    ) -> Result<Timeline, ReportError> {
        let search = question.search.trim();
        check_text("search", search)?;
        let channel = match question.channel.trim() {
            "" => "",
            name => ContactChannel::parse(name).map_or_else(
                || invalid("channel must be web, app, email, sms, push, call_centre or shop"),
                |channel| Ok(channel.as_str()),
            )?,
        };
        let Some((before_ms, journal, position)) = place(&question.before) else {
            return invalid("before is the `next` of the previous answer");
        };
        let limit = question.limit.unwrap_or(LIMIT_DEFAULT);
        if !(1..=super::LIMIT_MAX).contains(&limit) {
            return invalid(["limit must be 1 to ", &super::LIMIT_MAX.to_string()].concat());
        }
        let by_events_alone = channel.is_empty() && search.is_empty() && question.kind != TimelineKind::Contacts;
        let show: &'static str = question.kind.into();
        let run = self.start(Report::Visitor);
        let visitors = run.visitors_of_same_user(site, visitor).await?;
        let params = [
            ("site", Param::U32(site.id.0)),
            ("visitors", Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect())),
            ("before_ms", Param::I64(before_ms)),
            ("before_journal", Param::U64(journal)),
            ("before_position", Param::U64(position)),
            ("show", show.into()),
            ("feedback", Param::ArrayStr(EVENT_NAMES.iter().map(|(name, _)| (*name).to_owned()).collect())),
            ("channel", channel.into()),
            ("search", search.into()),
            ("in_properties", Param::U8(u8::from(question.in_properties))),
            // One more shows whether the list goes on.
            ("days", Param::U32(if by_events_alone { limit + 1 } else { DAYS_ROWS_MAX })),
            ("limit", Param::U32(limit + 1)),
        ];
        let mut rows: Vec<EntryRow> = run.query(ENTRIES, &params).await?;
        let goes_on = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| goes_on);
        let next = next.map(|row| format!("{}.{}.{}", row.at_ms, row.journal, row.position));
        Ok(Timeline { entries: rows.into_iter().map(entry).collect(), next })
    }
}

fn entry(row: EntryRow) -> crate::wire::reports::TimelineEntry {
    let EntryRow { at_ms, kind, name, contact_channel, path, item, properties, .. } = row;
    timeline_entry(TimelineRow { at_ms, kind, name, contact_channel, path, item, properties })
}

/// A place in the list: time, journal, position.
fn place(text: &str) -> Option<(i64, u64, u64)> {
    if text.is_empty() {
        return Some((END_MS, 0, 0));
    }
    let mut parts = text.splitn(3, '.');
    let ms = parts.next()?.parse().ok().filter(|ms| (0..=END_MS).contains(ms))?;
    Some((ms, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_is_read_as_it_was_written() {
        assert_eq!(place(""), Some((END_MS, 0, 0)));
        assert_eq!(place("1700000000000.18446744073709551615.7"), Some((1_700_000_000_000, u64::MAX, 7)));
        for wrong in ["x", "1", "1.2", "-1.2.3", "1.2.3.4", "99999999999999999.1.1"] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }
}
