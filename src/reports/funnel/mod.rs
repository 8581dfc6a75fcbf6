//! Funnels: how many visitors reached each step.
//!
//! The warehouse streams the matching events of each visitor in order; our own [`matcher`] (no I/O) finds how far each
//! visitor got, and a tally aggregates the results. ClickHouse's `windowFunnel` is not used: it counts one event twice
//! if two steps match it, does not order events of the same time, and returns no times.

mod any_order;
mod check;
mod counter;
mod differences;
mod dropout_cache;
mod flexible;
pub mod matcher;
#[cfg(test)]
mod matcher_tests;
#[cfg(test)]
mod reference;
mod removal;
mod tally;
mod times;
pub mod types;

use std::{collections::HashMap, time::Instant};

use crate::store::Row;
use check::BY_SEGMENT;
use counter::{Counter, Groups};
use differences::{COLUMNS, Comparison};
pub use dropout_cache::DropoutCache;
use dropout_cache::DropoutList;
use serde::Deserialize;
use types::{GROUP_SHIFT, STEPS_MAX};

use super::{
    LIMIT_MAX, Report, ReportError, Reports,
    filters::{FilteredRun, Part, asked},
    invalid, moment, non_empty, people,
    period::Period,
};
use crate::{
    model::{Site, SiteId, Timestamp, VisitorId},
    store::{
        Param, Store, StoreError,
        funnel::{AttemptDetails, COLUMNS_MAX, EventFilters, FunnelQuery, MemberList, SEGMENTS_MAX},
    },
    tasks::run_request_low_priority,
    wire::reports::{
        BreakdownAt, BreakdownEnd, DroppedVisitor, ExclusionEffect, Funnel, FunnelDropOffs, FunnelOrder, FunnelQuestion,
    },
};

const DROPPED: &str = include_str!("../../store/sql/reports.funnel_dropped.sql");
/// Breakdown values with a group of their own; the flags of an event have space for 15.
const GROUPS_MAX: u32 = 10;
/// Values of a column that `differences` compares.
const VALUES_MAX: u32 = 15;
const DROPPED_DEFAULT: u32 = 100;

#[derive(Default, Row, Deserialize)]
struct DroppedRow {
    visitor: u128,
    last_ms: i64,
    user_id: String,
    country: String,
    device: String,
}

