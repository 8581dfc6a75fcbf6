//! Irregular but common input of sites, apps and shops is parsed as intended; the rest is reported, never lost.

use ashna::{clock, control::Scope, import::Format};
use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{ORIGIN, TestApp, these_days},
    client::{Answer, ApiClient},
};

/// A server-side client: Basic authorization, no browser.
fn server(app: &TestApp) -> ApiClient {
    app.api().with_header("authorization", format!("Basic {}", STANDARD.encode(format!("{}:", app.site.write_key))))
}

async fn batch(app: &TestApp, events: Value) -> Answer {
    server(app).post("/v1/batch", json!({ "batch": events })).await
}

#[tokio::test]
async fn an_invalid_value_does_not_affect_other_events() {
    let app = TestApp::start().await;
    let event =
        |properties: &str| format!(r#"{{"type":"track","userId":"u","event":"Paid","properties":{{{properties}}}}}"#);
    let bodies: [Vec<u8>; 5] = [
        format!(r#"{{"batch":[{},{},{}]}}"#, event(""), event(r#""price":NaN,"rate":-Infinity"#), event("")).into(),
        format!(r#"{{"batch":[{},]}}"#, event("\"text\":\"two\nlines\"")).into(),
        format!(r#"{{"batch":[{}]}}"#, event(r#""text":"it\'s""#)).into(),
        [&b"{\"batch\":["[..], event("\"city\":\"K").as_bytes().split_last().unwrap().1, b"\xf6ln\"}}]}"].concat(),
        format!(r#"{{"batch":[{}]}}"#, event(r#""x":undefined"#)).into(),
    ];
    for (body, kept) in bodies.into_iter().zip([3, 1, 1, 1, 1]) {
        let text = String::from_utf8_lossy(&body).into_owned();
        let answer = server(&app).sends(Method::POST, "/v1/batch", body).await;
        assert_eq!(answer.outcome(), format!("kept={kept}, dropped=0, rejected=0"), "{text}: {}", answer.text);
    }
    server(&app).sends(Method::POST, "/v1/batch", "{\"batch\":[").await.refuses(400, "unreadable");
    app.finish().await;
}

#[tokio::test]
async fn routes_accept_a_trailing_slash() {
    let app = TestApp::start().await;
    for path in ["/v1/import/", "/v1/batch/", "/v1/track/"] {
        let body = if path == "/v1/track/" {
            json!({ "event": "Paid", "userId": "u" })
        } else {
            json!({ "batch": [{ "type": "identify", "userId": "u" }] })
        };
        assert_eq!(server(&app).post(path, body).await.outcome(), "kept=1, dropped=0, rejected=0", "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn sdk_context_fields_are_stored() {
    let app = TestApp::start().await;
    let context = json!({
        "ip": "81.2.69.142", "traits": { "plan": "gold" }, "app": { "name": "Shop", "version": "3.1" },
        "device": { "model": "Pixel 8", "type": "android" }, "network": { "carrier": "T" }, "tenant": "north",
        "userAgent": "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UD1A.230803.041)",
        "os": { "name": "Android", "version": "14" },
    });
    let events = json!([
        { "type": "identify", "userId": "u", "context": context },
        { "type": "track", "event": "Paid", "userId": "u", "context": context, "integrations": { "Mail": false } },
        { "type": "track", "event": "Paid", "userId": "u", "properties": [] },
    ]);
    assert_eq!(batch(&app, events).await.outcome(), "kept=3, dropped=0, rejected=0");
    let kept = app
        .stored(
            "SELECT concat(name, ' ', JSONExtractString(properties, 'plan'), ' ',
                JSONExtractString(properties, 'context', 'app', 'version'), ' ',
                JSONExtractString(properties, 'context', 'device', 'model'), ' ',
                JSONExtractString(properties, 'context', 'tenant'), ' ', toString(device), ' ',
                toString(position(properties, '81.2')), toString(JSONHas(properties, 'integrations')))
            FROM events ORDER BY position",
        )
        .await;
    assert_eq!(kept, [" gold 3.1 Pixel 8 north mobile 00", "Paid  3.1 Pixel 8 north mobile 01", "Paid      00"]);
    app.finish().await;
}

#[tokio::test]
async fn placeholder_ids_identify_no_one() {
    let app = TestApp::start().await;
    let browsers = ["undefined", "null", "[object Object]"].iter().enumerate().flat_map(|(n, user)| {
        let anonymous = format!("a500000000000000000000000000064{n}");
        [
            json!({ "type": "page", "anonymousId": anonymous }),
            json!({ "type": "identify", "anonymousId": anonymous, "userId": user }),
        ]
    });
    let answer = batch(&app, browsers.collect()).await;
    assert_eq!(answer.outcome(), "kept=6, dropped=0, rejected=0", "{}", answer.text);
    let named = app.stored("SELECT arrayJoin(violations) FROM events ORDER BY position").await;
    assert_eq!(named, ["userId: undefined", "userId: null", "userId: [object Object]"]);
    assert_eq!(app.stored("SELECT toString(uniqExact(visitor)) FROM events WHERE user_id = ''").await, ["3"]);
    assert_eq!(app.stored("SELECT toString(count()) FROM identities").await, ["0"]);
    let alone = json!([{ "type": "track", "event": "Paid", "userId": "undefined" }]);
    assert_eq!(batch(&app, alone).await.outcome(), "kept=0, dropped=0, rejected=1 (identity_missing=1)");
    app.finish().await;
}

#[tokio::test]
async fn times_are_parsed_in_every_format_or_default_to_arrival() {
    let app = TestApp::start().await;
    let now = clock::now().0 / 1000;
    let times: Vec<Value> = [json!(now), json!(now.to_string()), json!(now * 1000), json!(now * 1_000_000)]
        .into_iter()
        .chain([json!("Whenever"), json!({})])
        .map(|timestamp| json!({ "type": "track", "event": "Sent", "userId": "u", "timestamp": timestamp }))
        .collect();
    assert_eq!(batch(&app, times.into()).await.outcome(), "kept=6, dropped=0, rejected=0");
    let stored = app
        .stored(
            "SELECT concat(toString(abs(dateDiff('second', occurred_at, received_at)) < 60), arrayStringConcat(violations))
            FROM events ORDER BY position",
        )
        .await;
    let unreadable = "1timestamp: unreadable";
    assert_eq!(stored, ["1", "1", "1", "1", unreadable, unreadable]);
    app.finish().await;
}

#[tokio::test]
async fn amounts_are_parsed_as_shops_write_them_or_reported() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "currency": "EUR" })).await;
    let cases = [
        (json!({ "revenue": "$24.50", "currency": "USD" }), "2450 USD"),
        (json!({ "revenue": "24,50 €" }), "2450 EUR"),
        (json!({ "revenue": "£5" }), "500 GBP"),
        (json!({ "revenue": 10, "currency": "978" }), "1000 EUR"),
        (json!({ "revenue": 10, "currency": "CHF." }), "1000 CHF"),
        (json!({ "revenue": 10, "currency": "points" }), "1000 XXX currency: unknown"),
        (json!({ "revenue": "1,234" }), "0 XXX revenue: ambiguous amount"),
        (json!({ "revenue": "$5", "currency": "EUR" }), "0 XXX revenue: another currency"),
        (json!({ "revenue": "free" }), "0 XXX revenue: no amount"),
        (json!({ "products": [{ "product_id": "ham", "price": 18, "quantity": 1.5 }] }), "2700 EUR"),
        (json!({ "products": { "1": { "id": "a", "price": 2, "quantity": 2 } } }), "400 EUR"),
        (json!({ "products": [] }), "0 XXX"),
    ];
    let orders: Vec<Value> = cases
        .iter()
        .map(|(properties, _)| json!({ "type": "track", "event": "Order Completed", "userId": "u", "properties": properties }))
        .collect();
    assert_eq!(batch(&app, orders.into()).await.outcome(), "kept=12, dropped=0, rejected=0");
    let stored = app
        .stored(
            "SELECT trim(concat(toString(amount_minor), ' ', toString(currency), ' ', arrayStringConcat(violations)))
            FROM events ORDER BY position",
        )
        .await;
    assert_eq!(stored, cases.map(|(_, expected)| expected));
    app.finish().await;
}

#[tokio::test]
async fn legacy_event_names_are_equivalent() {
    let app = TestApp::start().await;
    let track = |event: &str, properties: Value| json!({ "type": "track", "event": event, "userId": "u", "properties": properties });
    let events = json!([
        track(
            "Completed Order",
            json!({ "orderId": "o-1", "products": [{ "id": "p-1", "sku": "SKU-1", "price": 2 }] })
        ),
        track("Viewed Product", json!({ "productId": "p-1", "price": 2 })),
        track(
            "Order Completed",
            json!({ "order_id": "o-2", "products": [{ "product_id": "p-1", "sku": "SKU-1", "price": 2 }] })
        ),
    ]);
    assert_eq!(batch(&app, events).await.outcome(), "kept=3, dropped=0, rejected=0");
    let stored = app
        .stored("SELECT concat(name, ' ', order_id, ' ', arrayStringConcat(items)) FROM events ORDER BY position")
        .await;
    assert_eq!(stored, ["Order Completed o-1 p-1", "Product Viewed  p-1", "Order Completed o-2 p-1"]);
    app.finish().await;
}

#[tokio::test]
async fn apps_and_proxied_browsers_are_not_robots() {
    let app = TestApp::with(|config| config.server.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()]).await;
    let mut visitor = app.visitor();
    for agent in [
        "Mozilla/5.0 (Linux; Android 15; RMX3999 Build/AP3A.240617.008; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/142.0.0.0 Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 15; SM-S911B Build/AP3A.240905.015; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/141.0.7390.70 Mobile Safari/537.36 MetaIAB Facebook",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 330.0.0.0.1 (iPhone14,5; iOS 17_5; en_IR@calendar=gregorian; en; scale=3.00; 1170x2532; 1)",
    ] {
        visitor.agent = agent;
        assert_eq!(visitor.views("/").await.outcome(), "kept=1, dropped=0, rejected=0", "{agent}");
    }
    // A proxy that forwards few headers; the body identifies the browser.
    visitor.agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36";
    visitor.headers = vec![("x-forwarded-for", "81.2.69.142"), ("x-forwarded-proto", "https")];
    visitor.extra =
        json!({ "context": { "userAgentData": { "brands": [{ "brand": "Chromium", "version": "141" }] } } });
    assert_eq!(visitor.views("/").await.outcome(), "kept=1, dropped=0, rejected=0");
    let app_of_shop = |agent: &str| json!([{ "type": "screen", "userId": "u", "context": { "userAgent": agent } }]);
    for agent in ["okhttp/4.12.0", "UnityPlayer/2022.3 (UnityWebRequest/1.0, libcurl/8.4.0-DEV)"] {
        assert_eq!(batch(&app, app_of_shop(agent)).await.outcome(), "kept=1, dropped=0, rejected=0", "{agent}");
    }
    visitor.agent = "okhttp/4.12.0";
    assert_eq!(visitor.views("/").await.outcome(), "kept=0, dropped=1 (robot=1), rejected=0");
    app.finish().await;
}

#[tokio::test]
async fn urls_campaigns_and_locations_are_parsed_as_sent() {
    let app = TestApp::start().await;
    let page = |url: &str, referrer: &str, more: Value| {
        let mut context = json!({ "page": { "url": url, "referrer": referrer } });
        context.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({ "type": "page", "userId": "u", "context": context })
    };
    let nothing = json!({});
    let events = json!([
        page("https://shop.example/te%61m/%7Eada", "", nothing.clone()),
        page("https://shop.example/docs/gears@4.2.0/start", "", nothing.clone()),
        page(
            "https://shop.example/sale?utm_source=post&amp;utm_medium=email&amp;utm_campaign=sept",
            "",
            nothing.clone()
        ),
        page(
            "https://shop.example/?utm_source=google&utm_medium=cpc",
            "",
            json!({ "campaign": { "name": "spring", "source": "newsletter", "medium": "email" } })
        ),
        page("https://shop.example/cup", "https://magazine.shop.example/cups", nothing.clone()),
        page("https://shop.example/cup", "http://localhost:3000/", nothing),
        page("https://shop.example/ip", "", json!({ "ip": "81.2.69.142:40022", "locale": "en_GB.UTF-8" })),
        page("https://shop.example/ip", "", json!({ "ip": "81.2.69.142, 10.0.0.1" })),
    ]);
    assert_eq!(batch(&app, events).await.outcome(), "kept=8, dropped=0, rejected=0");
    let stored = app
        .stored(
            "SELECT concat(path, ' ', toString(channel), ' ', toString(source), ' ', toString(medium), ' ', toString(campaign), ' ',
                toString(country), ' ', toString(language))
            FROM events ORDER BY position",
        )
        .await;
    let stored: Vec<String> = stored.iter().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        stored,
        [
            "/team/~ada Direct",
            "/docs/gears@4.2.0/start Direct",
            "/sale Email post email sept",
            "/ Email newsletter email spring",
            "/cup Internal",
            "/cup Internal",
            "/ip Direct GB en-GB",
            "/ip Direct GB",
        ]
    );
    app.finish().await;
}

