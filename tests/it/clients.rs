//! Clients of other products, and every way to send the key.

use std::io::Write as _;

use ashna::control::Scope;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{
    app::{ORIGIN, TestApp},
    client::{Answer, ApiClient, FIREFOX},
};

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// Columns of all events, one line each, sorted.
async fn rows(app: &TestApp) -> Vec<String> {
    let mut rows = app
        .stored(
            "SELECT concat(toString(kind), ' ', name, ' ', path, ' ', user_id, ' ', order_id, ' ', toString(amount_minor), ' ', \
             toString(length(items))) FROM events",
        )
        .await;
    rows.sort();
    rows
}

#[tokio::test]
async fn every_public_route_takes_the_key_in_every_usual_way() {
    let app = TestApp::start().await;
    let key = app.site.write_key.clone();
    let (server, read) = (app.key(Scope::Server).await, app.key(Scope::Read).await);
    let events = |extra: Value| {
        let mut body = json!({ "events": [{ "type": "page", "anonymousId": "a" }], "slots": [] });
        body.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        body
    };
    let routes = [
        (Method::POST, "/e", 200..=204),
        (Method::POST, "/e/", 200..=204),
        (Method::POST, "/v1/batch", 200..=200),
        (Method::POST, "/v1/batch/", 200..=200),
        (Method::POST, "/beacon/v1/batch", 200..=200),
        (Method::POST, "/v1/decide", 200..=200),
        (Method::POST, "/v1/decide/", 200..=200),
        (Method::GET, "/v1/recommend", 200..=200),
        (Method::GET, "/v1/recommend/", 200..=200),
        (Method::GET, "/px.gif", 200..=200),
        (Method::GET, "/sourceConfig", 200..=200),
        (Method::GET, "/sourceConfig/", 200..=200),
    ];
    let basic = |text: String| format!("Basic {}", STANDARD.encode(text));
    for (method, path, good) in routes {
        let body = events(json!({})).to_string();
        let with =
            |name: &'static str, value: String| app.api().with_header("user-agent", FIREFOX).with_header(name, value);
        for door in [
            with("authorization", basic(format!("{key}:"))),
            with("authorization", format!("Bearer {key}")),
            with("x-api-key", key.clone()),
            with("authorization", format!("Bearer {server}")),
            with("authorization", basic(format!("{server}:"))),
            with("x-api-key", server.clone()),
        ] {
            let answer = door.sends(method.clone(), path, body.clone()).await;
            assert!(good.contains(&answer.status), "{path} {door:?}: {} {}", answer.status, answer.text);
        }
        let plain = app.api().with_header("user-agent", FIREFOX);
        for name in ["key", "writeKey"] {
            let answer = plain.sends(method.clone(), &format!("{path}?{name}={key}"), body.clone()).await;
            assert!(good.contains(&answer.status), "{path}?{name}: {} {}", answer.status, answer.text);
            if method == Method::POST {
                for own in [&key, &server] {
                    let answer = plain.post(path, events(json!({ name: own }))).await;
                    assert!(good.contains(&answer.status), "{path} {name}: {} {}", answer.status, answer.text);
                }
            }
            // Addresses are logged.
            let refused = plain.sends(method.clone(), &format!("{path}?{name}={server}"), body.clone()).await;
            refused.refuses(401, "unauthorized");
        }
        with("authorization", "Bearer unknown".into())
            .sends(method.clone(), &format!("{path}?key={key}"), body.clone())
            .await
            .refuses(401, "unauthorized");
        // A proxy's user and password are no key.
        let proxied = with("authorization", basic("staging:password".into()));
        let answer = proxied.sends(method.clone(), &format!("{path}?key={key}"), body.clone()).await;
        assert!(good.contains(&answer.status), "{path} behind a proxy: {} {}", answer.status, answer.text);
        proxied.sends(method.clone(), path, body.clone()).await.refuses(401, "unauthorized");
        if !path.contains("decide") && !path.contains("recommend") && !path.contains("source") {
            let reader = with("x-api-key", read.clone()).sends(method, path, body).await;
            reader.refuses(403, "forbidden");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn rudderstacks_clients_get_their_configuration_and_send_beacons() {
    let app = TestApp::start().await;
    let key = &app.site.write_key;
    let basic = format!("Basic {}", STANDARD.encode(format!("{key}:")));
    let path = format!("/sourceConfig/?p=npm&v=3.34.1&build=modern&writeKey={key}");
    let answer = Answer::to(app.visitor().request(Method::GET, &path).header("authorization", basic)).await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ORIGIN));
    let source = &answer.json()["source"];
    assert_eq!((&source["enabled"], &source["destinations"]), (&json!(true), &json!([])));
    assert!(source["id"].is_string() && source["config"].is_object());
    let beacon = json!({ "batch": [{ "type": "track", "event": "Left", "anonymousId": "a-1", "messageId": "m-1",
        "context": { "traits": { "plan": "gold" } } }], "sentAt": "2026-11-30T08:00:00.000Z" });
    let request = app.visitor().request(Method::POST, &format!("/beacon/v1/batch?writeKey={key}"));
    let sent = Answer::to(request.header("content-type", "text/plain").body(beacon.to_string())).await;
    assert_eq!((sent.status, sent.outcome()), (200, "kept=1, dropped=0, rejected=0"));

    for path in ["/v1/track", "/v1/track/", "/sourceConfig/", "/e/", "/api/event", "/batch/", "/no/such/route"] {
        let preflight = app.visitor().request(Method::OPTIONS, path).header("access-control-request-method", "POST");
        let names = "anonymousid,authorization,content-type,sentat,traceparent";
        let allowed = Answer::to(preflight.header("access-control-request-headers", names)).await;
        assert_eq!((allowed.status, allowed.header("access-control-max-age")), (204, "7200"), "{path}");
        assert!(allowed.header("access-control-allow-headers").contains(names), "{path}");
        // Errors can be read by the page, a wrong method and a wrong address too.
        for method in [Method::PUT, Method::POST] {
            let refused = Answer::to(app.visitor().request(method, path)).await;
            assert!(refused.status >= 400, "{path}: {}", refused.status);
            assert_eq!(refused.header("access-control-allow-origin"), ORIGIN, "{path}");
            assert!(refused.header("access-control-expose-headers").starts_with("ETag, Retry-After"), "{path}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn posthogs_clients_are_understood_and_our_own_batches_stay_ours() {
    let app = TestApp::start().await;
    let key = &app.site.write_key;
    let order = json!({ "api_key": key, "batch": [
        { "event": "Order Completed", "distinct_id": "u-1", "uuid": "m-1", "properties": { "order_id": "o-1", "revenue": 25.5,
            "currency": "EUR", "products": [{ "product_id": "p-1", "price": 12.75, "quantity": 2 }] } },
        { "event": "$identify", "distinct_id": "u-1", "properties": { "$set": { "plan": "gold" } } },
        5,
    ] })
    .to_string();
    for (again, path) in ["/batch/", "/batch", "/capture/", "/i/v0/e/", "/e/", "/e"].into_iter().enumerate() {
        let body = if again % 2 == 0 { gzip(&order) } else { order.clone().into_bytes() };
        let answer = app.api().sends(Method::POST, path, body).await;
        assert_eq!((answer.status, answer.json()), (200, json!({ "status": 1 })), "{path}");
        assert!(answer.outcome().ends_with("rejected=1 (malformed=1)"), "{path}: {}", answer.outcome());
    }
    let device = "0193a1b2-0000-7000-8000-00000000000a";
    let view = json!([{ "event": "$pageview", "uuid": "m-2", "properties": { "token": key, "distinct_id": device,
        "$device_id": device, "$current_url": "https://shop.example/p/1", "title": "Tea" } }])
    .to_string();
    let form = format!("data={}&compression=base64", STANDARD.encode(&view).replace('+', "%2B").replace('=', "%3D"));
    for body in [view.clone(), form] {
        let request = app.visitor().request(Method::POST, "/e/?ip=0&_=1&ver=1.449.2&compression=base64");
        let answer = Answer::to(request.body(body)).await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ORIGIN));
    }
    // Our tracker's batch at the same path, also with a link's token.
    let own = json!({ "key": key, "visitor": device.replace('-', ""), "link": { "token": "x", "referrer": "" },
        "events": [{ "type": "page", "context": { "page": { "url": "https://shop.example/own" } } }] });
    for path in ["/e", "/e/"] {
        let answer = Answer::to(app.visitor().request(Method::POST, path).body(own.to_string())).await;
        assert!(answer.outcome().starts_with("kept=1"), "{path}: {} {}", answer.status, answer.text);
    }
    let flags = app.api().post("/flags/?v=2", json!({ "api_key": key, "distinct_id": "u-1" })).await;
    assert_eq!((flags.status, &flags.json()["flags"]), (200, &json!({})));
    assert_eq!(app.api().post("/decide/?v=3", json!({ "token": key })).await.json()["sessionRecording"], false);
    assert_eq!(app.api().get(&format!("/array/{key}/config")).await.status, 200);
    assert!(app.api().get(&format!("/array/{key}/config.js")).await.text.contains("_POSTHOG_REMOTE_CONFIG"));
    app.api().get("/array/unknown/config").await.refuses(404, "not_found");
    app.api().post("/batch/", json!({ "api_key": "unknown", "batch": [] })).await.refuses(401, "unauthorized");
    app.api().sends(Method::POST, "/capture/", "data=%%%").await.refuses(400, "unreadable");
    app.api().sends(Method::POST, "/batch/", "{\"batch\":").await.refuses(400, "unreadable");

    let rows = rows(&app).await;
    assert_eq!(rows.iter().filter(|row| row.contains("Order Completed  u-1 o-1 2550 1")).count(), 1, "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row.contains("/p/1")).count(), 1, "{rows:?}");
    assert_eq!(rows.iter().filter(|row| row.contains("/own")).count(), 2, "{rows:?}");
    app.finish().await;
}

#[tokio::test]
async fn snowplows_trackers_are_understood() {
    let app = TestApp::start().await;
    let key = &app.site.write_key;
    let event = json!({ "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
        "data": { "schema": "iglu:com.acme/signed_up/jsonschema/1-0-0", "data": { "plan": "gold" } } });
    let tp2 = json!({ "schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [
        { "e": "pv", "aid": key, "eid": "m-1", "duid": "d-1", "url": "https://shop.example/a", "page": "A" },
        { "e": "ue", "aid": key, "eid": "m-2", "duid": "d-1", "uid": "u-1", "ue_px": URL_SAFE_NO_PAD.encode(event.to_string()) },
        { "e": "tr", "aid": key, "eid": "m-3", "duid": "d-1", "tr_id": "o-1", "tr_tt": "25.50", "tr_cu": "EUR" },
        { "e": "ti", "aid": key, "eid": "m-4", "duid": "d-1", "ti_id": "o-1", "ti_sk": "p-1", "ti_pr": "25.50", "ti_qu": "1" },
    ] });
    let path = "/com.snowplowanalytics.snowplow/tp2";
    let answer = Answer::to(app.visitor().request(Method::POST, path).body(tp2.to_string())).await;
    assert_eq!((answer.status, &*answer.text, answer.outcome()), (200, "ok", "kept=3, dropped=0, rejected=0"));
    assert_eq!(answer.header("access-control-allow-credentials"), "true");
    let query = format!("/i?e=se&aid={key}&eid=m-5&duid=d-1&se_ca=video&se_ac=play&se_va=3");
    let pixel = app.api().get(&query).await;
    assert_eq!((pixel.status, pixel.header("content-type")), (200, "image/gif"));
    app.api().get("/i?e=pv&aid=unknown&duid=d-1").await.refuses(401, "unauthorized");
    app.api().post(path, json!({ "schema": "x" })).await.refuses(400, "unreadable");
    let mut elsewhere = app.visitor();
    elsewhere.origin = "https://elsewhere.example".into();
    Answer::to(elsewhere.request(Method::POST, path).body(tp2.to_string())).await.refuses(403, "forbidden");
    let rows = rows(&app).await;
    for row in ["/a", "signed_up  u-1", "Order Completed   o-1 2550 1", "play    0 0"] {
        assert!(rows.iter().any(|stored| stored.contains(row)), "{row}: {rows:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn the_measurement_protocol_and_matomo_are_understood() {
    let app = TestApp::start().await;
    let key = &app.site.write_key;
    let purchase = json!({ "client_id": "123.456", "events": [
        { "name": "page_view", "params": { "page_location": "https://shop.example/ga" } },
        { "name": "purchase", "params": { "transaction_id": "o-1", "value": 30.03, "currency": "EUR",
            "items": [{ "item_id": "p-1", "price": 10.01, "quantity": 3 }] } },
        { "name": "add_to_cart", "params": { "value": 10.01, "currency": "EUR", "items": [{ "item_id": "p-1", "price": 10.01 }] } },
    ] });
    for query in [format!("measurement_id=G-1&api_secret={key}"), format!("measurement_id={key}&api_secret=s")] {
        let answer = app.api().post(&format!("/mp/collect?{query}"), purchase.clone()).await;
        assert_eq!((answer.status, &*answer.text, answer.outcome()), (204, "", "kept=3, dropped=0, rejected=0"));
    }
    app.api().post("/mp/collect?measurement_id=G-1&api_secret=s", purchase.clone()).await.refuses(401, "unauthorized");
    app.api().post(&format!("/mp/collect?api_secret={key}"), json!([])).await.refuses(400, "unreadable");
    assert_eq!(app.api().post("/debug/mp/collect", purchase).await.json(), json!({ "validationMessages": [] }));

    let items = "%5B%5B%22p-1%22%2C%22Tea%22%2C%22Drinks%22%2C12.5%2C2%5D%5D";
    let base = "rec=1&_id=0123456789abcdef&url=https%3A%2F%2Fshop.example%2Fmatomo";
    let pixel = app.api().get(&format!("/matomo.php?idsite={key}&{base}&action_name=M")).await;
    assert_eq!((pixel.status, pixel.header("content-type")), (200, "image/gif"));
    let order = format!("idsite={key}&{base}&idgoal=0&ec_id=o-2&revenue=25.00&ec_items={items}&send_image=0");
    let posted = app.visitor().request(Method::POST, "/matomo.php").body(order);
    let posted = Answer::to(posted).await;
    assert_eq!((posted.status, posted.outcome()), (204, "kept=1, dropped=0, rejected=0"));
    let bulk = json!({ "requests": [format!("?idsite=7&{base}&e_c=video&e_a=play&e_v=3"), 7], "token_auth": key });
    let answer = app.api().post("/matomo.php", bulk.clone()).await;
    assert_eq!(answer.json(), json!({ "status": "success", "tracked": 1, "invalid": 1, "invalid_indices": [] }));
    let prefixed = app.api().get(&format!("/{key}/matomo.php?idsite=7&{base}&search=tea")).await;
    assert_eq!((prefixed.status, prefixed.outcome()), (200, "kept=1, dropped=0, rejected=0"));
    app.api().get(&format!("/matomo.php?idsite=7&{base}")).await.refuses(401, "unauthorized");
    app.api().sends(Method::POST, "/matomo.php", "{\"requests\":").await.refuses(400, "unreadable");

    let rows = rows(&app).await;
    let expected = [
        "/ga",
        "Order Completed   o-1 3003 1",
        "Product Added    1001 1",
        "/matomo  ",
        "o-2 2500 1",
        "play",
        "Products Searched",
    ];
    for row in expected {
        assert!(rows.iter().any(|stored| stored.contains(row)), "{row}: {rows:?}");
    }
    app.finish().await;
}

#[tokio::test]
async fn plausible_and_umami_events_are_one_visitor_a_day() {
    let app = TestApp::start().await;
    let key = &app.site.write_key;
    let view = |path: &str| json!({ "n": "pageview", "u": format!("https://shop.example{path}"), "d": "shop.example", "r": null });
    let from_page = async |path: &str, body: &Value| {
        let request = app.visitor().request(Method::POST, path).header("content-type", "text/plain");
        Answer::to(request.body(body.to_string())).await
    };
    for (path, body) in [
        (format!("/{key}/api/event"), view("/prefix")),
        (format!("/api/event?key={key}"), view("/query")),
        (
            "/api/event".to_owned(),
            json!({ "n": "Signed Up", "u": "https://shop.example/", "d": key, "p": "{\"plan\":\"gold\"}" }),
        ),
    ] {
        let answer = from_page(&path, &body).await;
        assert_eq!(
            (answer.status, &*answer.text, answer.outcome()),
            (202, "ok", "kept=1, dropped=0, rejected=0"),
            "{path}"
        );
    }
    from_page("/api/event", &view("/unknown")).await.refuses(401, "unauthorized");
    from_page(&format!("/{key}/api/event"), &json!({})).await.refuses(400, "unreadable");

    let payload =
        |name: &str| json!({ "website": key, "hostname": "shop.example", "url": "/umami", "title": "U", "name": name });
    for body in
        [json!({ "type": "event", "payload": payload("") }), json!({ "type": "event", "payload": payload("Clicked") })]
    {
        let answer = from_page("/api/send", &body).await;
        assert_eq!((answer.status, answer.outcome()), (200, "kept=1, dropped=0, rejected=0"), "{}", answer.text);
        assert!(answer.json()["cache"].is_string());
    }
    let unknown = json!({ "type": "event", "payload": { "website": "unknown" } });
    from_page("/api/send", &unknown).await.refuses(401, "unauthorized");
    let visitors = app.stored("SELECT toString(uniqExact(visitor)) FROM events").await;
    assert_eq!(visitors, ["1"], "one address and browser");

    // A server reports another visitor's address and browser.
    let server: ApiClient = app.api().with_header("user-agent", FIREFOX).with_header("x-forwarded-for", "81.2.69.142");
    let answer = server.post(&format!("/{key}/api/event"), view("/server")).await;
    assert_eq!(answer.outcome(), "kept=1, dropped=0, rejected=0");
    let places = app.stored("SELECT concat(country, ' ', browser) FROM events WHERE path = '/server'").await;
    assert_eq!(places, ["GB Firefox"]);
    assert_eq!(app.stored("SELECT toString(uniqExact(visitor)) FROM events").await, ["2"]);
    app.finish().await;
}
