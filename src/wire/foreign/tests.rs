//! Bodies as the products' clients send them, and what they become.

use serde_json::{Value, json};

use super::{
    CallWriter, Connection, ForeignRequest, fields::Fields, ga4::Ga4, matomo::Matomo, plausible::Plausible,
    posthog::Posthog, snowplow::Snowplow, umami::Umami, valid_json,
};
use crate::{model::Timestamp, wire::collect};

const CHROME: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

fn body(request: &impl ForeignRequest) -> Vec<u8> {
    let daily_id = |ip: &str, _: &str| Some(format!("daily {ip}"));
    let connection = Connection {
        user_agent: CHROME,
        address: "81.2.69.142",
        now: Timestamp(1_796_029_200_000),
        daily_id: &daily_id,
    };
    let mut calls = CallWriter::default();
    request.write(&connection, &mut calls);
    calls.finish()
}

fn calls(request: &impl ForeignRequest) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&body(request)).expect("valid JSON");
    body["batch"].as_array().expect("a list").clone()
}

/// Checks the fields of `expected`, also in nested objects.
#[track_caller]
fn has(call: &Value, expected: &Value) {
    if let Value::Object(fields) = expected {
        for (name, value) in fields {
            has(&call[name], value);
        }
    } else {
        assert_eq!(call, expected);
    }
}

#[test]
fn posthog_servers_send_batches() {
    let body = json!({ "api_key": "KEY", "sent_at": "2026-11-30T09:00:00.000Z", "batch": [
        { "event": "Order Completed", "distinct_id": "u-1", "timestamp": "2026-11-30T08:59:59.000Z", "uuid": "0193-1",
          "properties": { "order_id": "o-1", "revenue": 25.5, "$lib": "posthog-node", "$lib_version": "5.70.0", "$geoip_disable": true, "title": "T" } },
        { "event": "$identify", "distinct_id": "u-1", "properties": { "$set": { "plan": "gold" }, "$set_once": { "first": 1 }, "$anon_distinct_id": "a-1" } },
        { "event": "$create_alias", "distinct_id": "u-1", "properties": { "distinct_id": "u-1", "alias": "a-2" } },
        { "event": "$groupidentify", "distinct_id": "u-1", "properties": { "$group_type": "company", "$group_key": "c-1", "$group_set": { "size": 3 } } },
        7,
    ] }).to_string();
    let batch = Posthog::parse(body.as_bytes()).unwrap();
    assert_eq!(batch.keys(), ["KEY"]);
    let calls = calls(&batch);
    has(
        &calls[0],
        &json!({ "type": "track", "event": "Order Completed", "messageId": "0193-1", "userId": "u-1",
        "sentAt": "2026-11-30T09:00:00.000Z", "context": { "library": { "name": "posthog-node" } } }),
    );
    assert_eq!(calls[0]["properties"], json!({ "order_id": "o-1", "revenue": 25.5, "title": "T" }));
    has(
        &calls[1],
        &json!({ "type": "identify", "userId": "u-1", "anonymousId": "a-1", "traits": { "plan": "gold", "first": 1 } }),
    );
    has(&calls[2], &json!({ "type": "alias", "userId": "u-1", "previousId": "a-2" }));
    has(&calls[3], &json!({ "type": "group", "groupId": "c-1", "traits": { "size": 3, "groupType": "company" } }));
    assert_eq!(calls[4], 7, "left for the validation");
}

#[test]
fn posthog_in_browsers_sends_lists_and_forms() {
    let device = "0193a1b2-0000-7000-8000-00000000000a";
    let event = json!([{ "event": "$pageview", "uuid": "m-1", "offset": 2500, "properties": { "token": "KEY",
        "distinct_id": device, "$device_id": device, "$current_url": "https://shop.example/p/1?utm_source=letter",
        "$referrer": "$direct", "title": "Tea", "$screen_width": 1920, "$screen_height": 1080, "$browser": "Chrome" } }]);
    let expected = json!({ "type": "page", "name": "Tea", "messageId": "m-1", "anonymousId": device,
        "timestamp": 1_796_029_197_500_i64, "context": { "page": { "url": "https://shop.example/p/1?utm_source=letter" }, "screen": { "width": 1920 } } });
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, event.to_string());
    let escaped = base64.replace('+', "%2B").replace('=', "%3D").replace('/', "%2F");
    for body in [event.to_string(), format!("data={escaped}&compression=base64"), format!("data={escaped}")] {
        assert!(Posthog::is_body(body.as_bytes()), "{body}");
        let json = Posthog::decode(body.as_bytes()).unwrap();
        let batch = Posthog::parse(&json).unwrap();
        assert_eq!(batch.keys(), ["KEY"]);
        let calls = calls(&batch);
        has(&calls[0], &expected);
        assert_eq!((&calls[0]["userId"], &calls[0]["context"]["page"]["referrer"]), (&Value::Null, &Value::Null));
    }
    let own = json!({ "key": "k", "events": [{ "type": "page" }], "link": { "token": "x" } }).to_string();
    assert!(!Posthog::is_body(own.as_bytes()), "a batch of our tracker");
    assert!(Posthog::decode(b"data=%%%").is_err());
    let recording = json!({ "event": "$snapshot", "properties": { "token": "KEY" } }).to_string();
    assert!(calls(&Posthog::parse(recording.as_bytes()).unwrap()).is_empty());
}

