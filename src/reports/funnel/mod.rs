//! Funnels: how many visitors reached each step.
//!
//! The warehouse streams the matching events of each visitor in order; our own [`matcher`] (no I/O) finds how far each
//! visitor got, and a tally aggregates the results. ClickHouse's `windowFunnel` is not used: it counts one event twice
//! if two steps match it, does not order events of the same time, and returns no times.

mod any_order;
mod check;
mod dropout_cache;
pub mod matcher;
#[cfg(test)]
mod matcher_tests;
mod tally;
pub mod types;

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use crate::store::Row;
pub use dropout_cache::DropoutCache;
use dropout_cache::{DropoutList, LatestEntrants};
use matcher::Matcher;
use serde::Deserialize;
use tally::Tally;
use types::{FunnelEvent, GROUP_SHIFT, Order, Plan};

use super::{LIMIT_MAX, Report, ReportError, Reports, invalid, moment, non_empty, people, period::Period};
use crate::{
    model::{Site, SiteId, Timestamp, VisitorId},
    store::{Param, Store, StoreError, funnel::FunnelQuery},
    tasks::run_request_low_priority,
    wire::reports::{
        DroppedVisitor, Funnel, FunnelDropOffs, FunnelGroup, FunnelOrder, FunnelQuestion, FunnelStepAnswer,
    },
};

const DROPPED: &str = include_str!("../../store/sql/reports.funnel_dropped.sql");
/// Breakdown values with a group of their own; the flags of an event have space for 15.
const GROUPS_MAX: u32 = 10;
/// Name of the group of all other values.
const OTHER: &str = "other";
const DROPPED_DEFAULT: u32 = 100;
/// Flag bits of an encoded event, below its time.
const FLAG_BITS: u32 = 26;

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
        let period = Period::check(request.from, request.to, request.timezone.as_deref(), site)?;
        check::check(request)?;
        let run = self.start(Report::Funnel);
        let scope = Scope {
            site: site.id,
            join_people: people::are_joined(&run, site.id, request.unit).await?,
            session_ms: site.visitors.session_ms(self.shared.session_minutes),
        };
        let groups = match breakdown(request) {
            Some(breakdown) => {
                let query = store_query(scope, &period, request);
                let store = run.store().await?;
                run.finish(store.funnel_groups(query, breakdown, GROUPS_MAX)).await?
            }
            None => Vec::new(),
        };
        let (store, counting) = (run.store().await?.clone(), (scope, request.clone(), groups));
        // On a separate thread: there may be millions of histories.
        let counted = run_request_low_priority("funnel", Box::pin(count(store, period, counting)));
        let counted = async { counted.await.unwrap_or_else(|error| Err(StoreError::TaskFailed(error.to_string()))) };
        let Counts { mut steps, breakdown, lists } = run.finish(counted).await?;
        let handles = self.shared.dropouts.insert(site.id, lists, now);
        for (step, handle) in steps.iter_mut().zip(handles) {
            step.dropped_list = Some(handle);
        }
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Funnel { steps, breakdown, took_ms })
    }

    /// Visitors who dropped out at a step, by the handle in the funnel's response. The list contains the latest 10,000
    /// entrants; `limit` of them are returned, the last seen first.
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

fn store_query<'a>(scope: Scope, period: &Period, request: &'a FunnelQuestion) -> FunnelQuery<'a> {
    FunnelQuery {
        site: scope.site,
        join_people: scope.join_people,
        session_ms: scope.session_ms,
        from_ms: period.from,
        to_ms: period.to,
        // The latest entry is at `to` - 1 ms, and its last step at most a window later.
        last_ms: period.to - 1 + request.window_ms,
        steps: &request.steps,
        exclude: &request.exclude,
        strict: request.order == FunnelOrder::Strict,
        ignore: &request.ignore,
        entry_bits: if request.order == FunnelOrder::Any { (1 << request.steps.len()) - 1 } else { 1 },
        breakdown: breakdown(request),
    }
}

/// Results of a funnel.
struct Counts {
    steps: Vec<FunnelStepAnswer>,
    breakdown: Option<BTreeMap<String, FunnelGroup>>,
    lists: Vec<DropoutList>,
}

/// Reads and counts the histories.
async fn count(
    store: Store,
    period: Period,
    (scope, request, groups): (Scope, FunnelQuestion, Vec<String>),
) -> Result<Counts, StoreError> {
    let query = store_query(scope, &period, &request);
    let mut counter = Counter::new(&period, &request, groups.len() + 1);
    store.funnel_histories(query, &groups, |visitor, encoded| counter.add(visitor, encoded)).await?;
    let by_group = std::mem::take(&mut counter.by_group);
    let breakdown = query.breakdown.is_some().then(|| {
        let names = std::iter::once(OTHER.to_owned()).chain(groups);
        let shown = names.zip(by_group).filter(|(_, tally)| !tally.is_empty());
        shown.map(|(name, tally)| (name, FunnelGroup { steps: tally.into_steps() })).collect()
    });
    let lists = counter.take_lists();
    Ok(Counts { steps: counter.all.into_steps(), breakdown, lists })
}

/// Counts visitors while their histories are streamed.
struct Counter {
    matcher: Matcher,
    history: Vec<FunnelEvent>,
    all: Tally,
    by_group: Vec<Tally>,
    /// Drop-outs of each step.
    dropouts: Vec<LatestEntrants>,
    from: Timestamp,
}

impl Counter {
    fn new(period: &Period, request: &FunnelQuestion, groups: usize) -> Self {
        let steps = request.steps.len();
        let order = match request.order {
            FunnelOrder::Sequential => Order::Sequential,
            FunnelOrder::Strict => Order::Strict,
            FunnelOrder::Any => Order::Any,
        };
        // The warehouse sends times relative to the start of the period.
        let plan = Plan { steps, order, window_ms: request.window_ms, from: 0, to: period.to - period.from };
        Self {
            matcher: Matcher::new(plan),
            history: Vec::new(),
            all: Tally::new(steps),
            by_group: vec![Tally::new(steps); groups],
            dropouts: std::iter::repeat_with(LatestEntrants::default).take(steps).collect(),
            from: Timestamp(period.from),
        }
    }

    fn add(&mut self, visitor: VisitorId, encoded: &[u64]) {
        self.history.clear();
        self.history.extend(encoded.iter().map(|event| FunnelEvent {
            at: i64::try_from(event >> FLAG_BITS).unwrap_or(i64::MAX),
            flags: u32::try_from(event & ((1 << FLAG_BITS) - 1)).unwrap_or_default(),
        }));
        let Some(path) = self.matcher.run(&self.history) else { return };
        self.all.add(&path);
        if self.by_group.len() > 1
            && let Some(tally) = self.by_group.get_mut(self.history[path.entry].group())
        {
            tally.add(&path);
        }
        self.dropouts[path.depth - 1].add(self.from.plus(path.reached_at[0]), visitor);
    }

    fn take_lists(&mut self) -> Vec<DropoutList> {
        let totals = (0..self.dropouts.len()).map(|step| self.all.dropped_at(step)).collect::<Vec<_>>();
        let lists = std::mem::take(&mut self.dropouts).into_iter().zip(totals);
        lists.map(|(latest, total)| DropoutList { total, visitors: latest.into_visitors() }).collect()
    }
}

const _: () = assert!(GROUP_SHIFT as usize == types::STEPS_MAX, "the group bits follow the step bits");
