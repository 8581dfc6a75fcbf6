//! One user with several browsers: joined in reports by any `identify`, in decisions only if verified by the site.

use ashna::{
    control::{Role, Scope},
    model::Site,
    operate::Operation,
};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{
    app::{TestApp, these_days},
    client::TestVisitor,
};

fn signature(site: &Site, user: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(site.secret.as_bytes()).unwrap();
    mac.update(user.as_bytes());
    blake3::Hash::from_bytes(mac.finalize().into_bytes().into()).to_hex().to_string()
}

/// A shop with an offer for visitors who have ordered.
async fn shop() -> TestApp {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let offer = json!({ "id": "welcome-back", "slot": "hero", "when": { "field": "orders", "op": "gte", "value": 1 } });
    assert_eq!(admin.post(&app.path("offers"), offer).await.status, 201);
    app
}

async fn orders(visitor: &mut TestVisitor) {
    let order = json!({ "order_id": "o-1", "revenue": 10, "currency": "EUR", "products": [{ "product_id": "p-1" }] });
    assert_eq!(visitor.tracks("Order Completed", order).await.status, 204);
}

async fn identifies(visitor: &mut TestVisitor, user: &str, signature: &str) {
    let call = json!([{ "type": "identify", "userId": user, "signature": signature }]);
    assert_eq!(visitor.sends(call).await.outcome(), "kept=1, dropped=0, rejected=0");
}

async fn is_greeted(visitor: &mut TestVisitor) -> bool {
    let answer = visitor.decides(&["hero"]).await;
    assert_eq!(answer["degraded"], false, "{answer}");
    answer["decisions"]["hero"]["offer"] == "welcome-back"
}

#[tokio::test]
async fn a_signed_user_is_recognized_in_another_browser_and_an_unsigned_one_is_not() {
    let app = shop().await;
    let signed = signature(&app.site, "u-1");
    let (mut phone, mut laptop, mut claims) = (app.visitor(), app.visitor(), app.visitor());
    orders(&mut phone).await;
    identifies(&mut phone, "u-1", &signed).await;
    assert!(is_greeted(&mut phone).await);
    for settled in [false, true] {
        if settled {
            app.settled().await;
        }
        let mut next = app.visitor();
        assert!(!is_greeted(&mut next).await);
        identifies(&mut next, "u-1", &signed).await;
        assert!(is_greeted(&mut next).await, "with the events delivered: {settled}");
        for forged in [
            "",
            &format!("{}{}", if signed.starts_with('a') { "b" } else { "a" }, &signed[1..]),
            &signature(&app.site, "u-2"),
        ] {
            identifies(&mut claims, "u-1", forged).await;
            assert!(!is_greeted(&mut claims).await, "{forged}");
        }
    }
    identifies(&mut laptop, "u-1", &signed).await;
    identifies(&mut laptop, "u-2", "").await;
    assert!(!is_greeted(&mut laptop).await, "another user id invalidates the earlier signature");
    identifies(&mut laptop, "u-1", &signed).await;
    assert!(is_greeted(&mut laptop).await);
    laptop.extra = json!({ "consent": { "analytics": true, "personalization": false } });
    assert!(!is_greeted(&mut laptop).await, "without consent no user is recognized");
    app.finish().await;
}

#[tokio::test]
async fn only_owners_and_admin_keys_can_read_the_secret() {
    let app = shop().await;
    let secret = json!({ "secret": &*app.site.secret });
    assert_eq!(app.operates(Operation::SiteSecret { site: app.site.id.0 }).await, secret);
    let path = app.path("secret");
    assert_eq!(app.with_key(Scope::Admin).await.get(&path).await.json(), secret);
    assert_eq!(app.with_login(Role::Owner).await.get(&path).await.json(), secret);
    app.with_login(Role::Marketer).await.get(&path).await.refuses(403, "forbidden");
    app.with_key(Scope::Server).await.get(&path).await.refuses(403, "forbidden");
    app.api().get(&path).await.refuses(401, "unauthorized");
    let site = app.with_key(Scope::Admin).await.get(&format!("/api/v1/sites/{}", app.site.id)).await;
    assert!(!site.text.contains(&*app.site.secret), "never unless requested");
    app.finish().await;
}

#[tokio::test]
async fn a_shared_browser_belongs_to_the_last_signed_in_user() {
    let app = shop().await;
    let (mut shared, mut own) = (app.visitor(), app.visitor());
    identifies(&mut own, "u-1", &signature(&app.site, "u-1")).await;
    orders(&mut shared).await;
    identifies(&mut shared, "u-1", &signature(&app.site, "u-1")).await;
    assert!(is_greeted(&mut own).await);
    identifies(&mut shared, "u-2", &signature(&app.site, "u-2")).await;
    assert!(!is_greeted(&mut own).await, "the shared browser belongs to another user now");
    app.finish().await;
}

