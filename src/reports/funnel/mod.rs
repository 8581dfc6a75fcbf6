//! Funnels: how many visitors came how far along a way.
//!
//! The warehouse sends, visitor by visitor, the ordered events that the funnel names; the matcher of our own
//! ([`matcher`], pure) finds how far each came; a tally makes figures of it. `windowFunnel` is not used: it
//! counts one event twice where two steps name it, knows no order within one moment and tells no times.

mod any_order;
mod check;
mod dropout_cache;
pub mod matcher;
#[cfg(test)]
mod matcher_tests;
mod tally;

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use crate::store::Row;
pub use dropout_cache::DropoutCache;
use dropout_cache::{Latest, List};
use matcher::{GROUP_SHIFT, Mark, Matcher, Order, Plan};
use serde::Deserialize;
use tally::Tally;

use super::{LIMIT_MAX, Report, ReportError, Reports, moment, period::Period, refuse, some};
use crate::{
    model::{Site, SiteId, Timestamp, VisitorId},
    store::{Param, Store, StoreError, funnel::Question},
    tasks::apart,
    wire::reports::{Dropped, DroppedVisitor, Funnel, FunnelGroup, FunnelOrder, FunnelQuestion, FunnelStepAnswer},
};

const DROPPED: &str = include_str!("../../store/sql/reports.funnel_dropped.sql");
/// Values of a breakdown that are shown for themselves; a mark has room for 15.
const GROUPS_MAX: u32 = 10;
/// The name of the group of all other values.
const OTHER: &str = "other";
const DROPPED_DEFAULT: u32 = 100;
/// Bits of a mark's number below the time.
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
    /// How many visitors came how far, and lists of those who went no further.
    ///
    /// # Errors
    /// When the question must be mended or the warehouse does not answer.
    pub async fn funnel(&self, site: &Site, question: &FunnelQuestion, now: Timestamp) -> Result<Funnel, ReportError> {
        let started = Instant::now();
        let period = Period::check(question.from, question.to, question.timezone.as_deref(), site)?;
        check::check(question)?;
        let asked = self.ask(Report::Funnel);
        let groups = match breakdown(question) {
            Some(breakdown) => {
                let question = of_warehouse(site.id, &period, question);
                let store = asked.store().await?;
                asked.finish(store.funnel_groups(question, breakdown, GROUPS_MAX)).await?
            }
            None => Vec::new(),
        };
        let (store, counting) = (asked.store().await?.clone(), (site.id, question.clone(), groups));
        // Millions of histories are work for a thread of its own.
        let counted = apart("funnel", count(store, period, counting));
        let counted = async { counted.await.unwrap_or_else(|lost| Err(StoreError::Lost(lost.to_string()))) };
        let Answers { mut steps, breakdown, lists } = asked.finish(counted).await?;
        let handles = self.shared.shelf.put(site.id, lists, now);
        for (step, handle) in steps.iter_mut().zip(handles) {
            step.dropped_list = Some(handle);
        }
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Funnel { steps, breakdown, took_ms })
    }

    /// Those who came to a step and no further, by the handle that the funnel's answer gave. The list holds
    /// the 10,000 who entered last; `limit` of them are shown, the last seen first.
    ///
    /// # Errors
    /// When the handle is unknown or has expired, the limit is out of bounds, or the warehouse does not answer.
    pub async fn funnel_dropped(
        &self,
        site: &Site,
        handle: &str,
        limit: Option<u32>,
        now: Timestamp,
    ) -> Result<Dropped, ReportError> {
        let limit = limit.unwrap_or(DROPPED_DEFAULT);
        if !(1..=LIMIT_MAX).contains(&limit) {
            return refuse("limit must be 1 to 1000");
        }
        let Some((step, list)) = self.shared.shelf.get(site.id, handle, now) else {
            return Err(ReportError::NotFound("this list has expired: ask the funnel again"));
        };
        let shown = &list.visitors[..list.visitors.len().min(limit as usize)];
        let ids = Param::ArrayU128(shown.iter().map(|(visitor, _)| visitor.0).collect());
        let params = [("site", Param::U32(site.id.0)), ("visitors", ids)];
        let rows: Vec<DroppedRow> = self.ask(Report::Dropped).query(DROPPED, &params).await?;
        Ok(Dropped { step, visitors: described(shown, rows), total: list.total })
    }
}