#[tokio::test]
async fn an_oversized_number_does_not_affect_other_properties() {
    let app = TestApp::start().await;
    let chosen = |user: &str, more: Value| json!({ "type": "track", "event": "Plan Chosen", "anonymousId": user, "properties": more });
    let long: Value = serde_json::from_str(r#"{"plan":"silver","trace":987654321098765432109876543210}"#).unwrap();
    let answer = batch(&app, json!([chosen("n-1", json!({ "plan": "silver" })), chosen("n-2", long)])).await;
    assert_eq!(answer.outcome(), "kept=2, dropped=0, rejected=0");
    app.settled().await;
    let mut question = these_days();
    question["steps"] =
        json!([{ "event": "Plan Chosen", "where": [{ "property": "plan", "op": "eq", "value": "silver" }] }]);
    let funnel = app.with_key(Scope::Read).await.post(&app.path("reports/funnel"), question).await;
    assert_eq!(funnel.json()["steps"][0]["reached"], 2, "{}", funnel.text);
    app.finish().await;
}

#[tokio::test]
async fn browsers_can_send_any_header_and_read_every_error() {
    let app = TestApp::start().await;
    let page = || app.api().with_header("origin", ORIGIN);
    let asks = page()
        .with_header("access-control-request-method", "POST")
        .with_header("access-control-request-headers", "anonymousid,baggage,sentry-trace");
    for path in ["/e", "/v1/track", "/v1/decide", "/nowhere"] {
        let answer = asks.sends(Method::OPTIONS, path, "").await;
        assert_eq!(answer.status, 204, "{path}");
        let allowed = answer.header("access-control-allow-headers");
        assert!(allowed.ends_with("anonymousid,baggage,sentry-trace"), "{path}: {allowed}");
    }
    for path in ["/nowhere", "/v1/nothing"] {
        let answer = page().post(path, json!({})).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (404, ORIGIN), "{path}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_alias_accepts_any_id() {
    let app = TestApp::start().await;
    let events = json!([
        { "type": "track", "event": "Seen", "anonymousId": "custom-anon-7" },
        { "type": "alias", "previousId": "custom-anon-7", "userId": "u3" },
        { "type": "track", "event": "Seen", "userId": "u3" },
    ]);
    assert_eq!(batch(&app, events).await.outcome(), "kept=3, dropped=0, rejected=0");
    app.settled().await;
    let overview = app.with_key(Scope::Read).await.post(&app.path("reports/overview"), these_days()).await;
    assert_eq!(overview.json()["totals"]["visitors"], 1, "{}", overview.text);
    app.finish().await;
}

#[tokio::test]
async fn growing_virtual_host_logs_are_imported_once() {
    let app = TestApp::start().await;
    let day = clock::now().plus(-86_400_000);
    let at = |second: i64| {
        let at = jiff::Timestamp::from_millisecond(day.0 + second * 1000).unwrap();
        at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
    };
    let firefox = crate::support::client::FIREFOX;
    let line = |second: i64, address: &str, target: &str| {
        format!("shop.example:443 {address} - - [{}] \"GET {target} HTTP/1.1\" 200 1 \"-\" \"{firefox}\"\n", at(second))
    };
    let first = [line(0, "81.2.69.142", "/a"), line(0, "81.2.69.142", "/a"), line(7, "89.160.20.112", "/b")].concat();
    let grown = first.clone() + &line(9, "81.2.69.142", "https://shop.example/p/lamp");
    assert_eq!(app.imports(Format::AccessLog, "", &first).await["kept"], 3);
    let again = app.imports(Format::AccessLog, "", &grown).await;
    assert_eq!((&again["kept"], &again["dropped_by"]["duplicate"]), (&json!(1), &json!(3)), "{again}");
    let stored = app.stored("SELECT concat(host, path, ' ', toString(country)) FROM events ORDER BY position").await;
    assert_eq!(stored, ["shop.example/a GB", "shop.example/a GB", "shop.example/b SE", "shop.example/p/lamp GB"]);
    app.finish().await;
}

#[tokio::test]
async fn item_files_are_parsed_as_shops_write_them() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let atom = r#"<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0">
        <entry><id>tag:shop.example,2026:e5</id><title>Vase</title><link rel="self" href="https://shop.example/feed/e5"/>
        <link rel="alternate" href="https://shop.example/p/vase"/><g:id>VASE-5</g:id><g:price>15.00 EUR</g:price></entry></feed>"#;
    for file in [
        r#"{"id": "pot-1", "title": "Pot", "price": "21.50 EUR", "availability": "out of stock", "link": "/p/pot"}"#,
        atom,
        "id,title,price,sale_price\nlid-1,Lid,,7.50 EUR\n",
        "sep=;\nid;title;price\nfork-1;Fork;3.00 EUR\n",
    ] {
        let answer = admin.sends(Method::POST, &app.path("items/import"), file).await;
        assert_eq!((answer.status, &answer.json()["kept"]), (200, &json!(1)), "{file}: {}", answer.text);
    }
    // Items of files are published together, with a short delay.
    let listed = loop {
        let listed = admin.get(&app.path("items")).await.json();
        if listed["total"] == 4 {
            break listed;
        }
        tokio::task::yield_now().await;
    };
    let mut items: Vec<String> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            format!("{} {} {} {} {}", item["id"], item["price_minor"], item["currency"], item["available"], item["url"])
        })
        .collect();
    items.sort();
    assert_eq!(
        items,
        [
            r#""VASE-5" 1500 "EUR" true "https://shop.example/p/vase""#,
            r#""fork-1" 300 "EUR" true """#,
            r#""lid-1" 750 "EUR" true """#,
            r#""pot-1" 2150 "EUR" false "/p/pot""#,
        ]
    );
    let priced = json!([{ "id": "cup", "price": "5.00" }]);
    let answer = admin.post(&app.path("items"), priced).await;
    assert!(answer.text.contains("price_minor"), "{}", answer.text);
    app.finish().await;
}
