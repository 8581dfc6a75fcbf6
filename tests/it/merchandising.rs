//! Merchandising rules apply from the next request on, and explanations name them.

use ashna::control::{Role, Scope};
use serde_json::{Value, json};

use crate::support::{
    app::{ORIGIN, TestApp},
    client::{Answer, ApiClient},
    engine::{PATIENCE, eventually},
};

/// A shop of twelve items in two categories and of two brands.
async fn shop() -> (TestApp, ApiClient) {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let items: Vec<Value> = (1..=12)
        .map(|n| {
            json!({ "id": format!("p-{n}"), "title": format!("Thing {n}"), "price_minor": 1000, "currency": "EUR",
                "categories": [if n % 2 == 0 { "Tea" } else { "Coffee" }], "brand": if n > 6 { "Acme" } else { "Other" },
                "language": "en", "titles": { "fa": format!("چیز {n}") } })
        })
        .collect();
    assert_eq!(admin.post(&app.path("items"), items.into()).await.json()["upserted"], 12);
    (app, admin)
}

fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let answer = answer.json();
    answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

async fn recommends(app: &TestApp, rest: &str) -> Answer {
    app.api().get(&format!("/v1/recommend?key={}&{rest}", app.site.write_key)).await
}

#[tokio::test]
async fn an_unavailable_item_disappears() {
    let (app, admin) = shop().await;
    assert!(ids(&recommends(&app, "k=50").await).contains(&"p-12".to_owned()));
    let sold_out = json!({ "id": "p-12", "title": "Thing 12", "available": false });
    assert_eq!(admin.post(&app.path("items"), sold_out).await.status, 200);
    let is_gone = async || !ids(&recommends(&app, "k=50").await).contains(&"p-12".to_owned());
    eventually("it is recommended no more", PATIENCE, is_gone).await;
    let slots = app.visitor().decides(&["home-recs"]).await;
    assert!(!slots.to_string().contains("\"p-12\""), "{slots}");
    app.finish().await;
}

#[tokio::test]
async fn rules_of_site_and_slot_apply_from_the_next_request() {
    let (app, admin) = shop().await;
    let rules = app.path("recommendation-rules");
    let site = json!({ "exclude": { "brands": ["Acme"] }, "pins": [{ "item": "p-2", "position": 1 }] });
    let answer = admin.put(&rules, site.clone()).await;
    assert_eq!(
        (answer.status, &answer.json()["site"]["exclude"]["brands"]),
        (200, &json!(["Acme"])),
        "{}",
        answer.text
    );
    let shown = ids(&recommends(&app, "k=50").await);
    assert_eq!((shown.len(), shown[0].as_str()), (6, "p-2"), "{shown:?}");

    let tea = json!({ "only": { "field": "category", "op": "eq", "value": "Tea" } });
    assert_eq!(admin.put(&format!("{rules}/tea-recs"), tea).await.status, 200);
    assert_eq!(ids(&recommends(&app, "k=50&slot=tea-recs").await), ["p-2", "p-6", "p-4"]);
    assert_eq!(ids(&recommends(&app, "k=50&slot=other").await).len(), 6);
    let decided = app.visitor().decides(&["tea-recs"]).await;
    assert_eq!(decided["decisions"]["tea-recs"]["items"].as_array().unwrap().len(), 3);

    // The rules apply to a new item at once.
    let new = json!({ "id": "p-13", "categories": ["Tea"] });
    admin.post(&app.path("items"), new).await;
    assert_eq!(ids(&recommends(&app, "k=50&slot=tea-recs").await)[1], "p-13");

    assert_eq!(admin.delete(&format!("{rules}/tea-recs")).await.status, 204);
    admin.delete(&format!("{rules}/tea-recs")).await.refuses(404, "not_found");
    assert_eq!(ids(&recommends(&app, "k=50&slot=tea-recs").await).len(), 7);
    assert_eq!(admin.get(&rules).await.json()["slots"], json!({}));
    app.finish().await;
}

#[tokio::test]
async fn invalid_rules_change_nothing_and_viewers_cannot_write_rules() {
    let (app, admin) = shop().await;
    let rules = app.path("recommendation-rules");
    let unknown = json!({ "only": { "field": "colour", "op": "eq", "value": "red" } });
    let answer = admin.put(&rules, unknown).await;
    answer.refuses(422, "invalid");
    assert!(answer.text.contains("attribute.NAME"), "{}", answer.text);
    admin.put(&rules, json!({ "colour": "red" })).await.refuses(400, "unreadable");
    let marketer = app.with_login(Role::Marketer).await;
    assert_eq!(marketer.put(&rules, json!({})).await.status, 200);
    let viewer = app.with_login(Role::Viewer).await;
    assert_eq!(viewer.get(&rules).await.status, 200);
    viewer.put(&rules, json!({})).await.refuses(403, "forbidden");
    app.finish().await;
}