impl Reports {
    /// Counts the visitors of each step, and caches lists of those who dropped out.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn funnel(&self, site: &Site, request: &FunnelQuestion, now: Timestamp) -> Result<Funnel, ReportError> {
        let started = Instant::now();
        check::check(request)?;
        let asked = asked!(request);
        let (own, other) = asked.parts(site)?;
        let has_lists = self.check_filters(asked)? || breakdown(request) == Some(BY_SEGMENT);
        let mut run = self.start_with_lists(Report::Funnel, has_lists);
        let scope = Scope {
            site: site.id,
            join_people: people::are_joined(&run.run, site.id, request.unit).await?,
            session_ms: site.visitors.session_ms(self.shared.session_minutes),
        };
        let (mut funnel, lists) = self.count_funnel(&mut run, scope, own, request).await?;
        if let Some(other) = other {
            let request = FunnelQuestion { differences: false, ..request.clone() };
            let (compared, _) = self.count_funnel(&mut run, scope, other, &request).await?;
            funnel.compare = Some(Box::new(compared));
        }
        let handles = self.shared.dropouts.insert(site.id, lists, now);
        for ((step, [dropped, converted]), asked) in funnel.steps.iter_mut().zip(handles).zip(&request.steps) {
            step.dropped_list = Some(dropped);
            step.converted_list = (!asked.optional).then_some(converted);
        }
        funnel.took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(funnel)
    }

    /// The funnel of one period, and its lists of those who dropped out.
    async fn count_funnel(
        &self,
        run: &mut FilteredRun<'_>,
        scope: Scope,
        Part { period, filters }: Part<'_>,
        request: &FunnelQuestion,
    ) -> Result<(Funnel, Vec<DropoutList>), ReportError> {
        let trend = request.trend.map(|interval| period.steps(interval, request.calendar)).transpose()?;
        let mut job = Job {
            scope,
            filters: run.resolve(filters).await?,
            period,
            request: request.clone(),
            trend: trend.unwrap_or_default(),
            groups: Groups::None,
            segments: Vec::new(),
            columns: Vec::new(),
        };
        match breakdown(request) {
            Some(BY_SEGMENT) => {
                let ids = self.segment_ids();
                for id in &ids {
                    job.segments.push(run.members(id).await?);
                }
                job.groups = Groups::Segments(ids);
            }
            Some(field) => {
                let store = run.run.store().await?;
                let values = store.funnel_groups(job.grouping_query(), field, GROUPS_MAX);
                job.groups = Groups::Values(run.run.finish(values).await?);
            }
            None => {}
        }
        let store = run.run.store().await?.clone();
        if request.differences {
            for column in COLUMNS {
                let values = store.funnel_groups(job.query(), column, VALUES_MAX);
                let values = run.run.finish(values).await?;
                job.columns.push((column, values));
            }
        }
        // On a separate thread: there may be millions of histories.
        let counted = run_request_low_priority("funnel", Box::pin(job.count(store)));
        let counted = async { counted.await.unwrap_or_else(|error| Err(StoreError::TaskFailed(error.to_string()))) };
        run.run.finish(counted).await
    }

    /// The segments of a breakdown: the site's own first, as many as have a bit.
    fn segment_ids(&self) -> Vec<String> {
        let Some(source) = &self.segments else { return Vec::new() };
        let mut ids: Vec<(bool, String)> =
            source.site.segments.iter().map(|segment| (segment.is_builtin(), segment.id.to_string())).collect();
        ids.sort_unstable();
        ids.into_iter().map(|(_, id)| id).take(SEGMENTS_MAX).collect()
    }

    /// Visitors who dropped out at a step, or who got to it, by the handle in the funnel's response. The list contains the
    /// latest 10,000 entrants; `limit` of them are returned, the last seen first.
    ///
    /// # Errors
    /// If the handle is unknown or expired, the limit is out of range, or the warehouse fails.
    pub async fn funnel_dropped(
        &self,
        site: &Site,
        handle: &str,
        limit: Option<u32>,
        now: Timestamp,
    ) -> Result<FunnelDropOffs, ReportError> {
        let limit = limit.unwrap_or(DROPPED_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return invalid("limit must be 1 to 1000");
        }
        let Some((step, list)) = self.shared.dropouts.get(site.id, handle, now) else {
            return Err(ReportError::NotFound("this list has expired: run the funnel again"));
        };
        let shown = &list.visitors[..list.visitors.len().min(limit as usize)];
        let ids = Param::ArrayU128(shown.iter().map(|(visitor, _)| visitor.0).collect());
        let params = [("site", Param::U32(site.id.0)), ("visitors", ids)];
        let rows: Vec<DroppedRow> = self.start(Report::Dropped).query(DROPPED, &params).await?;
        Ok(FunnelDropOffs { step, visitors: to_visitors(shown, rows), total: list.total })
    }
}

/// All visitors of the list, the last seen first. If a visitor's row is not available yet, only the time of entry is
/// known.
fn to_visitors(shown: &[(VisitorId, Timestamp)], rows: Vec<DroppedRow>) -> Vec<DroppedVisitor> {
    let mut by_id: HashMap<u128, DroppedRow> = rows.into_iter().map(|row| (row.visitor, row)).collect();
    let visitor = |(visitor, entered): &(VisitorId, Timestamp)| {
        let row = by_id.remove(&visitor.0);
        let row = row.unwrap_or_else(|| DroppedRow { visitor: visitor.0, last_ms: entered.0, ..DroppedRow::default() });
        DroppedVisitor {
            visitor: visitor.to_string(),
            last_at: moment(row.last_ms),
            user_id: non_empty(row.user_id),
            country: row.country,
            device: row.device,
        }
    };
    let mut visitors: Vec<DroppedVisitor> = shown.iter().map(visitor).collect();
    visitors.sort_by(|a, b| b.last_at.cmp(&a.last_at).then_with(|| a.visitor.cmp(&b.visitor)));
    visitors
}

