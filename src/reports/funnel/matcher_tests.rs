//! The matcher against a brute-force reference that tries every assignment of events to steps.

use proptest::prelude::*;

use super::{
    matcher::Matcher,
    reference,
    removal::is_removed,
    types::{EXCLUDED, Exclusion, FunnelEvent, FunnelPath, GAP_BEFORE, Order, Plan, STEPS_MAX},
};

/// What the store sends of a whole history: events that match nothing are left out, but leave a gap flag.
fn matching_events(events: &[FunnelEvent]) -> Vec<(usize, FunnelEvent)> {
    let mut kept = Vec::new();
    let mut gap = 0;
    for (index, event) in events.iter().enumerate() {
        if event.flags == 0 {
            gap = GAP_BEFORE;
        } else {
            kept.push((index, FunnelEvent { flags: event.flags | gap, ..*event }));
            gap = 0;
        }
    }
    kept
}

fn run(plan: &Plan, events: &[FunnelEvent]) -> Option<FunnelPath> {
    let (indexes, kept): (Vec<_>, Vec<_>) = matching_events(events).into_iter().unzip();
    let path = Matcher::new(plan.clone()).run(&kept)?;
    let steps = (0..STEPS_MAX).filter(|step| path.has(*step)).map(|step| (step, indexes[path.events[step]]));
    let original = FunnelPath::new(events, steps);
    assert_eq!(original.reached_at, path.reached_at);
    Some(original)
}

fn plan(order: Order, steps: usize, window_ms: i64, from: i64, to: i64) -> Plan {
    Plan { steps, order, window_ms, from, to, optional: 0, exclusions: Vec::new() }
}

const A: u32 = 1;
const B: u32 = 2;
const C: u32 = 4;

fn check(order: Order, steps: usize, history: &[(i64, u32)], expected: Option<(usize, usize, &[i64])>) {
    let plan = plan(order, steps, 100, 0, 1000);
    let events: Vec<FunnelEvent> = history.iter().map(|&(at, flags)| FunnelEvent { at, flags, excluded: 0 }).collect();
    let path = run(&plan, &events);
    assert_eq!(path, reference::plain(&plan, &events), "the reference disagrees: {history:?}");
    let actual = path.map(|path| (path.depth, path.events[0], path.reached_at));
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
        let mut plan = plan(order, 3, 1_000_000_000, 0, 1_000_000_000);
        let history: Vec<FunnelEvent> =
            (0..1_000_000).map(|at| FunnelEvent { at, flags: if at % 2 == 0 { A } else { B }, excluded: 0 }).collect();
        assert_eq!(Matcher::new(plan.clone()).run(&history).map(|f| f.depth), Some(2), "{order:?}");
        plan.optional = if order == Order::Any { 0 } else { B };
        assert_eq!(Matcher::new(plan).run(&history).map(|f| f.depth), Some(2), "{order:?}");
    }
}

const X: u32 = 1;
const Y: u32 = 2;

/// A funnel of four steps in order, the second optional; X is excluded between the second and the third, Y removes between
/// the first and the third.
fn check_flexible(history: &[(i64, u32, u32)], expected: Option<(usize, &[(usize, usize)])>, removed: bool) {
    let mut plan = plan(Order::Sequential, 4, 100, 0, 1000);
    plan.optional = B;
    plan.exclusions = vec![Exclusion { from: 1, to: 2, removes: false }, Exclusion { from: 0, to: 2, removes: true }];
    let events: Vec<FunnelEvent> =
        history.iter().map(|&(at, flags, excluded)| FunnelEvent { at, flags, excluded }).collect();
    let path = Matcher::new(plan.clone()).run(&events);
    assert_eq!(path, reference::flexible(&plan, &events), "the reference disagrees: {history:?}");
    let expected = expected.map(|(depth, steps)| {
        let path = FunnelPath::new(&events, steps.iter().copied());
        assert_eq!(path.depth, depth);
        path
    });
    assert_eq!(path, expected, "{history:?}");
    assert_eq!(path.is_some_and(|path| is_removed(&plan, &events, &path)), removed, "{history:?}");
}

#[test]
fn optional_steps_may_be_left_out_and_are_taken_if_that_is_no_later() {
    let d = 8;
    check_flexible(&[(0, A, 0), (1, B, 0), (2, C, 0), (3, d, 0)], Some((4, &[(0, 0), (1, 1), (2, 2), (3, 3)])), false);
    check_flexible(&[(0, A, 0), (2, C, 0), (3, d, 0)], Some((4, &[(0, 0), (2, 1), (3, 2)])), false);
    check_flexible(&[(0, A, 0), (2, C, 0), (3, B, 0)], Some((3, &[(0, 0), (2, 1)])), false);
    check_flexible(&[(0, A, 0), (1, B, 0), (3, d, 0)], Some((2, &[(0, 0), (1, 1)])), false);
    check_flexible(&[(0, A, 0), (3, d, 0)], Some((1, &[(0, 0)])), false);
}

