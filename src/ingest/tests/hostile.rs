//! Arbitrary input: one verdict per event, and nothing kept exceeds its limit.

use proptest::prelude::*;

use super::*;

fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_filter("JSON has no NaN", |n| n.is_finite()).prop_map(|n| n.to_string()),
        any::<String>().prop_map(|text| serde_json::Value::from(text).to_string()),
        Just(r#""\ud83d\u0000""#.to_owned()),
        Just(r#""https://a.example/?utm_source=g&gclid=1#x""#.to_owned()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let key = prop::sample::select(vec![
            "url",
            "path",
            "referrer",
            "page",
            "campaign",
            "source",
            "products",
            "price",
            "quantity",
            "ip",
            "width",
            "screen",
            "product_id",
            "currency",
            "revenue",
            "id",
            "title",
            "userAgent",
            "odd key",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|members| {
                let members: Vec<_> = members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn assert_bounded(event: &Event<'_>) {
    let bounds: [(&str, usize); 17] = [
        (&event.page.host, limits::HOST),
        (&event.page.path, limits::PATH),
        (&event.page.query, limits::QUERY),
        (&event.page.title, limits::TITLE),
        (&event.page.referrer_host, limits::HOST),
        (&event.page.referrer_path, limits::PATH),
        (&event.traffic.source, limits::CAMPAIGN),
        (&event.traffic.medium, limits::CAMPAIGN),
        (&event.traffic.campaign, limits::CAMPAIGN),
        (&event.traffic.term, limits::CAMPAIGN),
        (&event.traffic.content, limits::CAMPAIGN),
        (&event.language, limits::LANGUAGE),
        (&event.timezone, limits::TIMEZONE),
        (&event.category, limits::CATEGORY),
        (&event.order_id, limits::ORDER_ID),
        (&event.library, limits::LIBRARY),
        (&event.name, limits::NAME_CHARS * 4),
    ];
    for (text, bytes_max) in bounds {
        assert!(text.len() <= bytes_max && !text.contains(char::is_control), "{text:?}");
    }
    assert!(event.items.len() <= limits::ITEMS);
    assert!(event.items.iter().all(|line| line.id.len() <= limits::ITEM_ID && line.quantity > 0));
    assert!(event.properties.starts_with('{'));
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = collect::parse(&body);
        let _ = collect::parse_call(&body, Kind::Track);
    }

    #[test]
    fn every_event_gets_one_verdict_and_kept_texts_are_bounded(
        kind in prop::sample::select(vec!["track", "page", "screen", "identify", "group", "alias", "odd"]),
        name in any_json(), context in any_json(), properties in any_json(), timestamp in any_json(),
        sender in prop::sample::select(vec![Sender::Browser, Sender::Server, Sender::Import]),
        robots in prop::sample::select(vec![RobotsPolicy::Drop, RobotsPolicy::Keep]),
    ) {
        let event = format!(r#"{{"type":"{kind}","event":{name},"name":{name},"category":{name},"userId":{name},
            "groupId":{name},"context":{context},"properties":{properties},"traits":{properties},"timestamp":{timestamp}}}"#);
        let body = format!(r#"{{"events":[{event},{event}],"context":{context}}}"#);
        let (limits, cache) = (Config::defaults().ingest, ParseCache::new(1, 1));
        let site = Site { robots, ..fixture::site() };
        let request = RequestContext { sender, ..fixture::request(&site, &limits, &cache) };
        let batch = collect::parse(body.as_bytes()).expect("valid JSON");
        let mut progress = Progress::default();
        let mut verdicts = 0;
        for raw in &batch.events {
            verdicts += 1;
            if let Verdict::Keep(event) = run(&request, &batch, &mut progress, raw) {
                assert_bounded(&event);
            }
        }
        prop_assert_eq!(verdicts, 2);
    }
}
