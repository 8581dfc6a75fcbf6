//! Funnel queries, the only ones whose SQL text depends on the request: its steps select the events.
//!
//! Conditions become SQL `fragments` with numbered parameters. User input is only ever sent as a parameter value,
//! never as part of a statement.

mod attempts;
mod event_filters;
mod experiment;
mod fragments;

pub use attempts::{AttemptDetails, AttemptEvent, COLUMNS_MAX, SEGMENTS_MAX};
use clickhouse::Row;
pub use event_filters::{EventFilters, MemberList};
pub use experiment::{ExperimentQuery, VariantPeople};
pub(super) use fragments::Fragments;
pub use fragments::is_column;
use serde::Deserialize;

use super::{Param, Store, StoreError, statement};
use crate::{
    model::{SiteId, VisitorId},
    wire::reports::{FunnelExclusion, FunnelStage, FunnelStep},
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
    pub steps: &'a [FunnelStage],
    /// Excluded events, at most 20.
    pub exclude: &'a [FunnelExclusion],
    /// Whether steps must follow each other with no other event between, so that every event is read.
    pub strict: bool,
    /// Names of events that may lie between steps in spite of `strict`.
    pub ignore: &'a [String],
    /// Bit mask of the steps that count as an entry.
    pub entry_bits: u32,
    /// Column or property whose value at an event is the visitor's group.
    pub breakdown: Option<&'a str>,
    /// What is kept of the events; all without.
    pub filters: Option<&'a EventFilters>,
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
        let group = query.group(&mut fragments);
        let kept = query.kept(&mut fragments);
        let fixed_params = query.params(groups);
        let text = if query.strict { STRICT_HISTORIES } else { HISTORIES };
        let text = fragments.fill(query, text).replace("$MARKS", &marks).replace("$GROUP", &group);
        let text = text.replace("$KEPT", &kept);
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        let params = fragments.params.iter().map(|(name, value)| (name.as_str(), value));
        for (name, value) in params.chain(fixed_params.iter().map(|(name, value)| (*name, value))) {
            statement = statement.param(name, value);
        }
        let mut retry = self.session_retry();
        loop {
            let (statement, with) = (statement.clone(), &mut with);
            let read = async move {
                let mut rows = statement.fetch::<HistoryRow>()?;
                while let Some(row) = rows.next().await? {
                    with(VisitorId(row.visitor), &row.marks);
                }
                Ok(())
            };
            let result = self.within(limit, read).await;
            if !retry.is_due(&result).await {
                return result;
            }
        }
    }

    /// The `limit` most frequent values of a column or property at the query's entries, by visitors.
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
        let enters: Vec<String> = entries.map(|(_, step)| fragments.stage(step)).collect();
        let value = fragments.breakdown_value(breakdown);
        let kept = query.kept(&mut fragments);
        let text = fragments.fill(query, GROUPS).replace("$ENTERS", &enters.join(" OR ")).replace("$VALUE", &value);
        let text = text.replace("$KEPT", &kept);
        let limit = self.limits.time_left(self.query_timeout);
        let mut statement = self.read_only_query(&text, limit);
        for (name, value) in &fragments.params {
            statement = statement.param(name, value);
        }
        self.fetch_all(limit, statement).await
    }
}

impl FunnelQuery<'_> {
    /// The index of an event's breakdown value, from 1; 0 for all others.
    fn group(self, fragments: &mut Fragments) -> String {
        self.breakdown.map_or_else(
            || "0".to_owned(),
            |field| ["indexOf({groups:Array(String)}, ", &fragments.breakdown_value(field), ")"].concat(),
        )
    }

    /// The filters as a further condition; nothing without any.
    fn kept(self, fragments: &mut Fragments) -> String {
        let kept = self.filters.map(|filters| filters.keeps(fragments)).unwrap_or_default();
        if kept.is_empty() { kept } else { ["\n      AND ", &kept].concat() }
    }

    /// The parameters of all statements of histories.
    fn params(self, groups: &[String]) -> [(&'static str, Param); 5] {
        [
            ("entry_bits", Param::U32(self.entry_bits)),
            ("names", Param::ArrayStr(names(self))),
            ("page_views", Param::U8(u8::from(all_steps(self).any(|s| s.event == FunnelStep::PAGE)))),
            ("groups", Param::ArrayStr(groups.to_vec())),
            ("ignored", Param::ArrayStr(ignored(self))),
        ]
    }
}

fn all_steps(query: FunnelQuery<'_>) -> impl Iterator<Item = &FunnelStep> {
    let excluded = query.exclude.iter().map(|exclusion| &exclusion.step);
    query.steps.iter().flat_map(|stage| &stage.events).chain(excluded)
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
