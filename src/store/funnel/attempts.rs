//! Histories with what funnels need that are more than steps in order.

use clickhouse::Row;
use serde::Deserialize;

use super::{FunnelQuery, MemberList, fragments::Fragments};
use crate::{
    model::VisitorId,
    store::{Param, Store, StoreError},
};

const ATTEMPTS: &str = include_str!("../sql/reports.funnel_attempts.sql");
/// Bits of [`AttemptEvent::details`] for exclusions.
const COLUMNS_SHIFT: usize = 20;
/// Bits for the value of a column.
const COLUMN_BITS: usize = 4;
const SEGMENTS_SHIFT: usize = 44;
/// Segments that have a bit.
pub const SEGMENTS_MAX: usize = 64 - SEGMENTS_SHIFT;
/// Columns that have bits.
pub const COLUMNS_MAX: usize = (SEGMENTS_SHIFT - COLUMNS_SHIFT) / COLUMN_BITS;

/// What is read of each event beside its steps.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttemptDetails<'a> {
    /// Whether events are ordered by session first.
    pub per_session: bool,
    /// The segments whose members have a bit, at most [`SEGMENTS_MAX`].
    pub segments: &'a [MemberList],
    /// Columns with the values that have a number, at most [`COLUMNS_MAX`] with 15 values.
    pub columns: &'a [(&'static str, Vec<String>)],
}

/// An event of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptEvent {
    /// Its session; 0 if sessions do not matter.
    pub session: i64,
    /// Milliseconds since the start of the period.
    pub since_ms: i64,
    /// The steps that it matches, and its breakdown group: see `reports::funnel::types`.
    pub flags: u32,
    details: u64,
}

impl AttemptEvent {
    /// The exclusions that it matches, as bits.
    #[must_use]
    pub const fn exclusions(self) -> u32 {
        (self.details & ((1 << COLUMNS_SHIFT) - 1)) as u32
    }

    /// The value of a column: 0 for any other, or its number from 1.
    #[must_use]
    pub const fn column(self, index: usize) -> usize {
        (self.details >> (COLUMNS_SHIFT + index * COLUMN_BITS) & ((1 << COLUMN_BITS) - 1)) as usize
    }

    /// The segments of its visitor, as bits.
    #[must_use]
    pub const fn segments(self) -> u32 {
        (self.details >> SEGMENTS_SHIFT) as u32
    }
}

#[derive(Row, Deserialize)]
struct AttemptRow {
    visitor: u128,
    attempts: Vec<(i64, i64, u32, u64)>,
}

impl Store {
    /// Calls `with` for every visitor who enters the funnel, with the events in order. In a strict funnel these are all
    /// events. `groups` are the breakdown values with a group of their own.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn funnel_attempts(
        &self,
        query: FunnelQuery<'_>,
        details: AttemptDetails<'_>,
        groups: &[String],
        mut with: impl FnMut(VisitorId, &[AttemptEvent]),
    ) -> Result<(), StoreError> {
        let mut fragments = Fragments::new(query);
        let steps = fragments.step_bits(query.steps, &[]);
        let group = query.group(&mut fragments);
        let kept = query.kept(&mut fragments);
        let session = if details.per_session { fragments.session() } else { "0".into() };
        let details = detail_bits(&mut fragments, query, details);
        let text = fragments.fill(query, ATTEMPTS).replace("$MARKS", &steps).replace("$GROUP", &group);
        let text = text.replace("$SESSION", &session).replace("$DETAILS", &details).replace("$KEPT", &kept);
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        let fixed = query.params(groups);
        let strict = ("strict", Param::U8(u8::from(query.strict)));
        let params = fragments.params.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in params.chain(fixed.iter().chain([&strict]).map(|(name, value)| (*name, value))) {
            statement = statement.param(name, value);
        }
        let mut events = Vec::new();
        let read = async {
            let mut rows = statement.fetch::<AttemptRow>()?;
            while let Some(row) = rows.next().await? {
                events.clear();
                let event = |(session, since_ms, flags, details)| AttemptEvent { session, since_ms, flags, details };
                events.extend(row.attempts.into_iter().map(event));
                with(VisitorId(row.visitor), &events);
            }
            Ok(())
        };
        self.within(limit, read).await
    }
}

fn detail_bits(fragments: &mut Fragments, query: FunnelQuery<'_>, details: AttemptDetails<'_>) -> String {
    let mut bits = Vec::new();
    let mut add = |value: String, shift: usize| {
        bits.push(["bitShiftLeft(toUInt64(", &value, "), ", &shift.to_string(), ")"].concat());
    };
    for (index, exclusion) in query.exclude.iter().enumerate() {
        add(fragments.step(&exclusion.step), index);
    }
    for (index, (column, values)) in details.columns.iter().enumerate() {
        let values = fragments.param("Array(String)", Param::ArrayStr(values.clone()));
        let value = fragments.breakdown_value(column);
        add(["indexOf(", &values, ", ", &value, ")"].concat(), COLUMNS_SHIFT + index * COLUMN_BITS);
    }
    for (index, list) in details.segments.iter().enumerate() {
        add(list.holds(fragments, true), SEGMENTS_SHIFT + index);
    }
    bits.into_iter().reduce(|all, bit| ["bitOr(", &all, ", ", &bit, ")"].concat()).unwrap_or_else(|| "0".into())
}