fn breakdown(request: &FunnelQuestion) -> Option<&str> {
    request.breakdown.as_deref().map(str::trim).filter(|field| !field.is_empty())
}

/// Whose events a funnel counts, and how.
#[derive(Debug, Clone, Copy)]
struct Scope {
    site: SiteId,
    join_people: bool,
    session_ms: i64,
}

/// One reading and counting of histories.
struct Job {
    scope: Scope,
    period: Period,
    filters: EventFilters,
    request: FunnelQuestion,
    /// Starts of the steps of the series.
    trend: Vec<i64>,
    groups: Groups,
    /// Members of the segments of the breakdown.
    segments: Vec<MemberList>,
    /// Columns of the differences, with their values.
    columns: Vec<(&'static str, Vec<String>)>,
}

impl Job {
    /// The histories of the funnel.
    fn query(&self) -> FunnelQuery<'_> {
        let request = &self.request;
        FunnelQuery {
            site: self.scope.site,
            join_people: self.scope.join_people,
            session_ms: self.scope.session_ms,
            from_ms: self.period.from,
            to_ms: self.period.to,
            // The latest entry is at `to` - 1 ms, and its last step at most a window later.
            last_ms: self.period.to - 1 + request.window_ms,
            steps: &request.steps,
            exclude: &request.exclude,
            strict: request.order == FunnelOrder::Strict,
            ignore: &request.ignore,
            entry_bits: if request.order == FunnelOrder::Any { self.all_steps() } else { 1 },
            breakdown: breakdown(request).filter(|field| *field != BY_SEGMENT),
            filters: Some(&self.filters),
        }
    }

    /// The events whose values are groups.
    fn grouping_query(&self) -> FunnelQuery<'_> {
        let query = self.query();
        let is_any_order = self.request.order == FunnelOrder::Any;
        let steps = match self.request.breakdown_at {
            BreakdownAt::End(BreakdownEnd::First) | BreakdownAt::Step(1) => return query,
            BreakdownAt::Step(step) if !is_any_order => 1 << (step - 1),
            _ => self.all_steps(),
        };
        FunnelQuery { entry_bits: steps, to_ms: query.last_ms + 1, ..query }
    }

    const fn all_steps(&self) -> u32 {
        (1 << self.request.steps.len()) - 1
    }

    /// Whether more has to be read of each event than its steps. What is read without is faster.
    fn needs_details(&self) -> bool {
        let request = &self.request;
        let is_special = |exclusion: &crate::wire::reports::FunnelExclusion| {
            let is_ranged = exclusion.from_step.is_some() || exclusion.to_step.is_some();
            is_ranged || exclusion.effect == ExclusionEffect::Remove
        };
        request.per_session
            || request.differences
            || !self.segments.is_empty()
            || request.steps.iter().any(|step| step.optional)
            || request.exclude.iter().any(is_special)
    }

    /// Reads and counts the histories.
    async fn count(self, store: Store) -> Result<(Funnel, Vec<DropoutList>), StoreError> {
        let (query, has_details) = (self.query(), self.needs_details());
        let plan = counter::plan(&self.period, &self.request, has_details);
        let comparison = self.request.differences.then(|| Comparison::new(self.columns.clone()));
        let at = self.request.breakdown_at;
        let mut counter = Counter::new(plan, &self.period, self.groups.clone(), at, &self.trend, comparison);
        if has_details {
            let details = AttemptDetails {
                per_session: self.request.per_session,
                segments: &self.segments,
                columns: &self.columns,
            };
            let add = |visitor, events: &[_]| counter.add_attempts(visitor, events);
            store.funnel_attempts(query, details, self.groups.values(), add).await?;
        } else {
            store
                .funnel_histories(query, self.groups.values(), |visitor, encoded| counter.add(visitor, encoded))
                .await?;
        }
        Ok(counter.finish())
    }
}

const _: () = assert!(GROUP_SHIFT as usize == STEPS_MAX, "the group bits follow the step bits");
const _: () = assert!(COLUMNS.len() <= COLUMNS_MAX, "every column has bits");