#[tokio::test]
async fn server_keys_see_why_each_item_was_recommended() {
    let (app, admin) = shop().await;
    let boost = json!({ "when": { "field": "brand", "op": "eq", "value": "Acme" }, "percent": 200 });
    let rules =
        json!({ "pins": [{ "item": "p-1", "position": 1 }], "boosts": [boost], "exclude": { "items": ["p-9"] } });
    assert_eq!(admin.put(&app.path("recommendation-rules"), rules).await.status, 200);
    let mut visitor = app.visitor();
    for id in ["p-8", "p-9", "p-8"] {
        visitor.tracks("Product Viewed", json!({ "product_id": id, "category": "Tea" })).await;
    }
    let query = format!("/v1/recommend?k=4&visitor={}", visitor.id);
    let answer = admin.get(&query).await.json();
    let first = &answer["items"][0];
    assert_eq!((&first["id"], &first["reason"]), (&json!("p-1"), &json!("pinned")), "{answer}");
    assert!(first["explanation"]["rules"][0].as_str().unwrap().starts_with("pin:"));
    let lifted =
        answer["items"].as_array().unwrap().iter().find(|item| item["brand"] == "Acme" && item["score"] != 0.0);
    let why = &lifted.expect("an item of the boosted maker")["explanation"];
    assert_eq!(why["rules"], json!(["boost: 200% for brand is “acme” (site)"]), "{answer}");
    assert!(why["score"].as_f64().unwrap() > why["model_score"].as_f64().unwrap());
    assert!(!why["evidence"].as_str().unwrap().is_empty() && !why["model"].as_str().unwrap().is_empty());
    let public = recommends(&app, &format!("k=4&visitor={}", visitor.id)).await;
    assert!(!public.text.contains("explanation") && !public.text.contains("left_out"), "{}", public.text);
    app.finish().await;
}

#[tokio::test]
async fn ignored_items_are_suppressed_until_viewed() {
    let (app, admin) = shop().await;
    let tired = json!({ "fatigue": { "shown_max": 2, "rest_hours": 24 } });
    assert_eq!(admin.put(&app.path("recommendation-rules"), tired).await.status, 200);
    let mut visitor = app.visitor();
    let query = format!("k=50&visitor={}", visitor.id);
    for _ in 0..2 {
        assert_eq!(ids(&recommends(&app, &query).await).len(), 12);
        visitor.tracks("Slot Viewed", json!({ "slot": "home-recs", "items": ["p-12", "p-11"] })).await;
    }
    let shown = ids(&recommends(&app, &query).await);
    assert_eq!(shown.len(), 10, "{shown:?}");
    assert!(!shown.iter().any(|id| id == "p-12" || id == "p-11"));
    visitor.tracks("Product Viewed", json!({ "product_id": "p-11" })).await;
    assert!(ids(&recommends(&app, &query).await).contains(&"p-11".to_owned()));
    assert_eq!(ids(&recommends(&app, "k=50").await).len(), 12, "another visitor");
    app.finish().await;
}

#[tokio::test]
async fn titles_are_in_the_language_of_the_page() {
    let (app, _) = shop().await;
    let answer = recommends(&app, "k=1&language=fa-IR").await.json();
    assert!(answer["items"][0]["title"].as_str().unwrap().starts_with("چیز"), "{answer}");
    let answer = recommends(&app, "k=1&language=de").await.json();
    assert!(answer["items"][0]["title"].as_str().unwrap().starts_with("Thing"), "{answer}");
    app.finish().await;
}

#[tokio::test]
async fn without_a_page_language_accept_language_is_used() {
    let (app, _) = shop().await;
    let title = async |api: ApiClient, accepted: &str, parameters: &str| {
        let path = format!("/v1/recommend?key={}&k=1{parameters}", app.site.write_key);
        let answer = api.with_header("accept-language", accepted.to_owned()).get(&path).await.json();
        answer["items"][0]["title"].as_str().unwrap().to_owned()
    };
    let browser = || app.api().with_header("origin", ORIGIN.to_owned());
    assert!(title(browser(), "fa-IR,fa;q=0.9,en;q=0.8", "").await.starts_with("چیز"));
    assert!(title(browser(), "en,fa;q=0.5", "").await.starts_with("Thing"));
    assert!(title(browser(), "fa", "&language=en").await.starts_with("Thing"), "the page's language has priority");
    assert!(title(app.api(), "fa", "").await.starts_with("Thing"), "a server's own language is not a visitor's");
    for odd in ["", "*", "fa\tIR", ";;,", &"fa-".repeat(300)] {
        assert!(title(browser(), odd, "").await.starts_with("Thing"), "{odd:?}");
    }
    app.finish().await;
}
