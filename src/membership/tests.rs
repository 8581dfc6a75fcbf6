//! Membership by entries and exits is what an evaluation of every rule would say, whatever happens in whichever order.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    person::Person,
    transition::{FollowedRule, evaluate},
};
use crate::{
    catalog::{
        compile::{compile_segment_rule, compile_with},
        condition::Condition,
        snapshot::{Items, SiteSnapshot},
    },
    decide::{self, Context, Settings},
    model::{
        Action, Captures, ConsentDefault, Currency, ExplorationSettings, Kind, PastEvent, Position, Profile,
        ProfileEvent, RobotsPolicy, Site, SiteId, Timestamp, VisitorId, VisitorRules, rates::Rates,
    },
    profiles::{reducer, rules::Params},
    segments::{Evaluator, EventTraits, RuleSet, SegmentSet, TriggerIndex},
};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
const START: i64 = 1_800_000_000_000;
const NAMES: [&str; 4] = ["A", "B", "Order Completed", "page"];
const PARAMS: Params = Params { half_life_ms: 14.0 * DAY as f64, session_ms: HOUR / 2 };

fn site() -> SiteSnapshot {
    let euro = Currency(*b"EUR");
    let site = Site {
        id: SiteId(1),
        contact_costs: Arc::default(),
        holdout_bp: 0,
        name: String::new(),
        origins: Vec::new(),
        write_key: "k".into(),
        secret: "".into(),
        currency: euro,
        timezone: "UTC".into(),
        robots: RobotsPolicy::Drop,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        rate_entries: [].into(),
        rates: Arc::new(Rates::compile(euro, &[], &jiff::tz::TimeZone::UTC).unwrap()),
        rules: Arc::default(),
        traffic_filters: Arc::default(),
        captures: Captures::ALL,
        exploration: ExplorationSettings::default(),
        offer_html: false,
        demo: false,
        created_at: Timestamp(0),
    };
    compile_with(site, Arc::new(Items::new(Vec::new())), &[], SegmentSet::default()).unwrap()
}

fn event(name: usize, at: Timestamp, position: u64) -> ProfileEvent {
    let (name, position) = (NAMES[name], Position(position));
    let is_page = name == "page";
    let past = PastEvent { at, position, name: name.into(), order: None, values: None, currency: Currency::NONE };
    ProfileEvent {
        journal: 1,
        offer: Box::default(),
        position,
        occurred_at: at,
        kind: if is_page { Kind::Page } else { Kind::Track },
        action: if name == "Order Completed" { Action::Ordered } else { Action::Other },
        name: if is_page { "" } else { name }.into(),
        session_start: at,
        items: Vec::new(),
        category: Box::default(),
        amount_minor: 100,
        currency: Currency::NONE,
        order_id: position.0.to_string().into(),
        refunds_whole_order: false,
        by_server_key: false,
        user_id: Box::default(),
        user_verified: false,
        path: Box::default(),
        channel: "Direct",
        source: Box::default(),
        campaign: Box::default(),
        country: Box::default(),
        device: "desktop",
        slot: Box::default(),
        traits: Box::default(),
        past: vec![past],
        rules: 1,
    }
}

/// A person who is followed.
struct Followed {
    site: SiteSnapshot,
    rules: Vec<Condition>,
    index: TriggerIndex,
    profile: Profile,
    person: Person,
}

impl Followed {
    fn new(rules: &[Value]) -> Self {
        let compile = |rule: &Value| {
            let rule = serde_json::from_value(rule.clone()).unwrap();
            compile_segment_rule(&rule, &SegmentSet::default()).unwrap()
        };
        let rules: Vec<Condition> = rules.iter().map(compile).collect();
        let profile = Profile::empty(SiteId(1), VisitorId(1));
        let (index, person) = (TriggerIndex::new(&rules), Person::new(&profile));
        Self { site: site(), rules, index, profile, person }
    }

    /// Evaluates rules; all of them also find the time of the next evaluation.
    fn evaluate(&mut self, asked: &RuleSet, all: bool, now: Timestamp) {
        let context = context(now);
        let facts = decide::facts(&self.profile, &self.site, &context);
        let evaluator = Evaluator::new(&facts, &self.site.site, now);
        let rule = |index: usize| {
            Some(FollowedRule { number: u32::try_from(index).unwrap(), rule: &self.rules[index], fades: false })
        };
        evaluate(&evaluator, &mut self.person, (rule, asked, all), now);
    }

    fn folds(&mut self, events: &[ProfileEvent], now: Timestamp) {
        let earliest = events.iter().map(|event| event.occurred_at).min();
        let mut asked = RuleSet::default();
        for event in events {
            reducer::fold(&mut self.profile, event, &PARAMS);
            let traits = EventTraits { kind: event.kind, action: event.action, name: &event.name, has_items: false };
            asked.merge(&self.index.of(&traits));
        }
        let is_first = earliest.is_some_and(|earliest| self.profile.first_seen >= earliest);
        let asked = if is_first { self.index.all() } else { asked };
        self.evaluate(&asked, is_first, now);
    }

