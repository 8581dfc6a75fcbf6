//! Live profiles over the real engine: complete after evictions and restarts.

use std::{sync::Arc, time::Duration};

use ashna::{
    config::{Config, Endpoint},
    model::{Action, Event, Position, Profile, SiteId, VisitorId, WantedEvents, WantedSnapshot},
    profiles::{Freshness, Profiles, reducer::profile_event, rules::SiteChoices},
    store::Store,
    tasks::Tasks,
};

use parking_lot::Mutex;

use crate::support::{
    engine::{database, endpoint, eventually},
    events::{batch, event},
    fault_proxy::{Fault, FaultProxy},
};

const SITE: SiteId = SiteId(1);
/// The journal of `support::events`.
const JOURNAL: u64 = 7;
const PATIENT: Duration = Duration::from_secs(20);
const SOON: Duration = Duration::from_millis(40);

/// Rules that a test changes.
struct Chosen(Arc<Mutex<WantedEvents>>);

impl SiteChoices for Chosen {
    fn wanted(&self, _: SiteId) -> Arc<WantedSnapshot> {
        Arc::new(WantedSnapshot::new(self.0.lock().clone()))
    }
}

/// Profiles whose reads are served until dropped.
struct Live {
    profiles: Arc<Profiles>,
    _tasks: Tasks,
}

impl Live {
    fn over(store: Store, cached_max: usize, undelivered_events_max: usize) -> Self {
        Self::with_rules(store, cached_max, undelivered_events_max, Arc::default())
    }

    fn with_rules(
        store: Store,
        cached_max: usize,
        undelivered_events_max: usize,
        rules: Arc<Mutex<WantedEvents>>,
    ) -> Self {
        let mut config = Config::defaults().profiles;
        (config.cached_max, config.undelivered_events_max) = (cached_max, undelivered_events_max);
        config.history_days = 100_000;
        let profiles = Arc::new(Profiles::with_choices(&config, 30, Arc::new(Chosen(rules)), JOURNAL, store));
        let mut tasks = Tasks::default();
        let running = Arc::clone(&profiles);
        tasks.spawn_restarting("profiles", move |stopping| Arc::clone(&running).run(stopping));
        Self { profiles, _tasks: tasks }
    }

    fn apply(&self, from: u64, events: &[Event<'_>]) {
        for (position, event) in (from..).zip(events) {
            self.profiles.apply(
                SITE,
                event.visitor,
                &profile_event(event, JOURNAL, Position(position), &self.profiles.wanted(SITE)),
            );
        }
    }

    async fn get(&self, visitor: VisitorId, budget: Duration) -> (Profile, Freshness) {
        let (profile, freshness) = self.profiles.get(SITE, visitor, budget).await;
        (Profile::clone(&profile), freshness)
    }
}

/// A store without a server.
fn unreachable() -> Store {
    let endpoint = Endpoint {
        url: "http://127.0.0.1:9".into(),
        user: "default".into(),
        password: "".into(),
        database: "none".into(),
    };
    Store::connect_to(endpoint, &Config::defaults().clickhouse)
}

fn visitors() -> impl Iterator<Item = VisitorId> {
    (100..130).map(VisitorId)
}

/// `count` events of thirty visitors.
fn events(count: u64) -> Vec<Event<'static>> {
    (0..count).map(|n| Event { visitor: VisitorId(100 + u128::from(n % 30)), ..event(n) }).collect()
}

#[tokio::test]
async fn the_next_decision_sees_the_last_click() {
    let live = Live::over(database().await, 1000, 1000);
    let visitor = VisitorId(100);
    let (before, freshness) = live.get(visitor, PATIENT).await;
    assert_eq!((before.events, freshness), (0, Freshness::Complete));
    live.apply(0, &events(1));
    let (after, freshness) = live.get(visitor, SOON).await;
    assert_eq!((after.events, &*after.recent_items[0].0, freshness), (1, "p-0", Freshness::Complete));
    let (anonymous, freshness) = live.get(VisitorId::ANONYMOUS, SOON).await;
    assert_eq!((anonymous.events, freshness), (0, Freshness::Complete));
}

#[tokio::test]
async fn a_restart_between_store_and_journal_causes_no_loss_and_no_duplicates() {
    let store = database().await;
    let events = events(300);
    let whole = Live::over(unreachable(), 1000, 1000);
    whole.apply(0, &events);

    // 200 events are stored, of which the checkpoint knows 120; 180 are replayed from the journal.
    store.insert(batch(0, &events[..120])).await.unwrap();
    store.insert(batch(120, &events[120..200])).await.unwrap();
    let live = Live::over(store, 10, 1000);
    live.profiles.delivered(Position(120));
    live.apply(120, &events[120..]);
    for visitor in visitors() {
        let (expected, _) = whole.get(visitor, SOON).await;
        assert_eq!(live.get(visitor, PATIENT).await, (expected, Freshness::Complete));
    }
}

