//! Learning from stored events, on the real engine.

use std::{sync::Arc, time::Duration};

use ashna::{
    clock,
    config::{self, Config},
    control::{Control, NewSite, Scope},
    learn::Learn,
    model::{Event, SiteId, VisitorId, event::ItemLine},
    recommend::{Model, RankRequest, Scratch},
    store::Store,
    tasks::Tasks,
};

use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    client::TestVisitor,
    engine::{PATIENCE, database, eventually},
    events::{batch, event},
};

/// A learner on a store, with its own directory for tuned models.
async fn learning(store: &Store, config: &config::Learn) -> (tempfile::TempDir, Arc<Learn>) {
    let directory = tempfile::tempdir().unwrap();
    let learn = opened(store, config, &directory).await;
    (directory, learn)
}

async fn opened(store: &Store, config: &config::Learn, directory: &tempfile::TempDir) -> Arc<Learn> {
    let control = Control::open(directory.path()).await.unwrap();
    if control.sites().await.unwrap().is_empty() {
        let (name, write_key, secret) = ("Shop".to_owned(), "key".to_owned(), "secret".to_owned());
        control
            .add_site(&NewSite { name, origins: Vec::new(), write_key, secret: secret.into(), demo: false })
            .await
            .unwrap();
    }
    Arc::new(Learn::open(store.clone(), control, config, 30, None, Arc::new(Vec::new)).await.unwrap())
}

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
async fn items_viewed_together_are_learned_and_new_items_within_ten_seconds() {
    let store = database().await;
    let mut config = Config::defaults().learn;
    config.refresh_seconds = 1;
    let (_directory, learn) = learning(&store, &config).await;
    learn.learn().await.unwrap();
    assert!(learn.index(SiteId(1)).is_empty());

    let mut tasks = Tasks::default();
    let running = Arc::clone(&learn);
    tasks.spawn_restarting("learn", move |stopping| Arc::clone(&running).run(stopping));
    store.insert(batch(0, &pair(1, 5, ["a", "b"]))).await.unwrap();
    eventually("the pair is learned", PATIENCE, async || !learn.index(SiteId(1)).is_empty()).await;
    let index = learn.index(SiteId(1));
    let a = index.number("a").unwrap();
    let near = index.neighbours(a)[0];
    assert_eq!((&**index.id(near.item).unwrap(), near.support, index.events()), ("b", 5, 10));
    assert_eq!(index.trending_in("Coffee").len(), 2);

    store.insert(batch(10, &pair(50, 1, ["a", "new"]))).await.unwrap();
    eventually("a new item is known", PATIENCE, async || learn.index(SiteId(1)).number("new").is_some()).await;
    let unchanged = learn.index(SiteId(1));
    // Due work is determined for all sites at once: twice it was due for another site.
    for (from, id) in [(12_u64, "elsewhere"), (14, "and there")] {
        let mut events = pair(60 + u128::from(from), 1, ["over", id]);
        for event in &mut events {
            event.site = SiteId(2);
        }
        store.insert(batch(from, &events)).await.unwrap();
        eventually("the other site is learned", PATIENCE, async || learn.index(SiteId(2)).number(id).is_some()).await;
    }
    assert!(Arc::ptr_eq(&unchanged, &learn.index(SiteId(1))), "no rebuild without new events");
    tasks.stop(Duration::from_secs(5)).await;
}

/// Visits that follow a cycle of thirty items, each starting one item further.
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
async fn a_site_is_tuned_on_its_own_clicks_between_rebuilds() {
    let store = database().await;
    let mut config = Config::defaults().learn;
    config.refresh_seconds = 1;
    let (directory, learn) = learning(&store, &config).await;
    store.insert(batch(0, &walks(700))).await.unwrap();
    let mut tasks = Tasks::default();
    let running = Arc::clone(&learn);
    tasks.spawn_restarting("learn", move |stopping| Arc::clone(&running).run(stopping));
    eventually("the tuned index", Duration::from_mins(6), async || is_tuned(&learn)).await;
    let index = learn.index(SiteId(1));
    let learned = index.learned().unwrap();
    assert!(learned.is_tuned());
    let standing = learn.model_status(SiteId(1));
    assert!(standing.tuned.as_ref().unwrap().margin().0.hit_rate > 0.9);
    assert_eq!((standing.clicks, standing.serving()), (3500, Some(Model::Blend)));
    let clicks: Vec<u32> = ["i-4", "i-5"].iter().map(|id| index.number(id).unwrap()).collect();
    let request = RankRequest { clicks: &clicks, now: learned.sessions().last_ended(), k: 5, model: Model::Blend };
    let first = learned.rank(&request, &mut Scratch::default())[0].1;
    assert_eq!(index.id(first).map(|id| &**id), Some("i-6"));

    learn.choose(SiteId(1), Some(Model::Trending), "owner").await.unwrap();
    eventually("the choice serves", PATIENCE, async || is_the_same_for_all(&learn)).await;
    tasks.stop(Duration::from_secs(5)).await;

    let again = opened(&store, &config, &directory).await;
    again.learn().await.unwrap();
    let kept = again.model_status(SiteId(1));
    assert_eq!((kept.clicks, kept.at, kept.serving()), (3500, standing.at, Some(Model::Trending)));
    assert_eq!(kept.choice.as_ref().map(|choice| &*choice.who), Some("owner"));
    assert!(is_the_same_for_all(&again), "at once, without tuning again");
    again.choose(SiteId(1), None, "owner").await.unwrap();
    again.learn().await.unwrap();
    assert_eq!(first_of(&again, "i-5"), "i-6", "the best model is active again");
}