#[test]
fn snowplow_payloads_are_translated() {
    let unstructured = json!({ "schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0", "data": {
        "schema": "iglu:com.snowplowanalytics.snowplow.ecommerce/snowplow_ecommerce_action/jsonschema/1-0-2", "data": { "type": "add_to_cart" } } });
    let entities = json!({ "schema": "iglu:com.snowplowanalytics.snowplow/contexts/jsonschema/1-0-0", "data": [
        { "schema": "iglu:com.snowplowanalytics.snowplow.ecommerce/product/jsonschema/1-0-0", "data": { "id": "p-1", "price": 12.5, "quantity": 2, "currency": "EUR" } },
        { "schema": "iglu:com.acme/basket/jsonschema/1-0-0", "data": { "size": 3 } } ] });
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, entities.to_string());
    let body = json!({ "schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [
        { "e": "pv", "aid": "KEY", "p": "web", "tv": "js-4.10.1", "eid": "m-1", "dtm": "1796029100000", "stm": "1796029100100", "duid": "d-1",
          "url": "https://shop.example/a", "page": "A", "refr": "https://www.google.com/", "lang": "de-DE", "res": "1920x1080" },
        { "e": "se", "aid": "KEY", "eid": "m-2", "duid": "d-1", "uid": "u-1", "se_ca": "video", "se_ac": "play", "se_la": "intro", "se_va": "3.5" },
        { "e": "ue", "aid": "KEY", "eid": "m-3", "duid": "d-1", "ue_pr": unstructured.to_string(), "cx": base64 },
        { "e": "tr", "aid": "KEY", "eid": "m-4", "duid": "d-1", "tr_id": "o-1", "tr_tt": "1234.500", "tr_cu": "EUR" },
        { "e": "ti", "aid": "KEY", "eid": "m-5", "duid": "d-1", "ti_id": "o-1", "ti_sk": "p-1", "ti_pr": "12.50", "ti_qu": "2" },
        { "e": "ti", "aid": "KEY", "eid": "m-6", "duid": "d-1", "ti_id": "another", "ti_sk": "p-2" },
        { "e": "pp", "aid": "KEY", "eid": "m-7" },
        "no event",
    ] }).to_string();
    let payload = Snowplow::parse(body.as_bytes()).unwrap();
    assert_eq!(payload.keys(), ["KEY"]);
    let calls = calls(&payload);
    assert_eq!(calls.len(), 7, "one item belongs to its order");
    has(
        &calls[0],
        &json!({ "type": "page", "name": "A", "messageId": "m-1", "anonymousId": "d-1", "timestamp": "1796029100000",
        "context": { "page": { "url": "https://shop.example/a", "referrer": "https://www.google.com/" }, "screen": { "height": "1080" } } }),
    );
    has(
        &calls[1],
        &json!({ "type": "track", "event": "play", "userId": "u-1",
        "properties": { "event_category": "video", "event_label": "intro", "event_value": 3.5 } }),
    );
    has(
        &calls[2],
        &json!({ "type": "track", "event": "Product Added", "properties": { "basket": { "size": 3 }, "currency": "EUR" } }),
    );
    has(&calls[2]["properties"]["products"][0], &json!({ "product_id": "p-1", "price": 12.5 }));
    has(
        &calls[3],
        &json!({ "event": "Order Completed", "properties": { "order_id": "o-1", "revenue": 1234.5, "currency": "EUR" } }),
    );
    has(&calls[3]["properties"]["products"][0], &json!({ "product_id": "p-1", "price": 12.5, "quantity": 2 }));
    has(&calls[4], &json!({ "event": "Order Item", "properties": { "product_id": "p-2" } }));
    assert_eq!(calls[5]["anonymousId"], "daily ");
    assert_eq!(calls[6], "no event");
}

