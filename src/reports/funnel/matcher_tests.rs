//! The matcher against a brute-force reference that tries every assignment of events to steps.

use proptest::prelude::*;

use super::{
    matcher::Matcher,
    types::{EXCLUDED, FunnelEvent, FunnelPath, GAP_BEFORE, Order, Plan, STEP_BITS, STEPS_MAX},
};

/// What the store sends of a whole history: events that match nothing are left out, but leave a gap flag.
fn matching_events(events: &[FunnelEvent]) -> Vec<(usize, FunnelEvent)> {
    let mut kept = Vec::new();
    let mut gap = 0;
    for (index, event) in events.iter().enumerate() {
        if event.flags == 0 {
            gap = GAP_BEFORE;
        } else {
            kept.push((index, FunnelEvent { at: event.at, flags: event.flags | gap }));
            gap = 0;
        }
    }
    kept
}

fn run(plan: Plan, events: &[FunnelEvent]) -> Option<FunnelPath> {
    let (indexes, kept): (Vec<_>, Vec<_>) = matching_events(events).into_iter().unzip();
    Matcher::new(plan).run(&kept).map(|path| FunnelPath { entry: indexes[path.entry], ..path })
}

/// Tries every path from `entry`; writes the earliest end of each length to `ends`.
fn paths(plan: &Plan, events: &[FunnelEvent], entry: usize, last: usize, filled: u32, ends: &mut [i64; STEPS_MAX]) {
    let length = filled.count_ones() as usize;
    ends[length - 1] = ends[length - 1].min(events[last].at);
    if last > entry && events[last].flags & EXCLUDED != 0 {
        return;
    }
    let reach = if plan.order == Order::Strict { last + 2 } else { events.len() };
    for next in last + 1..reach.min(events.len()) {
        if events[next].at - events[entry].at > plan.window_ms {
            break;
        }
        for step in 0..plan.steps {
            let fits =
                plan.order == Order::Any && filled >> step & 1 == 0 || plan.order != Order::Any && step == length;
            if fits && events[next].flags >> step & 1 == 1 {
                paths(plan, events, entry, next, filled | 1 << step, ends);
            }
        }
        if events[next].flags & EXCLUDED != 0 {
            break;
        }
    }
}

fn reference(plan: Plan, events: &[FunnelEvent]) -> Option<FunnelPath> {
    let mut best: Option<FunnelPath> = None;
    for (entry, event) in events.iter().enumerate().filter(|(_, m)| plan.from <= m.at && m.at < plan.to) {
        let firsts = if plan.order == Order::Any { STEP_BITS } else { 1 };
        let mut ends = [i64::MAX; STEPS_MAX];
        for step in (0..plan.steps).filter(|step| (event.flags & firsts) >> step & 1 == 1) {
            paths(&plan, events, entry, entry, 1 << step, &mut ends);
        }
        let depth = ends.iter().filter(|end| **end != i64::MAX).count();
        if depth > best.map_or(0, |b| b.depth) {
            best = Some(FunnelPath { depth, entry, reached_at: ends.map(|end| if end == i64::MAX { 0 } else { end }) });
        }
    }
    best
}

const A: u32 = 1;
const B: u32 = 2;
const C: u32 = 4;

fn check(order: Order, steps: usize, history: &[(i64, u32)], expected: Option<(usize, usize, &[i64])>) {
    let plan = Plan { steps, order, window_ms: 100, from: 0, to: 1000 };
    let events: Vec<FunnelEvent> = history.iter().map(|&(at, flags)| FunnelEvent { at, flags }).collect();
    let path = run(plan, &events);
    assert_eq!(path, reference(plan, &events), "the reference disagrees: {history:?}");
    let actual = path.map(|path| (path.depth, path.entry, path.reached_at));
    let expected = expected.map(|(depth, entry, times)| {
        let mut reached_at = [0; STEPS_MAX];
        reached_at[..times.len()].copy_from_slice(times);
        (depth, entry, reached_at)
    });
    assert_eq!(actual, expected, "{history:?}");
}

#[test]
fn steps_are_in_sequence_and_the_window_is_inclusive() {
    check(Order::Sequential, 2, &[(0, A), (100, B)], Some((2, 0, &[0, 100])));
    check(Order::Sequential, 2, &[(0, A), (101, B)], Some((1, 0, &[0])));
    check(Order::Sequential, 2, &[(5, B), (6, A)], Some((1, 1, &[6])));
    check(Order::Sequential, 2, &[(5, B)], None);
    check(Order::Sequential, 2, &[], None);
}

#[test]
fn ties_in_time_are_ordered_by_arrival() {
    check(Order::Sequential, 2, &[(5, A), (5, B)], Some((2, 0, &[5, 5])));
    check(Order::Sequential, 2, &[(5, B), (5, A)], Some((1, 1, &[5])));
}

#[test]
fn one_event_never_fills_two_steps() {
    check(Order::Sequential, 2, &[(1, A | B)], Some((1, 0, &[1])));
    check(Order::Sequential, 2, &[(1, A | B), (2, A | B)], Some((2, 0, &[1, 2])));
    check(Order::Any, 2, &[(1, A | B)], Some((1, 0, &[1])));
    check(Order::Any, 2, &[(1, A | B), (2, A | B)], Some((2, 0, &[1, 2])));
    check(Order::Strict, 2, &[(1, A | B)], Some((1, 0, &[1])));
}

