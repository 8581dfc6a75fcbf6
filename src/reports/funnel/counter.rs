//! Counts visitors while their histories are streamed.

use std::collections::BTreeMap;

use super::{
    differences::Comparison,
    dropout_cache::{DropoutList, LatestEntrants},
    matcher::Matcher,
    removal::is_removed,
    tally::Tally,
    times::times,
    types::{EXCLUDED, Exclusion, FunnelEvent, FunnelPath, OTHER, Order, Plan},
};
use crate::{
    model::{Timestamp, VisitorId},
    reports::{moment, period::Period},
    store::funnel::AttemptEvent,
    wire::reports::{
        BreakdownAt, BreakdownEnd, ExclusionEffect, Funnel, FunnelDifferences, FunnelGroup, FunnelOrder,
        FunnelQuestion, FunnelTrendPoint,
    },
};

/// Flag bits of an encoded event, below its time.
const FLAG_BITS: u32 = 26;

/// The groups of a breakdown.
#[derive(Debug, Clone, Default)]
pub(super) enum Groups {
    /// No breakdown.
    #[default]
    None,
    /// By value of an event: those that have a group of their own.
    Values(Vec<String>),
    /// By segments, of which a visitor may be in several: their ids.
    Segments(Vec<String>),
}

impl Groups {
    /// The values with a group of their own.
    pub(super) fn values(&self) -> &[String] {
        if let Self::Values(values) = self { values } else { &[] }
    }

    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Values(names) | Self::Segments(names) => names.len() + 1,
        }
    }
}

/// The funnel of a question.
pub(super) fn plan(period: &Period, request: &FunnelQuestion, has_details: bool) -> Plan {
    let steps = request.steps.len();
    let exclusion = |exclusion: &crate::wire::reports::FunnelExclusion| Exclusion {
        from: exclusion.from_step.unwrap_or(1) - 1,
        to: exclusion.to_step.unwrap_or(steps) - 1,
        removes: exclusion.effect == ExclusionEffect::Remove,
    };
    Plan {
        steps,
        order: match request.order {
            FunnelOrder::Sequential => Order::Sequential,
            FunnelOrder::Strict => Order::Strict,
            FunnelOrder::Any => Order::Any,
        },
        window_ms: request.window_ms,
        // The warehouse sends times relative to the start of the period.
        from: 0,
        to: period.to - period.from,
        optional: request.steps.iter().rev().fold(0, |bits, step| bits << 1 | u32::from(step.optional)),
        // Otherwise the warehouse says of each event whether it is excluded.
        exclusions: if has_details { request.exclude.iter().map(exclusion).collect() } else { Vec::new() },
    }
}

/// Counts visitors while their histories are streamed.
pub(super) struct Counter {
    matcher: Matcher,
    history: Vec<FunnelEvent>,
    all: Tally,
    groups: Groups,
    at: BreakdownAt,
    by_group: Vec<Tally>,
    /// Drop-outs of each step.
    dropouts: Vec<LatestEntrants>,
    from: Timestamp,
    removed: u64,
    /// From the first step to the last.
    to_convert: Vec<i64>,
    /// Starts of the steps of the series, and visitors by step and depth.
    trend: Vec<(i64, Vec<u64>)>,
    comparison: Option<Comparison>,
}

impl Counter {
    pub(super) fn new(
        plan: Plan,
        period: &Period,
        groups: Groups,
        at: BreakdownAt,
        trend: &[i64],
        comparison: Option<Comparison>,
    ) -> Self {
        let (steps, tally) = (plan.steps, Tally::new(plan.steps, plan.optional));
        Self {
            matcher: Matcher::new(plan),
            history: Vec::new(),
            by_group: vec![tally.clone(); groups.len()],
            all: tally,
            groups,
            at,
            dropouts: std::iter::repeat_with(LatestEntrants::default).take(steps).collect(),
            from: Timestamp(period.from),
            removed: 0,
            to_convert: Vec::new(),
            trend: trend.iter().map(|at| (*at, vec![0; steps])).collect(),
            comparison,
        }
    }

    /// Adds a visitor whose events are encoded as in `reports.funnel.sql`.
    pub(super) fn add(&mut self, visitor: VisitorId, encoded: &[u64]) {
        self.history.clear();
        self.history.extend(encoded.iter().map(|event| FunnelEvent {
            at: i64::try_from(event >> FLAG_BITS).unwrap_or(i64::MAX),
            flags: u32::try_from(event & ((1 << FLAG_BITS) - 1)).unwrap_or_default(),
            excluded: 0,
        }));
        let history = std::mem::take(&mut self.history);
        if let Some(path) = self.matcher.run(&history) {
            self.count(visitor, &history, &path);
        }
        self.history = history;
    }