#[tokio::test]
async fn past_events_that_rules_want_are_complete_wherever_they_are_and_when_rules_change() {
    let store = database().await;
    let events: Vec<_> = events(300)
        .into_iter()
        .map(|event| Event { properties: format!(r#"{{"n": {}}}"#, event.occurred_at.0).into(), ..event })
        .collect();
    let rules = Arc::new(Mutex::new(WantedEvents::default()));
    // 200 events are stored, of which the checkpoint knows 120.
    store.insert(batch(0, &events[..120])).await.unwrap();
    store.insert(batch(120, &events[120..200])).await.unwrap();
    let live = Live::with_rules(store.clone(), 10, 1000, Arc::clone(&rules));
    live.profiles.delivered(Position(120));
    live.apply(120, &events[120..250]);
    let visitor = VisitorId(100);
    assert!(live.get(visitor, PATIENT).await.0.history.is_empty(), "no rule wants any");

    rules.lock().add_value(&events[0].name, "n");
    // Events of before the change are complete as soon as they are stored.
    store.insert(batch(200, &events[200..250])).await.unwrap();
    live.profiles.delivered(Position(250));
    live.apply(250, &events[250..]);
    let of_visitor: Vec<_> = (0..300_u64).filter(|n| n % 30 == 0).collect();
    let complete = async || {
        let (profile, freshness) = live.get(visitor, PATIENT).await;
        assert_eq!(freshness, Freshness::Complete);
        let known: Vec<_> = profile.history.events().map(|past| past.position.0).collect();
        let has_values = profile.history.events().all(|past| past.value("n").is_some_and(|n| *n == past.at.0));
        known == of_visitor && has_values
    };
    eventually("the history serves the new rule", PATIENT, complete).await;
}

#[tokio::test]
async fn a_profile_that_cannot_be_read_again_for_new_rules_is_used_as_it_is() {
    let rules = Arc::new(Mutex::new(WantedEvents::default()));
    let live = Live::with_rules(unreachable(), 10, 1000, Arc::clone(&rules));
    live.profiles.start_profile(SITE, VisitorId(100));
    let events = events(60);
    live.apply(0, &events);
    live.profiles.delivered(Position(60));
    rules.lock().add(&events[0].name);
    let (profile, freshness) = live.get(VisitorId(100), PATIENT).await;
    assert_eq!((profile.events, freshness), (2, Freshness::Degraded));
}

#[tokio::test]
async fn a_users_profile_is_complete_wherever_their_events_are() {
    // Thirty browsers of ten users, three each; every event has a verified user id.
    let with_user = |event: Event<'static>| {
        let user = format!("u-{}", event.visitor.0 % 10);
        Event { user_id: user.into(), user_verified: true, ..event }
    };
    let events: Vec<_> = events(300).into_iter().map(with_user).collect();
    for (stored, known) in [(0, 0), (150, 0), (150, 150), (300, 120), (300, 300)] {
        let store = database().await;
        store.insert(batch(0, &events[..known])).await.unwrap();
        store.insert(batch(known as u64, &events[known..stored])).await.unwrap();
        // Capacity for three profiles, after a restart that replays what the checkpoint does not cover.
        let live = Live::over(store, 3, 1000);
        live.profiles.delivered(Position(known as u64));
        live.apply(known as u64, &events[known..]);
        for visitor in visitors() {
            let (profile, freshness) = live.profiles.known(SITE, visitor, "", PATIENT).await;
            assert_eq!((profile.events, freshness), (30, Freshness::Complete), "{stored} stored, {known} known");
            assert_eq!((profile.visitor, profile.recent_items.len()), (visitor, 30));
        }
    }
}

#[tokio::test]
async fn without_the_engine_a_users_profile_comes_from_memory() {
    let live = Live::over(unreachable(), 100, 1000);
    let with_user = |event: Event<'static>| Event { user_id: "u".into(), ..event };
    live.apply(0, &events(60).into_iter().map(with_user).collect::<Vec<_>>());
    let (profile, freshness) = live.profiles.known(SITE, VisitorId(100), "", SOON).await;
    assert_eq!(freshness, Freshness::Degraded);
    assert_eq!(profile.events, 2 * 17, "of the sixteen other browsers");
    let (anonymous, _) = live.profiles.known(SITE, VisitorId::ANONYMOUS, "u", SOON).await;
    assert_eq!(anonymous.events, 0, "without consent there is no user profile");
}

#[tokio::test]
async fn evicted_profiles_are_rebuilt_after_an_outage() {
    // The engine answers at first, then hangs; capacity for ten profiles, thirty visitors.
    let endpoint = endpoint().await;
    let proxy = FaultProxy::before(&endpoint.url).await;
    let store = Store::connect_to(Endpoint { url: proxy.url(), ..endpoint }, &Config::defaults().clickhouse);
    store.migrate().await.unwrap();
    let events = events(300);
    let live = Live::over(store.clone(), 10, 1000);
    for visitor in visitors() {
        assert_eq!(live.get(visitor, PATIENT).await.1, Freshness::Complete);
    }
    proxy.set(Fault::Hang);
    live.apply(0, &events);
    for visitor in visitors() {
        let (profile, freshness) = live.get(visitor, SOON).await;
        assert_eq!(profile.events, 10, "{freshness:?}");
        assert_eq!(profile.recent_items.len(), 10);
    }
    assert!(live.profiles.stats().degraded > 0);

    // The engine is back and the events are delivered: every profile is complete again.
    proxy.set(Fault::None);
    store.insert(batch(0, &events)).await.unwrap();
    live.profiles.delivered(Position(300));
    for visitor in visitors() {
        let mut seen = None;
        eventually("the profile is whole", PATIENT, async || {
            let got = live.get(visitor, SOON).await;
            let complete = got.1 == Freshness::Complete;
            seen = Some(got.0);
            complete
        })
        .await;
        let profile = seen.unwrap();
        assert_eq!((profile.events, profile.recent_items.len()), (10, 10));
    }
    assert_eq!(live.profiles.stats().pending_events, 0);
}

#[tokio::test]
async fn the_order_of_requests_does_not_matter() {
    let store = database().await;
    let visitor = VisitorId(100);
    let all: Vec<_> = (0..6).map(|n| Event { visitor, ..event(n) }).collect();
    let mut cart = all.clone();
    cart[3].action = Action::CartAdded;
    cart[4].action = Action::Ordered;
    let in_order = Live::over(store.clone(), 1000, 1000);
    let overtaken = Live::over(store, 1000, 1000);
    for live in [&in_order, &overtaken] {
        live.get(visitor, PATIENT).await;
    }
    in_order.apply(0, &cart);
    for position in [0_usize, 1, 4, 5, 2, 3, 3] {
        overtaken.apply(position as u64, &cart[position..=position]);
    }
    assert_eq!(overtaken.get(visitor, SOON).await, in_order.get(visitor, SOON).await);
}

#[tokio::test]
async fn many_unknown_visitors_are_read_in_few_queries() {
    let endpoint = endpoint().await;
    let proxy = FaultProxy::before(&endpoint.url).await;
    let store = Store::connect_to(Endpoint { url: proxy.url(), ..endpoint }, &Config::defaults().clickhouse);
    store.migrate().await.unwrap();
    proxy.set(Fault::Hang);
    let live = Live::over(store, 100_000, 1000);
    let begun = std::time::Instant::now();
    let mut reads = tokio::task::JoinSet::new();
    for n in 0..5000 {
        let profiles = Arc::clone(&live.profiles);
        reads.spawn(async move { profiles.get(SITE, VisitorId(1000 + n), SOON).await.1 });
    }
    while let Some(freshness) = reads.join_next().await {
        assert_eq!(freshness.unwrap(), Freshness::Degraded);
    }
    // Sequential reads would take minutes.
    assert!(begun.elapsed() < PATIENT, "{:?}", begun.elapsed());
    proxy.set(Fault::None);
    eventually("reads work again", PATIENT, async || live.get(VisitorId(1), SOON).await.1 == Freshness::Complete).await;
    assert!(live.profiles.stats().reads < 2000, "those who would wait too long are not read");
}

#[tokio::test]
async fn visitors_who_ask_together_each_get_their_own_history() {
    let store = database().await;
    let events = events(300);
    store.insert(batch(0, &events[..280])).await.unwrap();
    let rules = Arc::new(Mutex::new(WantedEvents::default()));
    rules.lock().add(&events[0].name);
    let live = Live::with_rules(store, 1000, 1000, rules);
    live.profiles.delivered(Position(200));
    live.apply(200, &events[200..]);
    let gets = visitors().map(|visitor| live.get(visitor, PATIENT)).collect::<Vec<_>>();
    let together = futures_util::future::join_all(gets).await;
    for (visitor, (profile, freshness)) in visitors().zip(together) {
        assert_eq!((profile.visitor, profile.events, freshness), (visitor, 10, Freshness::Complete));
        assert_eq!((profile.history.len(), profile.recent_items.len()), (10, 10));
        let first = (visitor.0 - 100).to_string();
        assert!(profile.recent_items.iter().any(|(item, _)| **item == *["p-", &first].concat()), "{profile:?}");
    }
    assert_eq!(live.profiles.stats().reads, 30);
}

#[tokio::test]
async fn dropped_events_are_counted_and_return_after_delivery() {
    let store = database().await;
    let events = events(300);
    let live = Live::over(store.clone(), 1000, 50);
    live.apply(0, &events);
    let stats = live.profiles.stats();
    assert_eq!((stats.pending_events, stats.events_dropped), (50, 250));
    let mut degraded = 0;
    for visitor in visitors() {
        degraded += u32::from(live.get(visitor, PATIENT).await.1 == Freshness::Degraded);
    }
    assert!(degraded > 0);
    store.insert(batch(0, &events)).await.unwrap();
    live.profiles.delivered(Position(300));
    for visitor in visitors() {
        let (profile, freshness) = live.get(visitor, PATIENT).await;
        assert_eq!((profile.events, freshness), (10, Freshness::Complete));
    }
}