#[test]
fn every_entry_is_tried_and_times_are_those_of_the_earliest_with_full_depth() {
    check(Order::Sequential, 3, &[(0, A), (10, B), (150, A), (155, B), (160, C)], Some((3, 2, &[150, 155, 160])));
    check(Order::Sequential, 2, &[(0, A), (10, A), (20, B)], Some((2, 0, &[0, 20])));
    check(Order::Sequential, 3, &[(0, A), (50, A), (60, B), (120, C)], Some((3, 1, &[50, 60, 120])));
}

#[test]
fn only_the_entry_must_lie_in_the_period() {
    check(Order::Sequential, 2, &[(-1, A), (5, B)], None);
    check(Order::Sequential, 2, &[(0, A), (5, B)], Some((2, 0, &[0, 5])));
    check(Order::Sequential, 2, &[(999, A), (1050, B)], Some((2, 0, &[999, 1050])));
    check(Order::Sequential, 2, &[(1000, A), (1050, B)], None);
}

#[test]
fn strict_allows_nothing_between() {
    check(Order::Strict, 2, &[(0, A), (1, 0), (2, B)], Some((1, 0, &[0])));
    check(Order::Strict, 2, &[(0, A), (1, A), (2, B)], Some((2, 1, &[1, 2])));
    check(Order::Strict, 3, &[(0, A), (1, B), (2, 0), (3, A), (4, B), (5, C)], Some((3, 3, &[3, 4, 5])));
    check(Order::Strict, 2, &[(0, 0), (1, A), (2, B), (3, 0)], Some((2, 1, &[1, 2])));
}

#[test]
fn any_order_counts_different_steps() {
    check(Order::Any, 3, &[(0, C), (5, A), (9, B)], Some((3, 0, &[0, 5, 9])));
    check(Order::Any, 3, &[(0, C), (5, C), (9, B)], Some((2, 0, &[0, 9])));
    // The first event matches both steps; it must fill B, because the second event matches only A.
    check(Order::Any, 2, &[(0, A | B), (5, A)], Some((2, 0, &[0, 5])));
    check(Order::Any, 3, &[(0, A), (90, B), (150, C)], Some((2, 0, &[0, 90])));
}

#[test]
fn an_excluded_event_ends_the_paths_of_earlier_entries() {
    check(Order::Sequential, 2, &[(0, A), (1, EXCLUDED), (2, B)], Some((1, 0, &[0])));
    check(Order::Sequential, 2, &[(0, A), (1, EXCLUDED), (2, A), (3, B)], Some((2, 2, &[2, 3])));
    check(Order::Sequential, 2, &[(0, A | EXCLUDED), (3, B)], Some((2, 0, &[0, 3])));
    check(Order::Sequential, 3, &[(0, A), (3, B | EXCLUDED), (4, C)], Some((2, 0, &[0, 3])));
    check(Order::Any, 2, &[(0, B), (1, EXCLUDED), (2, A)], Some((1, 0, &[0])));
    check(Order::Strict, 3, &[(0, A), (3, B | EXCLUDED), (4, C)], Some((2, 0, &[0, 3])));
}

#[test]
fn a_million_events_of_one_visitor_are_matched_quickly() {
    for order in [Order::Sequential, Order::Strict, Order::Any] {
        let plan = Plan { steps: 3, order, window_ms: 1_000_000_000, from: 0, to: 1_000_000_000 };
        let history: Vec<FunnelEvent> =
            (0..1_000_000).map(|at| FunnelEvent { at, flags: if at % 2 == 0 { A } else { B } }).collect();
        assert_eq!(Matcher::new(plan).run(&history).map(|f| f.depth), Some(2), "{order:?}");
    }
}

fn events() -> impl Strategy<Value = Vec<FunnelEvent>> {
    let flags = prop_oneof![6 => 0..8u32, 1 => (0..8u32).prop_map(|f| f | EXCLUDED), 2 => Just(0)];
    prop::collection::vec((0..4i64, flags), 0..10).prop_map(|steps| {
        let mut at = 0;
        steps
            .into_iter()
            .map(|(gap, flags)| FunnelEvent {
                at: {
                    at += gap;
                    at
                },
                flags,
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_equals_the_reference(events in events(), steps in 1..4usize, window_ms in 0..12i64,
                                        from in 0..8i64, length in 1..20i64) {
        for order in [Order::Sequential, Order::Strict, Order::Any] {
            let plan = Plan { steps, order, window_ms, from, to: from + length };
            // The store does not send bits of steps beyond the funnel's.
            let used_bits = ((1 << steps) - 1) | EXCLUDED;
            let events: Vec<FunnelEvent> = events.iter().map(|m| FunnelEvent { flags: m.flags & used_bits, ..*m }).collect();
            prop_assert_eq!(run(plan, &events), reference(plan, &events), "{:?}", order);
        }
    }
}
