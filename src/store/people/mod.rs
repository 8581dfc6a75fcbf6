//! The people of a site for whom a rule holds: as far as SQL can say it exactly, counted by the engine, and for the rest
//! the stored events of those for whom it may hold.
//!
//! Like those of `funnel`, the statements depend on the question: a rule becomes fixed texts with numbered parameters.

mod bounds;
mod builder;
mod events;
mod fields;
mod plan;
mod rows;
#[cfg(test)]
mod tests;

use clickhouse::Row;
pub use plan::Plan;
use serde::Deserialize;

use self::rows::Rows;
use super::{Param, Store, StoreError, StoredEvent};
use crate::model::{SiteId, VisitorId, WantedEvents};

const COUNT: &str = include_str!("../sql/segments.count.sql");
const HISTORIES: &str = include_str!("../sql/segments.histories.sql");
const VISITORS: &str = include_str!("../sql/segments.visitors.sql");
const CANDIDATES: &str = include_str!("../sql/segments.candidates.sql");

/// Whose people are asked for.
#[derive(Debug, Clone, Copy)]
pub struct PeopleOf {
    /// The site.
    pub site: SiteId,
    /// Inactivity that ends a session, milliseconds.
    pub session_ms: i64,
    /// Whether the site has people with several visitors.
    pub joined: bool,
}

/// What the engine can say of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Row, Deserialize)]
pub struct CertainCount {
    /// People for whom it certainly holds.
    pub people: u64,
    /// Their visitors.
    pub visitors: u64,
    /// People for whom it may hold.
    pub unclear: u64,
    /// The most visitors of one of those.
    pub visitors_max: u64,
}

/// Whose stored events are read, and which.
#[derive(Debug, Clone, Copy)]
pub enum Histories {
    /// All events of the people for whom a rule holds or may hold: at most `limit` of them after `after`.
    Next {
        /// People up to this one are left out.
        after: VisitorId,
        /// Most people.
        limit: u64,
    },
    /// All events of those for whom it is unclear.
    Unclear,
    /// The same, but only the events that the rule mentions, as far as they count.
    UnclearWanted,
}

impl Store {
    /// Counts the people for whom a rule certainly holds.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn count_certain(&self, of: PeopleOf, plan: &Plan) -> Result<CertainCount, StoreError> {
        let rows = Rows::new(of, plan);
        let text = rows.fill(COUNT, "");
        let limit = self.limits.time_left(self.query_timeout);
        let mut query = self.read_only_query(&text, limit);
        for (name, value) in rows.params() {
            query = query.param(name, value);
        }
        self.within(limit, query.fetch_one()).await
    }

    /// All visitors of the people for whom a rule certainly holds, at most `limit`.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn certain_visitors(
        &self,
        of: PeopleOf,
        plan: &Plan,
        limit: usize,
    ) -> Result<Vec<VisitorId>, StoreError> {
        let rows = Rows::new(of, plan);
        let text = rows.fill(VISITORS, "");
        let time = self.limits.time_left(self.query_timeout);
        let mut query = self.read_only_query(&text, time).param("limit", limit as u64);
        for (name, value) in rows.params() {
            query = query.param(name, value);
        }
        let found: Vec<u128> = self.within(time, query.fetch_all()).await?;
        Ok(found.into_iter().map(VisitorId).collect())
    }

    /// Calls `with` for stored events, in order of person, visitor and time, until it returns false.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn for_each_person_event(
        &self,
        of: PeopleOf,
        plan: &Plan,
        histories: Histories,
        mut with: impl FnMut(StoredEvent) -> bool,
    ) -> Result<(), StoreError> {
        let rows = Rows::new(of, plan);
        let (candidates, condition) = match histories {
            Histories::Next { .. } => (CANDIDATES, "over AND who > {after:UInt128} ORDER BY who LIMIT {limit:UInt64}"),
            // If the rule excludes no one, everyone's events are read, without a list of people.
            _ if !plan.selects() => ("", ""),
            _ => (CANDIDATES, "over AND NOT under"),
        };
        let text = rows.fill(HISTORIES, candidates).replace("$CONDITION", condition);
        let (after, limit) = match histories {
            Histories::Next { after, limit } => (after, limit),
            _ => (VisitorId(0), u64::MAX),
        };
        let fixed = [
            ("after", Param::U128(after.0)),
            ("limit", Param::U64(limit)),
            ("all_events", Param::U8(u8::from(!matches!(histories, Histories::UnclearWanted)))),
            ("columns", Param::ArrayStr(columns(&plan.wanted))),
        ];
        let time = self.limits.time_left(self.query_timeout);
        let mut query = self.read_only_query(&text, time);
        for (name, value) in rows.params().chain(fixed.iter().map(|(name, value)| (*name, value))) {
            query = query.param(name, value);
        }
        let read = async {
            let mut rows = query.fetch::<StoredEvent>()?;
            while let Some(row) = rows.next().await? {
                if !with(row) {
                    break;
                }
            }
            Ok(())
        };
        self.within(time, read).await
    }
}

/// The columns that a rule mentions, without `$`.
fn columns(wanted: &WantedEvents) -> Vec<String> {
    let names = wanted.iter().flat_map(|(_, names)| names.iter().filter_map(|name| name.strip_prefix('$')));
    names.map(str::to_owned).collect()
}