#[test]
fn ga4_events_get_segments_names() {
    let body = json!({ "client_id": "123.456", "user_id": "u-1", "timestamp_micros": "1796029100000000",
        "user_properties": { "plan": { "value": "gold" } },
        "events": [
            { "name": "page_view", "params": { "page_location": "https://shop.example/a", "page_title": "A", "session_id": "1" } },
            { "name": "purchase", "params": { "transaction_id": "o-1", "value": 30.03, "currency": "EUR",
                "items": [{ "item_id": "p-1", "item_name": "Tea", "item_category": "Drinks", "price": 10.01, "quantity": 3 }] } },
            { "name": "tutorial_begin" },
            null,
        ] }).to_string();
    let events = Ga4::parse(body.as_bytes(), vec!["KEY".into()]).unwrap();
    let calls = calls(&events);
    has(&calls[0], &json!({ "type": "identify", "userId": "u-1", "traits": { "plan": "gold" } }));
    has(
        &calls[1],
        &json!({ "type": "page", "name": "A", "anonymousId": "123.456", "timestamp": "1796029100000000",
        "context": { "page": { "url": "https://shop.example/a" } } }),
    );
    has(
        &calls[2],
        &json!({ "type": "track", "event": "Order Completed", "properties": { "order_id": "o-1", "value": 30.03, "currency": "EUR" } }),
    );
    assert_eq!(
        calls[2]["properties"]["products"],
        json!([{ "product_id": "p-1", "name": "Tea", "category": "Drinks", "price": 10.01, "quantity": 3 }])
    );
    has(&calls[3], &json!({ "type": "track", "event": "tutorial_begin" }));
    assert_eq!(calls[4], Value::Null);
}

#[test]
fn matomo_requests_are_translated() {
    let items = r#"[["p-1","Tea",["Drinks","Hot"],12.5,2],["p-2","Cup","",3,1]]"#;
    let items: String = form_urlencoded::byte_serialize(items.as_bytes()).collect();
    let base = "idsite=KEY&rec=1&_id=0123456789abcdef&url=https%3A%2F%2Fshop.example%2Fa";
    let requests = [
        format!("?{base}&action_name=A&urlref=https%3A%2F%2Fexample.org%2F&res=1280x800&dimension1=gold"),
        format!("?{base}&e_c=video&e_a=play&e_n=intro&e_v=3"),
        format!("?{base}&idgoal=0&ec_id=o-1&revenue=28.00&ec_tx=4.5&ec_items={items}"),
        format!("?{base}&idgoal=0&revenue=28&ec_items={items}"),
        format!("?{base}&idgoal=3&revenue=5"),
        format!("?{base}&search=green+tea&search_count=4"),
        format!("?{base}&link=https%3A%2F%2Felsewhere.example%2F"),
        format!("?{base}&action_name=P&_pks=p-1&_pkn=Tea&_pkp=12.5&_pkc=%5B%22Drinks%22%5D"),
        format!("?{base}&ping=1"),
        "?idsite=KEY&rec=1&url=https%3A%2F%2Fshop.example%2F&cip=1.2.3.4".to_owned(),
    ];
    let body = json!({ "requests": requests, "token_auth": "secret" }).to_string();
    let bulk = Matomo::parse("", body.as_bytes()).unwrap();
    assert_eq!((bulk.keys(), bulk.bulk_len()), (vec!["KEY".to_owned(), "secret".to_owned()], Some(10)));
    let calls = calls(&bulk);
    let expected = [
        json!({ "type": "page", "name": "A", "anonymousId": "0123456789abcdef", "properties": { "dimension1": "gold" },
            "context": { "userAgent": CHROME, "page": { "url": "https://shop.example/a", "referrer": "https://example.org/" } } }),
        json!({ "event": "play", "properties": { "event_category": "video", "event_label": "intro", "event_value": 3 } }),
        json!({ "event": "Order Completed", "properties": { "order_id": "o-1", "revenue": 28.00, "tax": 4.5 } }),
        json!({ "event": "Cart Updated", "properties": { "cart_value": 28 } }),
        json!({ "event": "Goal Completed", "properties": { "goal_id": 3, "revenue": 5 } }),
        json!({ "event": "Products Searched", "properties": { "query": "green tea", "results": 4 } }),
        json!({ "event": "Link Clicked", "properties": { "href": "https://elsewhere.example/" } }),
        json!({ "type": "page", "name": "P" }),
        json!({ "event": "Product Viewed", "properties": { "product_id": "p-1", "category": "Drinks", "price": 12.5 } }),
        json!({ "type": "page", "anonymousId": "daily 1.2.3.4", "context": { "ip": "1.2.3.4" } }),
    ];
    assert_eq!(calls.len(), expected.len());
    for (call, expected) in calls.iter().zip(&expected) {
        has(call, expected);
    }
    let products = &calls[2]["properties"]["products"];
    has(&products[0], &json!({ "product_id": "p-1", "category": "Drinks", "price": 12.5, "quantity": 2 }));
    assert_eq!(products[1]["product_id"], "p-2");
    let single = Matomo::parse("idsite=KEY&rec=1", b"url=https%3A%2F%2Fshop.example%2F&uid=u-1").unwrap();
    assert_eq!(single.bulk_len(), None);
    has(&self::calls(&single)[0], &json!({ "type": "page", "userId": "u-1" }));
}

