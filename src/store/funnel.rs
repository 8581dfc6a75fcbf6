//! Funnel queries, the only ones whose SQL text depends on the request: its steps select the events.
//!
//! Conditions become SQL `fragments` with numbered parameters. User input is only ever sent as a parameter value,
//! never as part of a statement.

mod experiment;
mod fragments;

use clickhouse::Row;
pub use experiment::{ExperimentQuery, VariantPeople};
pub(super) use fragments::Fragments;
pub use fragments::is_column;
use serde::Deserialize;

use super::{Param, Store, StoreError, statement};
use crate::{
    model::{SiteId, VisitorId},
    wire::reports::FunnelStep,
};

const HISTORIES: &str = include_str!("sql/reports.funnel.sql");
const STRICT_HISTORIES: &str = include_str!("sql/reports.funnel_strict.sql");
const GROUPS: &str = include_str!("sql/reports.funnel_groups.sql");

/// A funnel query.
#[derive(Debug, Clone, Copy)]
pub struct FunnelQuery<'a> {
    /// The site.
    pub site: SiteId,
    /// Entries happen at or after this, milliseconds.
    pub from_ms: i64,
    /// Entries happen before this, milliseconds.
    pub to_ms: i64,
    /// The latest possible event of a step, milliseconds.
    pub last_ms: i64,
    /// The steps, at most 20.
    pub steps: &'a [FunnelStep],
    /// Events that end a path.
    pub exclude: &'a [FunnelStep],
    /// Whether steps must follow each other with no other event between, so that every event is read.
    pub strict: bool,
    /// Names of events that may lie between steps in spite of `strict`.
    pub ignore: &'a [String],
    /// Bit mask of the steps that count as an entry.
    pub entry_bits: u32,
    /// Column or property whose value at the entry is the visitor's group.
    pub breakdown: Option<&'a str>,
    /// Whether the visitors of one person count as one.
    pub join_people: bool,
    /// Inactivity that ends a session, milliseconds.
    pub session_ms: i64,
}

#[derive(Row, Deserialize)]
struct HistoryRow {
    visitor: u128,
    marks: Vec<u64>,
}

impl Store {
    /// Calls `with` for every visitor who enters the funnel, with the encoded events in order (see
    /// `reports.funnel.sql`). `groups` are the breakdown values with a group of their own.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn funnel_histories(
        &self,
        query: FunnelQuery<'_>,
        groups: &[String],
        mut with: impl FnMut(VisitorId, &[u64]),
    ) -> Result<(), StoreError> {
        let mut fragments = Fragments::new(query);
        let marks = fragments.step_bits(query.steps, query.exclude);
        let group = match query.breakdown {
            Some(field) => ["indexOf({groups:Array(String)}, ", &fragments.breakdown_value(field), ")"].concat(),
            None => "0".to_owned(),
        };
        let fixed_params = [
            ("entry_bits", Param::U32(query.entry_bits)),
            ("names", Param::ArrayStr(names(query))),
            ("page_views", Param::U8(u8::from(all_steps(query).any(|s| s.event == FunnelStep::PAGE)))),
            ("groups", Param::ArrayStr(groups.to_vec())),
            ("ignored", Param::ArrayStr(ignored(query))),
        ];
        let text = if query.strict { STRICT_HISTORIES } else { HISTORIES };
        let text = fragments.fill(query, text).replace("$MARKS", &marks).replace("$GROUP", &group);
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        let params = fragments.params.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in params.chain(fixed_params.iter().map(|(name, value)| (*name, value))) {
            statement = statement.param(name, value);
        }
        let read = async {
            let mut rows = statement.fetch::<HistoryRow>()?;
            while let Some(row) = rows.next().await? {
                with(VisitorId(row.visitor), &row.marks);
            }
            Ok(())
        };
        self.within(limit, read).await
    }

    /// The `limit` most frequent breakdown values of visitors who enter.
    ///
    /// # Errors
    /// If the warehouse is unreachable or returns an error.
    pub async fn funnel_groups(
        &self,
        query: FunnelQuery<'_>,
        breakdown: &str,
        limit: u32,
    ) -> Result<Vec<String>, StoreError> {
        let mut fragments = Fragments::new(query);
        fragments.params.push(("limit".into(), Param::U32(limit)));
        let entries = query.steps.iter().enumerate().filter(|(index, _)| query.entry_bits >> index & 1 == 1);
        let enters: Vec<String> = entries.map(|(_, step)| fragments.step(step)).collect();
        let value = fragments.breakdown_value(breakdown);
        let text = fragments.fill(query, GROUPS).replace("$ENTERS", &enters.join(" OR ")).replace("$VALUE", &value);
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        for (name, value) in &fragments.params {
            statement = statement.param(name, value);
        }
        self.within(limit, statement.fetch_all()).await
    }
}

fn all_steps(query: FunnelQuery<'_>) -> impl Iterator<Item = &FunnelStep> {
    query.steps.iter().chain(query.exclude)
}

fn names(query: FunnelQuery<'_>) -> Vec<String> {
    let mut names: Vec<String> = all_steps(query).map(|step| step.event.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Ignored events, without those that a step or an exclusion names.
fn ignored(query: FunnelQuery<'_>) -> Vec<String> {
    let is_step = |name: &String| all_steps(query).any(|step| step.event == *name);
    query.ignore.iter().filter(|name| !is_step(name)).cloned().collect()
}
