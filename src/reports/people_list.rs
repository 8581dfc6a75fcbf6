//! Lists of people: those that match a text, and those last seen.

use serde::Deserialize;

use super::{Report, ReportError, Reports, check_text, invalid, moment, non_empty, people, period::DAY_MS};
use crate::{
    model::{Site, Timestamp, VisitorId},
    store::{Param, Row, Statement, statement},
    wire::{
        people::{FoundBy, PersonRow},
        reports::CountUnit,
    },
};

const SEARCH: &str = include_str!("../store/sql/reports.people_search.sql");
const LAST_SEEN: &str = include_str!("../store/sql/reports.people_last_seen.sql");
const ROWS: &str = include_str!("../store/sql/reports.people_rows.sql");
/// `$VISITORS` where visitors are joined, and where not.
const VISITORS_JOINED: &str =
    "SELECT visitor FROM merged WHERE person IN (SELECT who FROM asked) UNION ALL SELECT who FROM asked";
const VISITORS_ALONE: &str = "SELECT who FROM asked";
/// Visitors found by one kind of id.
const FOUND_MAX: u32 = 20;
/// Days of events that are read for the people last seen: the next only if the one before had too few people.
const DAYS_READ: [i64; 5] = [1, 7, 30, 366, 50 * 366];
/// A hash that no text has.
const NO_HASH: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// A place in a list: the value it is sorted by, and the visitor.
pub type ListPlace = (i64, VisitorId);

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// A user id, an order id, an anonymousId, or a hash as in [`crate::wire::customers`].
    pub text: &'a str,
    /// The visitor with this id.
    pub visitor: VisitorId,
    /// Whether user ids and hashes are searched, which could confirm a guess at masked data.
    pub personal: bool,
}

#[derive(Row, Deserialize)]
struct FoundRow {
    visitor: u128,
    found_by: u8,
}

#[derive(Row, Deserialize)]
struct SeenRow {
    who: u128,
    last_ms: i64,
}

#[derive(Row, Deserialize)]
struct PersonRecord {
    who: u128,
    asked_visitors: Vec<u128>,
    visitors: u64,
    first_ms: i64,
    last_ms: i64,
    events: u64,
    user_id: String,
    country: String,
    device: String,
}

impl Reports {
    /// The visitors that match, and by what, the surest match first.
    ///
    /// # Errors
    /// If the text is too long, or the warehouse fails.
    pub async fn search_people(
        &self,
        site: &Site,
        search: Search<'_>,
    ) -> Result<Vec<(VisitorId, FoundBy)>, ReportError> {
        check_text("search", search.text)?;
        let is_hash = search.text.len() == NO_HASH.len() && search.text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let params = [
            ("site", Param::U32(site.id.0)),
            ("text", search.text.into()),
            ("hash", if is_hash { search.text } else { NO_HASH }.into()),
            ("visitor", Param::U128(search.visitor.0)),
            ("personal", Param::U8(u8::from(search.personal))),
            ("limit", Param::U32(FOUND_MAX)),
        ];
        let rows: Vec<FoundRow> = self.start(Report::People).query(SEARCH, &params).await?;
        let found = |row: FoundRow| {
            let by = match row.found_by {
                1 => FoundBy::UserId,
                2 => FoundBy::Email,
                3 => FoundBy::Phone,
                4 => FoundBy::Order,
                _ => FoundBy::Visitor,
            };
            (VisitorId(row.visitor), by)
        };
        Ok(rows.into_iter().map(found).collect())
    }

    /// The people last seen, after a place in this list: at most `limit`, each with the time.
    ///
    /// # Errors
    /// If the queue is full, or the warehouse fails.
    pub async fn people_last_seen(
        &self,
        site: &Site,
        after: Option<ListPlace>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<ListPlace>, ReportError> {
        let run = self.start(Report::People);
        let joined = people::are_joined(&run, site.id, CountUnit::Person).await?;
        let (before_ms, before) = after.unwrap_or((i64::MAX, VisitorId(0)));
        let mut found = Vec::new();
        for days in DAYS_READ {
            let from = now.0.min(before_ms) - days * DAY_MS;
            let params = [
                ("site", Param::U32(site.id.0)),
                ("from_ms", Param::I64(from.max(0))),
                ("before_ms", Param::I64(before_ms)),
                ("before", Param::U128(before.0)),
                ("limit", Param::U32(u32::try_from(limit).unwrap_or(u32::MAX))),
            ];
            found = run.query::<SeenRow>(Statement::with(LAST_SEEN, &statement::people(joined)), &params).await?;
            if found.len() >= limit || from <= 0 {
                break;
            }
        }
        Ok(found.into_iter().map(|row| (row.last_ms, VisitorId(row.who))).collect())
    }

    /// What is known of these people, in their order, each once; those without events are left out.
    ///
    /// # Errors
    /// If the warehouse fails.
    pub async fn person_rows(&self, site: &Site, visitors: &[VisitorId]) -> Result<Vec<PersonRow>, ReportError> {
        if visitors.is_empty() {
            return Ok(Vec::new());
        }
        if visitors.len() > super::LIMIT_MAX as usize {
            return invalid("too many people in one list");
        }
        let run = self.start(Report::People);
        let joined = people::are_joined(&run, site.id, CountUnit::Person).await?;
        let mut fragments = vec![("$VISITORS", if joined { VISITORS_JOINED } else { VISITORS_ALONE })];
        fragments.extend(statement::people(joined));
        let params = [
            ("site", Param::U32(site.id.0)),
            ("people", Param::ArrayU128(visitors.iter().map(|visitor| visitor.0).collect())),
        ];
        let mut records: Vec<PersonRecord> = run.query(Statement::with(ROWS, &fragments), &params).await?;
        let place = |record: &PersonRecord| {
            visitors.iter().position(|visitor| record.who == visitor.0 || record.asked_visitors.contains(&visitor.0))
        };
        records.sort_by_cached_key(|record| place(record).unwrap_or(usize::MAX));
        Ok(records.into_iter().map(|record| person_row(record, visitors)).collect())
    }
}

/// The row names the visitor that was asked for, so that its page is the one that opens.
fn person_row(record: PersonRecord, asked: &[VisitorId]) -> PersonRow {
    let named = asked.iter().find(|visitor| record.asked_visitors.contains(&visitor.0));
    PersonRow {
        visitor: named.copied().unwrap_or(VisitorId(record.who)).to_string(),
        user_id: non_empty(record.user_id),
        visitors: record.visitors,
        first_seen: moment(record.first_ms),
        last_seen: moment(record.last_ms),
        events: record.events,
        country: record.country,
        device: record.device,
        value: None,
        found_by: None,
    }
}