/// Everybody of the list, the last seen first. Of one who came within the last moments the warehouse may not know
/// more yet than that they entered.
fn described(shown: &[(VisitorId, Timestamp)], rows: Vec<DroppedRow>) -> Vec<DroppedVisitor> {
    let mut known: HashMap<u128, DroppedRow> = rows.into_iter().map(|row| (row.visitor, row)).collect();
    let visitor = |(visitor, entered): &(VisitorId, Timestamp)| {
        let row = known.remove(&visitor.0);
        let row = row.unwrap_or_else(|| DroppedRow { visitor: visitor.0, last_ms: entered.0, ..DroppedRow::default() });
        DroppedVisitor {
            visitor: visitor.to_string(),
            last_at: moment(row.last_ms),
            user_id: some(row.user_id),
            country: row.country,
            device: row.device,
        }
    };
    let mut visitors: Vec<DroppedVisitor> = shown.iter().map(visitor).collect();
    visitors.sort_by(|a, b| b.last_at.cmp(&a.last_at).then_with(|| a.visitor.cmp(&b.visitor)));
    visitors
}

fn breakdown(question: &FunnelQuestion) -> Option<&str> {
    question.breakdown.as_deref().map(str::trim).filter(|field| !field.is_empty())
}

fn of_warehouse<'a>(site: SiteId, period: &Period, question: &'a FunnelQuestion) -> Question<'a> {
    Question {
        site,
        from_ms: period.from,
        to_ms: period.to,
        // An entry lies before `to`, so its last step at most a window after the millisecond before.
        last_ms: period.to - 1 + question.window_ms,
        steps: &question.steps,
        exclude: &question.exclude,
        strict: question.order == FunnelOrder::Strict,
        ignore: &question.ignore,
        entry_bits: if question.order == FunnelOrder::Any { (1 << question.steps.len()) - 1 } else { 1 },
        breakdown: breakdown(question),
    }
}

/// What was counted.
struct Answers {
    steps: Vec<FunnelStepAnswer>,
    breakdown: Option<BTreeMap<String, FunnelGroup>>,
    lists: Vec<List>,
}

/// Reads the histories and counts them.
async fn count(
    store: Store,
    period: Period,
    (site, question, groups): (SiteId, FunnelQuestion, Vec<String>),
) -> Result<Answers, StoreError> {
    let asked = of_warehouse(site, &period, &question);
    let mut counted = Counted::new(&period, &question, groups.len() + 1);
    store.funnel_histories(asked, &groups, |visitor, marks| counted.add(visitor, marks)).await?;
    let by_group = std::mem::take(&mut counted.by_group);
    let breakdown = asked.breakdown.is_some().then(|| {
        let names = std::iter::once(OTHER.to_owned()).chain(groups);
        let shown = names.zip(by_group).filter(|(_, tally)| !tally.is_empty());
        shown.map(|(name, tally)| (name, FunnelGroup { steps: tally.answers() })).collect()
    });
    let lists = counted.take_lists();
    Ok(Answers { steps: counted.all.answers(), breakdown, lists })
}

/// All that is counted while visitors stream by.
struct Counted {
    matcher: Matcher,
    history: Vec<Mark>,
    all: Tally,
    by_group: Vec<Tally>,
    ended: Vec<Latest>,
    from: Timestamp,
}

impl Counted {
    fn new(period: &Period, question: &FunnelQuestion, groups: usize) -> Self {
        let steps = question.steps.len();
        let order = match question.order {
            FunnelOrder::Sequential => Order::Sequential,
            FunnelOrder::Strict => Order::Strict,
            FunnelOrder::Any => Order::Any,
        };
        // The warehouse counts time from the beginning of the period.
        let plan = Plan { steps, order, window_ms: question.window_ms, from: 0, to: period.to - period.from };
        Self {
            matcher: Matcher::new(plan),
            history: Vec::new(),
            all: Tally::new(steps),
            by_group: vec![Tally::new(steps); groups],
            ended: std::iter::repeat_with(Latest::default).take(steps).collect(),
            from: Timestamp(period.from),
        }
    }

    fn add(&mut self, visitor: VisitorId, marks: &[u64]) {
        self.history.clear();
        self.history.extend(marks.iter().map(|mark| Mark {
            at: i64::try_from(mark >> FLAG_BITS).unwrap_or(i64::MAX),
            flags: u32::try_from(mark & ((1 << FLAG_BITS) - 1)).unwrap_or_default(),
        }));
        let Some(found) = self.matcher.run(&self.history) else { return };
        self.all.add(&found);
        if self.by_group.len() > 1
            && let Some(tally) = self.by_group.get_mut(self.history[found.entry].group())
        {
            tally.add(&found);
        }
        self.ended[found.depth - 1].offer(self.from.plus(found.at[0]), visitor);
    }

    fn take_lists(&mut self) -> Vec<List> {
        let totals = (0..self.ended.len()).map(|step| self.all.ended_at(step)).collect::<Vec<_>>();
        let lists = std::mem::take(&mut self.ended).into_iter().zip(totals);
        lists.map(|(latest, total)| List { total, visitors: latest.into_visitors() }).collect()
    }
}

const _: () = assert!(GROUP_SHIFT as usize == matcher::STEPS_MAX, "groups lie above the steps in a mark");