#[test]
fn plausible_and_umami_have_no_ids() {
    let check = |body: Value, expected: Value| {
        let event = Plausible::parse(body.to_string().as_bytes()).unwrap();
        assert_eq!(event.keys(), ["shop.example"]);
        has(&calls(&event)[0], &expected);
    };
    check(
        json!({ "n": "pageview", "u": "https://shop.example/a", "d": "shop.example", "r": null, "w": 1440 }),
        json!({ "type": "page", "anonymousId": "daily ", "context": { "page": { "url": "https://shop.example/a" }, "ip": "81.2.69.142" } }),
    );
    check(
        json!({ "name": "Purchase", "url": "https://shop.example/a", "domain": "shop.example", "props": "{\"method\":\"card\"}",
            "revenue": { "currency": "EUR", "amount": "1322.22" } }),
        json!({ "type": "track", "event": "Purchase", "properties": { "method": "card", "revenue": 1322.22, "currency": "EUR" } }),
    );
    assert!(Plausible::parse(b"{\"n\":\"pageview\"}").is_err());

    let payload = json!({ "website": "KEY", "hostname": "shop.example", "url": "/a?b=1", "referrer": "", "title": "A", "screen": "1920x1080", "language": "de" });
    let mut named = payload.clone();
    (named["name"], named["data"], named["id"]) = ("Signed Up".into(), json!({ "plan": "gold" }), "u-1".into());
    let body = json!([
        { "type": "event", "payload": payload },
        { "type": "event", "payload": named },
        { "type": "identify", "payload": { "website": "KEY", "id": "u-1", "data": { "plan": "gold" } } },
    ])
    .to_string();
    let events = Umami::parse(body.as_bytes()).unwrap();
    assert_eq!(events.keys(), ["KEY"]);
    let calls = calls(&events);
    has(
        &calls[0],
        &json!({ "type": "page", "context": { "page": { "url": "https://shop.example/a?b=1", "title": "A" }, "locale": "de" } }),
    );
    has(
        &calls[1],
        &json!({ "type": "track", "event": "Signed Up", "userId": "u-1", "properties": { "plan": "gold" } }),
    );
    has(&calls[2], &json!({ "type": "identify", "userId": "u-1", "traits": { "plan": "gold" } }));
}

#[test]
fn hostile_bodies_are_refused_or_passed_on_without_a_panic() {
    let check = |body: &[u8]| assert!(collect::parse(body).is_ok(), "a batch");
    let deep = format!("{}1{}", "[".repeat(20_000), "]".repeat(20_000));
    let long = format!("{{\"event\":\"{}\",\"api_key\":\"k\"}}", "x".repeat(300_000));
    let odd = json!({ "batch": [{ "event": {}, "distinct_id": [], "properties": 5, "$set": [1] }], "requests": [1, {}, [], "?"],
        "data": [{ "e": "ue", "ue_px": "!!!", "cx": "e30" }, { "e": 1 }, { "e": "tr", "tr_id": {} }],
        "events": [{ "params": { "items": [1, { "item_id": null }] }, "name": [] }], "user_properties": { "a": [] },
        "payload": [], "type": 5, "n": "e", "u": "x", "props": [1], "revenue": "5" });
    for text in
        ["", "{", "[]", "{}", "null", "\"text\"", "[1,{},[]]", "data=", "data=e30", &deep, &long, &odd.to_string()]
    {
        let bytes = text.as_bytes();
        let _ = valid_json(bytes);
        if let Ok(decoded) = Posthog::decode(bytes)
            && let Ok(request) = Posthog::parse(&decoded)
        {
            check(&body(&request));
            request.keys();
        }
        if let Ok(request) = Snowplow::parse(bytes) {
            check(&body(&request));
            request.keys();
        }
        if let Ok(request) = Ga4::parse(bytes, Vec::new()) {
            check(&body(&request));
        }
        if let Ok(request) = Matomo::parse(text, bytes) {
            check(&body(&request));
            request.keys();
        }
        if let Ok(request) = Plausible::parse(bytes) {
            check(&body(&request));
        }
        if let Ok(request) = Umami::parse(bytes) {
            check(&body(&request));
            request.keys();
        }
        check(&body(&Snowplow::Query(Fields::parse_form(bytes))));
    }
}