#[tokio::test]
async fn a_request_can_carry_a_signed_user_id() {
    let app = shop().await;
    let server = app.with_key(Scope::Server).await;
    let call = json!({ "event": "Order Completed", "userId": "u-1", "properties": { "order_id": "o-1" } });
    assert_eq!(server.post("/v1/track", call).await.status, 200);
    let mut browser = app.visitor();
    let ask = |user: &str, signature: &str| json!({ "visitor": browser.id, "slots": ["hero"], "user_id": user, "signature": signature });
    let (signed, unsigned) = (ask("u-1", &signature(&app.site, "u-1")), ask("u-1", ""));
    let foreign = ask("u-1", &signature(&app.site, "u-2"));
    let greeted = |answer: Value| answer["decisions"]["hero"]["offer"] == "welcome-back";
    assert!(greeted(browser.asks(signed).await.json()));
    assert!(!greeted(browser.asks(unsigned.clone()).await.json()));
    assert!(!greeted(browser.asks(foreign).await.json()));
    assert!(greeted(server.post("/v1/decide", unsigned).await.json()), "a server key needs no signature");
    app.finish().await;
}

#[tokio::test]
async fn an_unsigned_identify_joins_histories_in_reports() {
    let app = shop().await;
    let (mut phone, mut laptop, mut other) = (app.visitor(), app.visitor(), app.visitor());
    for visitor in [&mut phone, &mut laptop, &mut other] {
        visitor.views("/").await;
    }
    orders(&mut phone).await;
    identifies(&mut phone, "u-1", "").await;
    identifies(&mut laptop, "u-1", "").await;
    assert!(!is_greeted(&mut laptop).await, "in reports only");
    app.settled().await;
    let marketer = app.with_key(Scope::Read).await;
    let overview = marketer.post(&app.path("reports/overview"), these_days()).await.json();
    assert_eq!(overview["totals"]["visitors"], 2, "two people: {overview}");
    let days: u64 = overview["series"].as_array().unwrap().iter().map(|day| day["visitors"].as_u64().unwrap()).sum();
    assert_eq!(days, 2);
    let one = marketer.get(&app.path(&format!("visitors/{}", laptop.id))).await.json();
    assert_eq!(one["visitors"], json!([laptop.id, phone.id]));
    assert_eq!((&one["orders"], &one["pageviews"], &one["user_id"]), (&json!(1), &json!(2), &json!("u-1")));
    assert_eq!(one["timeline"].as_array().unwrap().len(), 5);
    let one = marketer.get(&app.path(&format!("visitors/{}", other.id))).await.json();
    assert_eq!((&one["visitors"], &one["events"]), (&json!([other.id]), &json!(1)));
    app.finish().await;
}

#[tokio::test]
async fn an_alias_renames_a_user_or_assigns_a_visitor() {
    let app = shop().await;
    let server = app.with_key(Scope::Server).await;
    let (mut before, mut after, mut anonymous) = (app.visitor(), app.visitor(), app.visitor());
    for visitor in [&mut before, &mut after, &mut anonymous] {
        visitor.views("/").await;
    }
    identifies(&mut before, "old@shop.example", "").await;
    identifies(&mut after, "u-1", "").await;
    for previous in ["old@shop.example", anonymous.id.as_str()] {
        let call = json!({ "previousId": previous, "userId": "u-1" });
        assert_eq!(server.post("/v1/alias", call).await.outcome(), "kept=1, dropped=0, rejected=0");
    }
    assert_eq!(server.post("/v1/alias", json!({ "previousId": "u-1", "userId": "U" })).await.status, 200);
    // A cycle of aliases ends too.
    assert_eq!(server.post("/v1/alias", json!({ "previousId": "U", "userId": "old@shop.example" })).await.status, 200);
    app.settled().await;
    for visitor in [&before, &after, &anonymous] {
        let one = server.get(&app.path(&format!("visitors/{}", visitor.id))).await.json();
        assert_eq!(one["visitors"][0], visitor.id);
        let joined: Vec<_> = one["visitors"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        for other in [&before, &after, &anonymous] {
            assert!(joined.contains(&other.id.as_str()), "{one}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn group_traits_are_stored() {
    let app = shop().await;
    let mut visitor = app.visitor();
    let call = json!([{ "type": "group", "groupId": "acme", "traits": { "plan": "pro", "seats": 20 } }]);
    assert_eq!(visitor.sends(call).await.outcome(), "kept=1, dropped=0, rejected=0");
    assert_eq!(app.stored("SELECT properties FROM events").await, [r#"{"groupId":"acme","plan":"pro","seats":20}"#]);
    app.finish().await;
}
