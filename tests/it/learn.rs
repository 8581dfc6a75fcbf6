//! Learning from stored events, on the real engine.

use std::{sync::Arc, time::Duration};

use ashna::{
    clock,
    config::Config,
    learn::Learn,
    model::{Event, SiteId, VisitorId, event::ItemLine},
    recommend::{Ask, Model, Scratch},
    tasks::Tasks,
};

use crate::support::{
    engine::{database, eventually},
    events::{batch, event},
};

/// Visitors `first..` each look at the two items, one after the other, a minute ago.
fn pair(first: u128, visitors: u128, items: [&'static str; 2]) -> Vec<Event<'static>> {
    let at = clock::now().plus(-60_000);
    let mut events = Vec::new();
    for visitor in first..first + visitors {
        for (n, id) in (0_u8..).zip(items) {
            events.push(Event {
                visitor: VisitorId(visitor),
                occurred_at: at.plus(i64::from(n)),
                items: vec![ItemLine { id: id.into(), price_minor: 1, quantity: 1 }],
                ..event(0)
            });
        }
    }
    events
}

#[tokio::test]
async fn what_visitors_look_at_together_is_learned_and_a_new_item_within_ten_seconds() {
    let store = database().await;
    let mut config = Config::defaults().learn;
    config.refresh_seconds = 1;
    let learn = Arc::new(Learn::new(store.clone(), &config, 30));
    learn.learn().await.unwrap();
    assert!(learn.index(SiteId(1)).is_empty());

    let mut tasks = Tasks::default();
    tasks.spawn("learn", Arc::clone(&learn).run(tasks.stopping()));
    store.insert(batch(0, &pair(1, 5, ["a", "b"]))).await.unwrap();
    eventually("the pair is learned", Duration::from_secs(10), async || learn.index(SiteId(1)).pairs() == 2).await;
    let index = learn.index(SiteId(1));
    let a = index.number("a").unwrap();
    let near = index.neighbours(a).next().unwrap();
    assert_eq!((&**index.id(near.item).unwrap(), near.support, index.events()), ("b", 5, 10));
    assert_eq!(index.trending_in("Coffee").len(), 2);

    store.insert(batch(10, &pair(50, 1, ["a", "new"]))).await.unwrap();
    eventually("a new item is known", Duration::from_secs(10), async || learn.index(SiteId(1)).number("new").is_some())
        .await;
    let unchanged = learn.index(SiteId(1));
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(Arc::ptr_eq(&unchanged, &learn.index(SiteId(1))), "nothing new, nothing built");
    tasks.stop(Duration::from_secs(5)).await;
}

/// Visits that walk a ring of thirty items, each beginning one further on.
fn walks(visits: u128) -> Vec<Event<'static>> {
    let at = clock::now().plus(-3_600_000);
    let mut events = Vec::new();
    for visitor in 0..visits {
        for step in 0..5 {
            let id = format!("i-{}", (visitor + step) % 30);
            events.push(Event {
                visitor: VisitorId(1000 + visitor),
                occurred_at: at.plus(i64::try_from(visitor * 5 + step).unwrap()),
                items: vec![ItemLine { id: id.into(), price_minor: 1, quantity: 1 }],
                ..event(0)
            });
        }
    }
    events
}

#[tokio::test]
async fn a_site_is_tuned_on_its_own_clicks_beside_the_rebuilds() {
    let store = database().await;
    let mut config = Config::defaults().learn;
    config.refresh_seconds = 1;
    let learn = Arc::new(Learn::new(store.clone(), &config, 30));
    store.insert(batch(0, &walks(700))).await.unwrap();
    let mut tasks = Tasks::default();
    tasks.spawn("learn", Arc::clone(&learn).run(tasks.stopping()));
    eventually("the tuned index", Duration::from_mins(4), async || learn.index(SiteId(1)).learned().is_some()).await;
    let index = learn.index(SiteId(1));
    let learned = index.learned().unwrap();
    assert!(learned.is_tuned());
    assert!(learn.tuned(SiteId(1)).unwrap().margin().0.hit_rate > 0.9);
    let clicks: Vec<u32> = ["i-4", "i-5"].iter().map(|id| index.number(id).unwrap()).collect();
    let ask = Ask { clicks: &clicks, now: learned.sessions().last_ended(), k: 5, model: Model::Blend };
    let first = learned.rank(&ask, &mut Scratch::default())[0].1;
    assert_eq!(index.id(first).map(|id| &**id), Some("i-6"));
    tasks.stop(Duration::from_secs(5)).await;
}
