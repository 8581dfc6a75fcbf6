//! Figures of reports on events as sites and shops really send them: sessions across the period's edges, orders sent
//! more than once, people in several browsers, servers that know only the user.

use ashna::control::Scope;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::support::{app::TestApp, client::ApiClient};

/// A test site with stored events.
struct Shop {
    app: TestApp,
    reader: ApiClient,
}

impl Shop {
    async fn start() -> Self {
        let app = TestApp::start().await;
        app.changes_site(json!({ "currency": "EUR", "timezone": "UTC" })).await;
        let reader = app.with_key(Scope::Read).await;
        Self { app, reader }
    }

    /// Stores a batch sent with the site's write key.
    async fn receives(&self, events: Value) {
        let key = self.app.site.write_key.clone();
        self.batch(self.app.api().with_header("authorization", basic(&key)), events).await;
    }

    /// Stores a batch sent with a server key.
    async fn server_sends(&self, events: Value) {
        let client = self.app.with_key(Scope::Server).await;
        self.batch(client, events).await;
    }

    async fn batch(&self, client: ApiClient, events: Value) {
        let count = events.as_array().unwrap().len();
        let answer = client.post("/v1/batch", json!({ "batch": events })).await;
        assert_eq!(answer.outcome(), format!("kept={count}, dropped=0, rejected=0"), "{}", answer.text);
        self.app.settled().await;
    }