    /// What the timer does until a time.
    fn time_passes(&mut self, now: Timestamp) {
        while let Some(at) = self.person.wake_at.filter(|at| *at <= now) {
            let all = self.index.all();
            self.evaluate(&all, true, at);
            assert!(self.person.wake_at.is_none_or(|next| next > at), "time goes on");
        }
    }

    fn members(&self) -> Vec<usize> {
        let mut members: Vec<usize> = self.person.segments.iter().map(|(number, _)| *number as usize).collect();
        members.sort_unstable();
        members
    }

    fn evaluated(&self, now: Timestamp) -> Vec<usize> {
        let context = context(now);
        let facts = decide::facts(&self.profile, &self.site, &context);
        let evaluator = Evaluator::new(&facts, &self.site.site, now);
        (0..self.rules.len()).filter(|rule| evaluator.holds(&self.rules[*rule])).collect()
    }
}

fn context(now: Timestamp) -> Context<'static> {
    let settings = Settings { slots_max: 1, items_max: 1, half_life_ms: PARAMS.half_life_ms, up_sell_factor: 1.5 };
    Context::without_page(now, None, settings)
}

fn rule() -> impl Strategy<Value = Value> {
    let name = (0..NAMES.len()).prop_map(|name| NAMES[name]);
    let counted = (name.clone(), 1_u32..60, 0_u32..3).prop_map(|(name, hours, count)| {
        json!({"event": name, "within_days": f64::from(hours) / 24.0, "count": {"op": "lte", "value": count}})
    });
    let done = (name.clone(), 1_u32..60)
        .prop_map(|(name, hours)| json!({"event": name, "within_days": f64::from(hours) / 24.0}));
    let unfollowed = (name.clone(), name.clone(), 1_u32..20).prop_map(
        |(name, other, hours)| json!({"event": name, "not_followed_by": {"event": other, "within_hours": hours}}),
    );
    let sequence = (name.clone(), name, 1_u32..30).prop_map(|(first, second, hours)| {
        json!({"sequence": [{"event": first}, {"event": second}], "within_hours": hours, "within_days": 2})
    });
    let field =
        prop_oneof![Just("orders"), Just("visits"), Just("pageviews"), Just("last_seen_days"), Just("first_seen_days")];
    let field = (field, prop_oneof![Just("gte"), Just("eq"), Just("lt")], 0_u32..4)
        .prop_map(|(field, op, value)| json!({"field": field, "op": op, "value": value}));
    let new = any::<bool>().prop_map(|new| json!({"field": "new_visitor", "op": "eq", "value": new}));
    let leaf = prop_oneof![counted, done, unfollowed, sequence, field, new, Just(json!({}))];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({"all": parts})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|parts| json!({"any": parts})),
            inner.prop_map(|part| json!({"not": part})),
        ]
    })
}

proptest! {
    #[test]
    fn membership_by_entries_and_exits_is_what_an_evaluation_says(
        rules in prop::collection::vec(rule(), 1..6),
        // Batches of events, each with the seconds before it; an event is its name and how late it arrives, minutes.
        batches in prop::collection::vec((0_i64..100_000, prop::collection::vec((0_usize..4, 0_i64..300), 0..3)), 1..12),
    ) {
        let mut followed = Followed::new(&rules);
        let (mut now, mut position) = (Timestamp(START), 0);
        for (gap, events) in batches {
            now = now.plus(gap * 1000);
            followed.time_passes(now);
            if followed.profile.events > 0 {
                prop_assert_eq!(followed.members(), followed.evaluated(now), "by time, at {}", now);
            }
            let events: Vec<ProfileEvent> = events.iter().map(|(name, late)| {
                position += 1;
                event(*name, now.plus(-late * 60_000), position)
            }).collect();
            if !events.is_empty() {
                followed.folds(&events, now);
                prop_assert_eq!(followed.members(), followed.evaluated(now), "by {} events, at {}", events.len(), now);
            }
        }
    }
}

#[test]
fn a_window_that_moves_on_is_not_written_until_its_first_end() {
    let mut followed = Followed::new(&[json!({"event": "A", "within_days": 1})]);
    followed.folds(&[event(0, Timestamp(START), 1)], Timestamp(START));
    let first = followed.person.clone();
    assert_eq!((followed.members(), first.wake_at), (vec![0], Some(Timestamp(START + DAY + 1000))));
    let later = Timestamp(START + HOUR);
    followed.folds(&[event(0, later, 2)], later);
    assert_eq!(followed.person, first, "nothing to store");
    followed.time_passes(Timestamp(START + DAY + 1000));
    assert_eq!((followed.members(), followed.person.wake_at), (vec![0], Some(Timestamp(START + HOUR + DAY + 1000))));
    followed.time_passes(Timestamp(START + HOUR + DAY + 1000));
    assert_eq!((followed.members(), followed.person.is_idle()), (vec![], true));
}