    /// Adds a visitor with the details of `reports.funnel_attempts.sql`: the best of the visitor's sessions counts, and
    /// of equally good ones the earliest.
    pub(super) fn add_attempts(&mut self, visitor: VisitorId, events: &[AttemptEvent]) {
        let mut best: Option<(FunnelPath, &[AttemptEvent])> = None;
        let mut history = std::mem::take(&mut self.history);
        for session in events.chunk_by(|a, b| a.session == b.session) {
            self.decode(session, &mut history);
            let Some(path) = self.matcher.run(&history) else { continue };
            let rank = |path: &FunnelPath| (path.depth, std::cmp::Reverse(path.reached_at[0]));
            if best.as_ref().is_none_or(|(other, _)| rank(other) < rank(&path)) {
                best = Some((path, session));
            }
        }
        if let Some((path, session)) = best {
            self.decode(session, &mut history);
            if is_removed(self.matcher.plan(), &history, &path) {
                self.removed += 1;
            } else {
                self.count(visitor, &history, &path);
                self.count_segments(&path, events);
                if let Some(comparison) = &mut self.comparison {
                    let has_converted = path.depth == self.matcher.plan().steps;
                    comparison.add(session[path.events[0]], has_converted);
                }
            }
        }
        self.history = history;
    }

    fn decode(&self, session: &[AttemptEvent], history: &mut Vec<FunnelEvent>) {
        let plan = self.matcher.plan();
        let stops = plan.exclusions.iter().enumerate().filter(|(_, exclusion)| !exclusion.removes);
        let stops = stops.fold(0, |bits, (bit, _)| bits | 1_u32 << bit);
        history.clear();
        history.extend(session.iter().map(|event| {
            let excluded = event.exclusions();
            // In any order, exclusions have no range.
            let ends = if plan.order == Order::Any && excluded & stops != 0 { EXCLUDED } else { 0 };
            FunnelEvent { at: event.since_ms, flags: event.flags | ends, excluded }
        }));
    }

    fn count(&mut self, visitor: VisitorId, history: &[FunnelEvent], path: &FunnelPath) {
        self.all.add(path);
        let entered_at = self.from.plus(path.reached_at[0]);
        self.dropouts[path.depth - 1].add(entered_at, visitor);
        if path.depth == self.matcher.plan().steps {
            self.to_convert.push(path.reached_at[path.depth - 1] - path.reached_at[0]);
        }
        if let Groups::Values(_) = self.groups
            && let Some(step) = grouping_step(self.at, path)
            && let Some(tally) = self.by_group.get_mut(history[path.events[step]].group())
        {
            tally.add(path);
        }
        let bucket = self.trend.partition_point(|(start, _)| *start <= entered_at.0);
        if let Some((_, reached)) = bucket.checked_sub(1).and_then(|bucket| self.trend.get_mut(bucket)) {
            let steps = reached.iter_mut().enumerate();
            for (_, reached) in steps.filter(|(step, _)| path.has(*step)) {
                *reached += 1;
            }
        }
    }

    /// Adds the visitor to the groups of all segments that have one, or to the first if none has.
    fn count_segments(&mut self, path: &FunnelPath, events: &[AttemptEvent]) {
        let Groups::Segments(segments) = &self.groups else { return };
        let of_visitor = events.iter().fold(0, |bits, event| bits | event.segments());
        let groups = (0..segments.len()).filter(|bit| of_visitor >> bit & 1 == 1).map(|bit| bit + 1);
        for group in groups.chain((of_visitor == 0).then_some(0)) {
            self.by_group[group].add(path);
        }
    }

    /// The answer, and the lists of those who dropped out at each step.
    pub(super) fn finish(mut self) -> (Funnel, Vec<DropoutList>) {
        let plan = self.matcher.plan();
        let (steps, window_ms) = (plan.steps, plan.window_ms);
        let by_group = std::mem::take(&mut self.by_group).into_iter();
        let breakdown = match std::mem::take(&mut self.groups) {
            Groups::None => None,
            Groups::Values(names) => Some(groups_of(OTHER, names, by_group)),
            Groups::Segments(ids) => Some(groups_of("", ids, by_group)),
        };
        let totals = (0..steps).map(|step| self.all.dropped_at(step)).collect::<Vec<_>>();
        let lists = std::mem::take(&mut self.dropouts).into_iter().zip(totals);
        let lists = lists.map(|(latest, total)| DropoutList { total, visitors: latest.into_visitors() }).collect();
        let points = self.trend.into_iter().map(|(at, reached)| FunnelTrendPoint { at: moment(at), reached });
        let points: Vec<FunnelTrendPoint> = points.collect();
        let funnel = Funnel {
            steps: self.all.into_steps(Some(window_ms)),
            breakdown,
            removed: self.removed,
            to_convert: (steps > 1).then(|| times(self.to_convert, window_ms)),
            trend: (!points.is_empty()).then_some(points),
            differences: self
                .comparison
                .map(Comparison::into_differences)
                .map(|(rows, comparisons)| FunnelDifferences { rows, comparisons }),
            took_ms: 0,
            compare: None,
        };
        (funnel, lists)
    }
}

/// The step whose event says the visitor's group, from 0.
fn grouping_step(at: BreakdownAt, path: &FunnelPath) -> Option<usize> {
    match at {
        BreakdownAt::End(BreakdownEnd::First) => Some(0),
        BreakdownAt::End(BreakdownEnd::Last) => Some(path.depth - 1),
        BreakdownAt::Step(step) => step.checked_sub(1).filter(|step| path.has(*step)),
    }
}

fn groups_of(first: &str, names: Vec<String>, by_group: impl Iterator<Item = Tally>) -> BTreeMap<String, FunnelGroup> {
    let names = std::iter::once(first.to_owned()).chain(names);
    let shown = names.zip(by_group).filter(|(_, tally)| !tally.is_empty());
    shown.map(|(name, tally)| (name, FunnelGroup { steps: tally.into_steps(None) })).collect()
}
