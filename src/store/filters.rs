//! Filters of reports as SQL.
//!
//! A statement says where filters apply, and is filled for a question by [`FilterSql::statement`]:
//!
//! * `$IF_FILTERED{…}`: only there with filters; `$KEEPS` within it is the condition on an event of the table `events`,
//! * `$FILTER_JOIN` after `FROM events`: finds the event's session, where a filter asks for it,
//! * `$FILTER_CTES`: what that needs, in a `WITH`,
//! * `$VISITS` and `$VISIT_JOIN` instead of these two where the statement has `$PEOPLE` and `$JOIN` of its own,
//! * a placeholder for whatever else the statement takes from the question ([`QuestionPart`]),
//! * `$IF_STORED{…}`: only there without filters and where days of the period are stored in `visits` and
//!   `visitor_quarters` (see [`StoredDays`]); `events` is then read for the sessions that began in the other days, from
//!   `raw_from_ms` to `raw_to_ms`. These are the period's where nothing is stored.
//!
//! Without filters nothing of the others is left. Aliases of a statement must not have the names of columns where `$KEEPS` is.
//! The members of segments are sent to a temporary table of the report's session in the server.

use std::sync::atomic::Ordering;

pub use super::funnel::{EventFilters, MemberList};
use super::{
    Param, QueryLimits, Statement, Store, StoreError,
    funnel::Fragments,
    query_limits::{SESSION_SECONDS, session_id},
    statement,
    visits::StoredDays,
};
use crate::{
    model::VisitorId,
    wire::reports::{FunnelStage, FunnelStep},
};

const CREATE_MEMBERS: &str = include_str!("sql/filters.create_members.sql");
/// Without its last line break, which would be the first byte of the rows.
const INSERT_MEMBERS: &str = include_str!("sql/filters.insert_members.sql");
/// Bytes of one block of members that is sent.
const CHUNK_BYTES: usize = 1 << 20;

/// The time range whose sessions are found, and what ends one.
#[derive(Debug, Clone, Copy)]
pub struct FilterRange {
    /// Events at or after this are read, milliseconds.
    pub from_ms: i64,
    /// Events before this are read, milliseconds.
    pub to_ms: i64,
    /// Inactivity that ends a session, milliseconds.
    pub session_ms: i64,
}