    async fn report(&self, name: &str, question: Value) -> Value {
        let answer = self.reader.post(&self.app.path(&format!("reports/{name}")), question).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    async fn totals(&self, from: &str, to: &str) -> Value {
        self.report("overview", json!({ "from": from, "to": to })).await["totals"].clone()
    }

    /// Orders and revenue by channel.
    async fn channels(&self, from: &str, to: &str) -> Vec<(String, u64, i64)> {
        let sources = self.report("sources", json!({ "from": from, "to": to, "by": "channel" })).await;
        let row = |row: &Value| {
            (
                row["value"].as_str().unwrap().to_owned(),
                row["orders"].as_u64().unwrap(),
                row["revenue_minor"].as_i64().unwrap(),
            )
        };
        sources["rows"].as_array().unwrap().iter().map(row).collect()
    }
}

fn basic(key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{key}:")))
}

fn page(visitor: &str, at: &str, url: &str, referrer: &str) -> Value {
    json!({ "type": "page", "anonymousId": visitor, "timestamp": at,
        "context": { "page": { "url": format!("https://shop.example{url}"), "referrer": referrer, "title": "" } } })
}

#[expect(clippy::needless_pass_by_value, reason = "json!(…) is written at the call")]
fn order(who: (&str, &str), at: &str, name: &str, properties: Value) -> Value {
    json!({ "type": "track", "event": name, "timestamp": at, who.0: who.1, "properties": properties })
}

#[tokio::test]
async fn a_session_across_midnight_has_one_source_whichever_day_is_reported() {
    let shop = Shop::start().await;
    let paid = json!({ "order_id": "M-81", "revenue": 30, "currency": "EUR" });
    shop.receives(json!([
        page("v1", "2026-09-18T23:52:00Z", "/vase", "https://www.google.com/"),
        page("v1", "2026-09-19T00:04:00Z", "/basket", "https://shop.example/vase"),
        order(("anonymousId", "v1"), "2026-09-19T00:09:00Z", "Order Completed", paid),
    ]))
    .await;
    let both = shop.channels("2026-09-18T00:00:00Z", "2026-09-20T00:00:00Z").await;
    assert_eq!(both, [("Organic Search".into(), 1, 3000)]);
    let second = shop.channels("2026-09-19T00:00:00Z", "2026-09-20T00:00:00Z").await;
    assert_eq!(second, [("Organic Search".into(), 1, 3000)]);
    let sessions = |day: Value| day["sessions"].as_u64();
    assert_eq!(sessions(shop.totals("2026-09-18T00:00:00Z", "2026-09-19T00:00:00Z").await), Some(1));
    let second = shop.totals("2026-09-19T00:00:00Z", "2026-09-20T00:00:00Z").await;
    assert_eq!((&second["sessions"], &second["bounce_rate"]), (&json!(0), &Value::Null), "it began the day before");
    assert_eq!(second["visitors"], 1);
    shop.app.finish().await;
}

#[tokio::test]
async fn an_order_counts_once_and_the_server_before_the_browser() {
    let shop = Shop::start().await;
    let paid = |amount: f64| json!({ "order_id": "R-21", "revenue": amount, "currency": "EUR" });
    shop.receives(json!([
        order(("anonymousId", "v1"), "2026-09-21T08:00:00Z", "Order Completed", paid(35.5)),
        order(("anonymousId", "v1"), "2026-09-21T08:00:45Z", "Order Completed", paid(99.0)),
        order(
            ("anonymousId", "v2"),
            "2026-09-21T09:00:00Z",
            "Order Completed",
            json!({ "revenue": 1, "currency": "EUR" })
        ),
    ]))
    .await;
    let (from, to) = ("2026-09-21T00:00:00Z", "2026-09-22T00:00:00Z");
    let totals = shop.totals(from, to).await;
    assert_eq!((&totals["orders"], &totals["revenue_minor"]), (&json!(2), &json!(3650)));
    shop.server_sends(json!([order(("userId", "u1"), "2026-09-21T08:02:00Z", "Order Completed", paid(34.0))])).await;
    let totals = shop.totals(from, to).await;
    assert_eq!((&totals["orders"], &totals["revenue_minor"]), (&json!(2), &json!(3500)));
    // It still belongs to the session in which the browser sent it.
    assert_eq!(shop.channels(from, to).await, [("Direct".into(), 2, 3500)]);
    shop.app.finish().await;
}

#[tokio::test]
async fn refunds_are_capped_at_their_order() {
    let shop = Shop::start().await;
    let of = |id: &str, amount: Value| {
        let mut properties = json!({ "order_id": id, "currency": "EUR" });
        if !amount.is_null() {
            properties["total"] = amount;
        }
        properties
    };
    let who = ("anonymousId", "v1");
    shop.receives(json!([
        order(who, "2026-09-01T08:00:00Z", "Order Completed", of("A", json!(50))),
        order(who, "2026-09-02T08:00:00Z", "Order Refunded", of("A", json!(20))),
        order(who, "2026-09-02T09:00:00Z", "Order Refunded", of("A", Value::Null)),
        order(who, "2026-09-02T10:00:00Z", "Order Refunded", of("A", Value::Null)),
        order(who, "2026-09-01T08:00:00Z", "Order Completed", of("B", json!(10))),
        order(who, "2026-09-02T08:00:00Z", "Order Refunded", of("B", json!(4))),
        order(who, "2026-09-02T08:00:00Z", "Order Cancelled", of("never paid", json!(70))),
    ]))
    .await;
    let first = shop.totals("2026-09-01T00:00:00Z", "2026-09-02T00:00:00Z").await;
    assert_eq!((&first["orders"], &first["revenue_minor"]), (&json!(2), &json!(6000)));
    let second = shop.totals("2026-09-02T00:00:00Z", "2026-09-03T00:00:00Z").await;
    assert_eq!((&second["orders"], &second["revenue_minor"]), (&json!(0), &json!(-5400)), "dated when it happened");
    shop.app.finish().await;
}

#[tokio::test]
async fn an_order_sent_for_a_user_counts_with_the_visit_that_led_to_it() {
    let shop = Shop::start().await;
    let paid = json!({ "order_id": "K-71", "revenue": 40, "currency": "EUR" });
    shop.receives(json!([
        page("v1", "2026-09-17T08:00:00Z", "/kettle?utm_source=spring&utm_medium=email", ""),
        { "type": "identify", "anonymousId": "v1", "userId": "buyer-71", "timestamp": "2026-09-17T08:03:00Z" },
        order(("userId", "buyer-71"), "2026-09-17T08:05:00Z", "Order Completed", paid),
    ]))
    .await;
    let (from, to) = ("2026-09-17T00:00:00Z", "2026-09-18T00:00:00Z");
    let funnel = |unit: &str, breakdown: Value| {
        json!({ "from": from, "to": to, "unit": unit, "breakdown": breakdown,
            "steps": [{ "event": "page" }, { "event": "Order Completed" }] })
    };
    let reached = |funnel: &Value| -> Vec<u64> {
        funnel["steps"].as_array().unwrap().iter().map(|step| step["reached"].as_u64().unwrap()).collect()
    };
    assert_eq!(reached(&shop.report("funnel", funnel("person", Value::Null)).await), [1, 1]);
    assert_eq!(reached(&shop.report("funnel", funnel("visitor", Value::Null)).await), [1, 0]);
    let by_channel = shop.report("funnel", funnel("person", json!("$channel"))).await;
    assert_eq!(reached(&by_channel["breakdown"]["Email"]), [1, 1], "{by_channel}");
    assert_eq!(shop.channels(from, to).await, [("Email".into(), 1, 4000)]);
    let totals = shop.totals(from, to).await;
    assert_eq!((&totals["visitors"], &totals["sessions"]), (&json!(1), &json!(1)));
    for (report, question) in [
        ("sources", json!({ "from": from, "to": to, "by": "channel" })),
        ("visitors", json!({ "from": from, "to": to, "by": "device" })),
        ("pages", json!({ "from": from, "to": to })),
    ] {
        assert_eq!(shop.report(report, question).await["rows"][0]["visitors"], 1, "{report}");
    }
    shop.app.finish().await;
}

#[tokio::test]
async fn funnels_break_down_by_the_source_of_the_session() {
    let shop = Shop::start().await;
    let mut events = Vec::new();
    for (visitor, query, referrer) in
        [("a", "?utm_source=x&utm_medium=cpc", ""), ("b", "", "https://www.google.com/"), ("c", "", "")]
    {
        events.push(page(visitor, "2026-09-10T08:00:00Z", &format!("/{query}"), referrer));
        events.push(page(visitor, "2026-09-10T08:01:00Z", "/p/1", "https://shop.example/"));
        let mut viewed = order(("anonymousId", visitor), "2026-09-10T08:01:01Z", "Product Viewed", json!({}));
        viewed["context"] =
            json!({ "page": { "url": "https://shop.example/p/1", "referrer": "https://shop.example/" } });
        events.push(viewed);
    }
    shop.receives(Value::from(events)).await;
    let question = |conditions: Value| {
        json!({ "from": "2026-09-10T00:00:00Z", "to": "2026-09-11T00:00:00Z", "breakdown": "$channel",
            "steps": [{ "event": "Product Viewed", "where": conditions }] })
    };
    let all = shop.report("funnel", question(json!([]))).await;
    for channel in ["Paid Other", "Paid Search", "Organic Search", "Direct"] {
        let reached = &all["breakdown"][channel]["steps"][0]["reached"];
        assert!(reached.is_null() || reached == 1, "{all}");
    }
    assert_eq!(all["breakdown"].as_object().unwrap().len(), 3, "{all}");
    let searched = json!([{ "property": "$channel", "op": "eq", "value": "Organic Search" }]);
    assert_eq!(shop.report("funnel", question(searched)).await["steps"][0]["reached"], 1);
    shop.app.finish().await;
}

#[tokio::test]
async fn automatic_events_do_not_end_a_bounce() {
    let shop = Shop::start().await;
    let mut visitor = shop.app.visitor();
    let context = json!({ "page": { "url": "https://shop.example/story", "title": "Story", "referrer": "" } });
    let at = ashna::clock::now().0 - 60_000;
    let events = json!([
        { "type": "view", "messageId": "a", "timestamp": at, "context": context },
        { "type": "engage", "messageId": "b", "timestamp": at + 12_000, "context": context,
            "properties": { "engaged_ms": 12_000, "scroll_depth": 60 } },
        { "type": "vitals", "messageId": "c", "timestamp": at + 12_001, "context": context, "properties": { "lcp_ms": 900 } },
    ]);
    visitor.sends(events).await;
    shop.app.settled().await;
    let day = ashna::model::Timestamp(at - 3_600_000).to_string();
    let later = ashna::model::Timestamp(at + 3_600_000).to_string();
    let totals = shop.totals(&day, &later).await;
    assert_eq!((&totals["sessions"], &totals["bounce_rate"]), (&json!(1), &json!(1.0)));
    shop.app.finish().await;
}

#[tokio::test]
async fn a_direct_landing_gets_the_source_that_follows_in_its_session() {
    let shop = Shop::start().await;
    shop.receives(json!([
        page("v1", "2026-09-10T08:00:00Z", "/", ""),
        page("v1", "2026-09-10T08:05:00Z", "/?utm_source=news&utm_medium=email", ""),
    ]))
    .await;
    let channels = shop.channels("2026-09-10T00:00:00Z", "2026-09-11T00:00:00Z").await;
    assert_eq!(channels, [("Email".into(), 0, 0)]);
    shop.app.finish().await;
}

#[tokio::test]
async fn ids_beyond_doubles_compare_exactly() {
    let shop = Shop::start().await;
    let opened = |visitor: &str, ticket: u64| {
        order(("anonymousId", visitor), "2026-09-07T08:00:00Z", "Ticket Opened", json!({ "ticket": ticket }))
    };
    shop.receives(json!([opened("i-1", 9_007_199_254_740_996), opened("i-2", 9_007_199_254_740_997)])).await;
    for (op, value, reached) in [
        ("eq", json!(9_007_199_254_740_997_u64), 1),
        ("eq", json!("9007199254740997"), 1),
        ("ne", json!(9_007_199_254_740_997_u64), 1),
        ("in", json!([9_007_199_254_740_997_u64]), 1),
    ] {
        let steps =
            json!([{ "event": "Ticket Opened", "where": [{ "property": "ticket", "op": op, "value": value }] }]);
        let question = json!({ "from": "2026-09-07T00:00:00Z", "to": "2026-09-08T00:00:00Z", "steps": steps });
        assert_eq!(shop.report("funnel", question).await["steps"][0]["reached"], reached, "{op} {value}");
    }
    shop.app.finish().await;
}

#[tokio::test]
async fn arabic_and_persian_letters_are_one_in_searches() {
    let shop = Shop::start().await;
    let titled = |visitor: &str, url: &str, title: &str| {
        let mut page = page(visitor, "2026-09-25T08:00:00Z", url, "");
        page["context"]["page"]["title"] = title.into();
        page
    };
    shop.receives(json!([titled("t-0", "/s0", "چاي سبز كرمان"), titled("t-1", "/s1", "چای سبز کرمان")])).await;
    for search in ["چای سبز کرمان", "چاي سبز كرمان"] {
        let question = json!({ "from": "2026-09-25T00:00:00Z", "to": "2026-09-26T00:00:00Z", "search": search });
        assert_eq!(shop.report("pages", question).await["total"], 2, "{search}");
    }
    shop.app.finish().await;
}

#[tokio::test]
async fn hours_after_a_half_hour_change_are_full_local_hours() {
    let shop = Shop::start().await;
    shop.receives(json!([
        page("lh-1", "2026-04-04T16:40:00Z", "/", ""),
        page("lh-2", "2026-04-05T13:40:00Z", "/", ""),
    ]))
    .await;
    let question = json!({ "from": "2026-04-04T13:00:00Z", "to": "2026-04-05T14:30:00Z", "interval": "hour",
        "timezone": "Australia/Lord_Howe" });
    let overview = shop.report("overview", question).await;
    let seen: Vec<_> = overview["series"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|point| point["pageviews"] == 1)
        .map(|point| point["at"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(seen, ["2026-04-04T16:30:00.000Z", "2026-04-05T13:30:00.000Z"]);
    shop.app.finish().await;
}