fn is_tuned(learn: &Learn) -> bool {
    learn.index(SiteId(1)).learned().is_some_and(ashna::recommend::Learned::is_tuned)
}

/// Whether the answer is trending items, which do not depend on views.
fn is_the_same_for_all(learn: &Learn) -> bool {
    first_of(learn, "i-5") == first_of(learn, "i-15")
}

/// The first recommendation for a visitor who viewed one item.
fn first_of(learn: &Learn, id: &str) -> String {
    let index = learn.index(SiteId(1));
    let learned = index.learned().unwrap();
    let clicks = [index.number(id).unwrap()];
    let request = RankRequest { clicks: &clicks, now: learned.sessions().last_ended(), k: 5, model: Model::Blend };
    let first = learned.rank(&request, &mut Scratch::default())[0].1;
    index.id(first).unwrap().to_string()
}

/// A shop of forty items whose full index is never rebuilt.
async fn without_builds() -> TestApp {
    let app = TestApp::with(|config| config.learn.refresh_seconds = 86_400).await;
    let admin = app.with_key(Scope::Admin).await;
    let items = (1..=40).map(|n| json!({ "id": format!("p-{n}"), "title": "T", "categories": ["Coffee"] }));
    assert_eq!(admin.post(&app.path("items"), json!(items.collect::<Vec<_>>())).await.json()["upserted"], 40);
    app
}

async fn looks_at(visitor: &mut TestVisitor, ids: &[&str]) {
    for id in ids {
        visitor.tracks("Product Viewed", json!({ "product_id": id })).await;
    }
}

/// The recommended items with their reasons.
async fn recommended(app: &TestApp, rest: &str) -> Vec<(String, String)> {
    let answer = app.api().get(&format!("/v1/recommend?key={}&k=3{rest}", app.site.write_key)).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    answer["items"].as_array().unwrap().iter().map(|item| (text(&item["id"]), text(&item["reason"]))).collect()
}

#[tokio::test]
async fn a_new_item_is_recommended_without_a_rebuild() {
    let app = without_builds().await;
    for _ in 0..4 {
        looks_at(&mut app.visitor(), &["p-1", "p-2"]).await;
    }
    let admin = app.with_key(Scope::Admin).await;
    let new = json!([{ "id": "brand-new", "title": "New", "categories": ["Coffee"] }]);
    assert_eq!(admin.post(&app.path("items"), new).await.json()["upserted"], 1);
    for _ in 0..3 {
        looks_at(&mut app.visitor(), &["p-1", "brand-new"]).await;
    }
    let mut other = app.visitor();
    looks_at(&mut other, &["p-1"]).await;
    let to_other = format!("&visitor={}&model=viewed_together", other.id);
    eventually("it is recommended to another visitor", PATIENCE, async || {
        recommended(&app, &to_other).await.contains(&("brand-new".to_owned(), "viewed_together".to_owned()))
    })
    .await;
    app.finish().await;
}

#[tokio::test]
async fn a_click_changes_the_visitors_next_recommendations() {
    let app = without_builds().await;
    for _ in 0..4 {
        looks_at(&mut app.visitor(), &["p-1", "p-2"]).await;
        looks_at(&mut app.visitor(), &["p-30", "p-31"]).await;
    }
    let mut visitor = app.visitor();
    let next = format!("&visitor={}&model=session_neighbours", visitor.id);
    looks_at(&mut visitor, &["p-1"]).await;
    eventually("the visits are known", PATIENCE, async || {
        recommended(&app, &next).await.first().is_some_and(|(id, _)| id == "p-2")
    })
    .await;
    looks_at(&mut visitor, &["p-30"]).await;
    assert_eq!(recommended(&app, &next).await[0].0, "p-31", "at once");
    app.finish().await;
}

#[tokio::test]
async fn an_order_changes_recommendations_without_a_rebuild() {
    let app = without_builds().await;
    let bought = "&item=p-5&model=bought_together";
    let is_recommended =
        async || recommended(&app, bought).await.first() == Some(&("p-9".to_owned(), "bought_together".to_owned()));
    for order in ["one", "another"] {
        let mut buyer = app.visitor();
        looks_at(&mut buyer, &["p-5", "p-6"]).await;
        assert!(!is_recommended().await, "one buyer is not enough");
        let products = json!([{ "product_id": "p-5" }, { "product_id": "p-9" }]);
        let order = json!({ "order_id": order, "currency": "EUR", "revenue": 10, "products": products });
        buyer.tracks("Order Completed", order).await;
    }
    eventually("the two orders are learned from", PATIENCE, is_recommended).await;
    let crossed = async || recommended(&app, "&model=trending").await.iter().any(|(id, _)| id == "p-9");
    eventually("what was bought is popular", PATIENCE, crossed).await;
    app.finish().await;
}