#[test]
fn exclusions_hold_between_their_steps_only() {
    // After the optional step, X ends the attempt; but without that step, it does not matter.
    check_flexible(&[(0, A, 0), (1, B, 0), (2, 0, X), (3, C, 0)], Some((3, &[(0, 0), (2, 3)])), false);
    // A later event of the second step is after it.
    let again = [(0, A, 0), (1, B, 0), (2, 0, X), (3, B, 0), (4, C, 0)];
    check_flexible(&again, Some((3, &[(0, 0), (1, 3), (2, 4)])), false);
    check_flexible(&[(0, A, 0), (1, 0, Y), (3, C, 0)], Some((3, &[(0, 0), (2, 2)])), true);
    check_flexible(&[(0, A, 0), (1, C, Y), (3, 0, Y)], Some((3, &[(0, 0), (2, 1)])), false);
    check_flexible(&[(0, A, 0), (100, 0, Y)], Some((1, &[(0, 0)])), true);
    check_flexible(&[(0, A, 0), (101, 0, Y)], Some((1, &[(0, 0)])), false);
    check_flexible(&[(0, 0, Y), (1, A, Y), (2, C, 0)], Some((3, &[(0, 1), (2, 2)])), false);
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
                excluded: 0,
            })
            .collect()
    })
}

fn special_events() -> impl Strategy<Value = Vec<FunnelEvent>> {
    let matched = prop_oneof![3 => (0..4u32).prop_map(|step| 1 << step), 2 => 0..16u32, 1 => Just(0)];
    let excluded = prop_oneof![3 => Just(0), 1 => 0..8u32];
    prop::collection::vec((0..3i64, matched, excluded), 0..11).prop_map(|steps| {
        let mut at = 0;
        let event = |(gap, flags, excluded)| {
            at += gap;
            FunnelEvent { at, flags, excluded }
        };
        steps.into_iter().map(event).collect()
    })
}

fn exclusions() -> impl Strategy<Value = Vec<Exclusion>> {
    let exclusion = (0..4usize, 0..4usize, any::<bool>());
    let exclusion = exclusion.prop_map(|(from, to, removes)| Exclusion { from, to, removes });
    prop::collection::vec(exclusion, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_matcher_equals_the_reference(events in events(), steps in 1..4usize, window_ms in 0..12i64,
                                        from in 0..8i64, length in 1..20i64) {
        for order in [Order::Sequential, Order::Strict, Order::Any] {
            let plan = plan(order, steps, window_ms, from, from + length);
            // The store does not send bits of steps beyond the funnel's.
            let used_bits = ((1 << steps) - 1) | EXCLUDED;
            let events: Vec<FunnelEvent> = events.iter().map(|m| FunnelEvent { flags: m.flags & used_bits, ..*m }).collect();
            prop_assert_eq!(run(&plan, &events), reference::plain(&plan, &events), "{:?}", order);
        }
    }

    #[test]
    fn optional_steps_and_ranges_equal_the_reference(
        events in special_events(), steps in 1..5usize, window_ms in 0..12i64, from in 0..4i64, length in 1..20i64,
        optional in 0..16u32, exclusions in exclusions(),
    ) {
        for order in [Order::Sequential, Order::Strict] {
            let mut plan = plan(order, steps, window_ms, from, from + length);
            plan.optional = optional & !1 & ((1 << steps) - 1);
            // As requests are checked: a range ends with a later step of the funnel.
            plan.exclusions = exclusions.clone();
            for exclusion in &mut plan.exclusions {
                exclusion.to = exclusion.to.min(steps - 1);
            }
            let events: Vec<FunnelEvent> =
                events.iter().map(|m| FunnelEvent { flags: m.flags & ((1 << steps) - 1), ..*m }).collect();
            let path = Matcher::new(plan.clone()).run(&events);
            let expected = reference::flexible(&plan, &events);
            prop_assert_eq!(path, expected, "{:?}", plan);
            let removed = expected.is_some_and(|path| reference::is_removed(&plan, &events, &path));
            prop_assert_eq!(path.is_some_and(|path| is_removed(&plan, &events, &path)), removed, "{:?}", plan);
        }
    }
}