/// A part of a question that selects events, beside the filters.
#[derive(Debug, Clone, Copy)]
pub enum QuestionPart<'a> {
    /// True for every event.
    Any,
    /// True for no event.
    Nothing,
    /// Whether an event matches.
    Step(&'a FunnelStep),
    /// The steps that an event matches, as bits; at most 20.
    Bits(&'a [FunnelStep]),
    /// The value of a column or property, cut to 200 characters.
    Value(&'a str),
    /// A text, the same for all events.
    Name(&'a str),
}

/// What filters add to the statements of a report; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct FilterSql {
    parts: Vec<(&'static str, String)>,
    params: Vec<(String, Param)>,
    keeps: String,
    visits: String,
    visit_join: &'static str,
    /// Whether the conditions need the visitors of people.
    joins_people: bool,
    is_stored: bool,
    materializes: bool,
}

impl FilterSql {
    /// The SQL of filters; `join_people`: whether the visitors of one person count as one.
    #[must_use]
    pub fn new(filters: &EventFilters, range: FilterRange, join_people: bool) -> Self {
        Self::with_parts(filters, &[], range, join_people)
    }

    /// Like [`Self::new`], with other parts of the question by the names of their placeholders.
    #[must_use]
    pub fn with_parts(
        filters: &EventFilters,
        parts: &[(&'static str, QuestionPart<'_>)],
        range: FilterRange,
        join_people: bool,
    ) -> Self {
        let mut fragments = Fragments::with_anonymous();
        let keeps = filters.keeps(&mut fragments);
        let part = |(name, part): &(&'static str, QuestionPart<'_>)| {
            let text = match part {
                QuestionPart::Any => "1".to_owned(),
                QuestionPart::Nothing => "0".to_owned(),
                QuestionPart::Step(step) => fragments.step(step),
                QuestionPart::Bits(steps) => {
                    let steps: Vec<FunnelStage> = steps.iter().cloned().map(Into::into).collect();
                    fragments.step_bits(&steps, &[])
                }
                QuestionPart::Value(field) => fragments.breakdown_value(field),
                QuestionPart::Name(text) => fragments.param("String", (*text).into()),
            };
            (*name, text)
        };
        let parts = parts.iter().map(part).collect();
        let (visits, visit_join) = fragments.visits(join_people);
        let uses_sessions = fragments.uses_sessions();
        let mut params = fragments.params;
        if uses_sessions {
            params.push(("visits_from_ms".into(), Param::I64(range.from_ms)));
            params.push(("visits_to_ms".into(), Param::I64(range.to_ms)));
            params.push(("session_ms".into(), Param::I64(range.session_ms)));
        }
        params.push(("raw_from_ms".into(), Param::I64(range.from_ms)));
        params.push(("raw_to_ms".into(), Param::I64(range.to_ms)));
        Self {
            parts,
            params,
            keeps,
            visits,
            visit_join,
            joins_people: join_people && uses_sessions,
            is_stored: false,
            materializes: false,
        }
    }

    /// The SQL of a question without filters: stored days of the period are used instead of their events.
    #[must_use]
    pub fn of_stored_days(range: FilterRange, days: &StoredDays) -> Self {
        let mut sql = Self::new(&EventFilters::default(), range, false);
        if !days.is_empty() {
            sql.params = days.params(range.from_ms..range.to_ms);
            sql.is_stored = true;
        }
        sql
    }

    /// The parameters of these filters, added to those of a statement.
    #[must_use]
    pub fn with_params<'a>(&'a self, own: &[(&'a str, Param)]) -> Vec<(&'a str, Param)> {
        let of_filters = self.params.iter().map(|(name, value)| (name.as_str(), value.clone()));
        let is_new = |(name, _): &(&str, Param)| own.iter().all(|(known, _)| known != name);
        own.iter().cloned().chain(of_filters.filter(is_new)).collect()
    }

    /// The same for a server that can compute a part of a statement once for all its uses. Without that the parts of a
    /// question with filters are read again and again: tens of seconds for a few hundred events.
    #[must_use]
    pub fn materializing(self, store: &Store) -> Self {
        let is_worth_it = !self.keeps.is_empty() || !self.parts.is_empty();
        Self { materializes: is_worth_it && store.materializes.load(Ordering::Relaxed), ..self }
    }

    /// The template with its filters and other fragments, replaced in order.
    #[must_use]
    pub fn statement(&self, template: &'static str, fragments: &[(&str, &'static str)]) -> Statement {
        let text = statement::without_header(template).to_owned();
        let text = fragments.iter().fold(text, |text, (name, fragment)| text.replace(name, fragment));
        let text = statement::if_stored(&text, self.is_stored);
        let (people, join) = if self.joins_people { (statement::PEOPLE, statement::JOIN_PEOPLE) } else { ("", "") };
        let text = statement::if_filtered(&text, !self.keeps.is_empty())
            .replace("$FILTER_CTES", &[people, &self.visits].concat())
            .replace("$FILTER_JOIN", &[join, " ", self.visit_join].concat())
            .replace("$VISITS", &self.visits)
            .replace("$VISIT_JOIN", self.visit_join);
        let text = if self.materializes { materialized(text) } else { text };
        // Last: they are made of the question.
        let text = self.parts.iter().fold(text, |text, (name, part)| text.replace(name, part));
        Statement::of(text.replace("$KEEPS", &self.keeps))
    }
}

/// Parts of statements that others use several times.
const SHARED_PARTS: [&str; 5] = ["merged", "visits", "order_events", "money", "conversions"];

fn materialized(text: String) -> String {
    let marked = SHARED_PARTS.iter().fold(text, |text, name| {
        text.replace(&["    ", name, " AS\n"].concat(), &["    ", name, " AS MATERIALIZED\n"].concat())
    });
    [marked.trim_end(), "\nSETTINGS enable_materialized_cte = 1\n"].concat()
}

impl Store {
    /// Sends the members of a segment to the session of this store's queries.
    ///
    /// # Errors
    /// If the store has no session, or the warehouse is unreachable or returns an error.
    pub async fn send_members(&self, list: MemberList, members: &[VisitorId]) -> Result<(), StoreError> {
        let QueryLimits { session: Some(session), .. } = self.limits else {
            return Err(StoreError::UnexpectedResponse("members were sent without a session".into()));
        };
        let limit = self.limits.time_left(self.query_timeout);
        let of_session = [("session_id", session_id(session)), ("session_timeout", SESSION_SECONDS.to_owned())];
        let mut retry = self.session_retry();
        loop {
            let create = self.client().query_raw(CREATE_MEMBERS);
            let create =
                of_session.iter().fold(create, |query, (name, value)| query.with_setting(*name, value.clone()));
            let result = self.within(limit, create.execute()).await;
            if !retry.is_due(&result).await {
                break result;
            }
        }?;
        if members.is_empty() {
            return Ok(());
        }
        loop {
            let insert = self.client().insert_formatted_with(INSERT_MEMBERS.trim_end());
            let insert =
                of_session.iter().fold(insert, |insert, (name, value)| insert.with_setting(*name, value.clone()));
            let result = self.within(limit, send(insert, list, members)).await;
            if !retry.is_due(&result).await {
                return result;
            }
        }
    }
}

async fn send(
    mut insert: clickhouse::insert_formatted::InsertFormatted,
    list: MemberList,
    members: &[VisitorId],
) -> Result<(), clickhouse::error::Error> {
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    for member in members {
        chunk.extend_from_slice(&list.0.to_le_bytes());
        chunk.extend_from_slice(&member.0.to_le_bytes());
        if chunk.len() >= CHUNK_BYTES {
            insert.send(std::mem::take(&mut chunk).into()).await?;
        }
    }
    insert.send(chunk.into()).await?;
    insert.end().await
}
