//! Whole events through all steps.

mod hostile;

use super::*;
use crate::{
    config::Config,
    model::{Channel, DeviceClass, RobotsPolicy, Site},
    wire::collect,
};

/// Runs a body of events in a request modified by `change`, and passes each verdict to `see`.
fn run_body(body: &str, change: impl FnOnce(&mut RequestContext<'_>), mut see: impl FnMut(Verdict<'_>)) {
    let (site, limits, cache) = (fixture::site(), Config::defaults().ingest, ParseCache::default());
    let mut request = fixture::request(&site, &limits, &cache);
    change(&mut request);
    let Ok(batch) = collect::parse(body.as_bytes()) else { panic!("unreadable: {body}") };
    let mut progress = Progress::default();
    for raw in &batch.events {
        see(run(&request, &batch, &mut progress, raw));
    }
}

/// What `read` returns of the kept event.
fn kept<T>(event: &str, change: impl FnOnce(&mut RequestContext<'_>), read: impl Fn(&Event<'_>) -> T) -> T {
    let mut seen = None;
    run_body(&format!(r#"{{"events":[{event}]}}"#), change, |verdict| match verdict {
        Verdict::Keep(event) => seen = Some(read(&event)),
        other => panic!("{event}: {other:?}"),
    });
    seen.expect("one event")
}

fn ended(event: &str, change: impl FnOnce(&mut RequestContext<'_>)) -> &'static str {
    let mut seen = "";
    run_body(&format!(r#"{{"events":[{event}]}}"#), change, |verdict| {
        seen = match verdict {
            Verdict::Keep(_) => "kept",
            Verdict::Drop(reason) => reason.as_str(),
            Verdict::Reject(reason) => reason.as_str(),
        };
    });
    seen
}

#[test]
fn invalid_events_are_rejected_with_a_reason() {
    let check = |event: &str, expected: &str| assert_eq!(ended(event, |_| {}), expected, "{event}");
    check(r#"{"type":"page"}"#, "kept");
    check("7", "malformed");
    check("[]", "malformed");
    check(r#"{"type":"page","type":"page"}"#, "malformed");
    check(&format!(r#"{{"type":"page","x":"{}"}}"#, "x".repeat(40_000)), "too_large");
    check(r#"{"type":"teleport"}"#, "unknown_type");
    check("{}", "unknown_type");
    check(r#"{"type":"track"}"#, "name_missing");
    check(r#"{"type":"track","event":" \u0000 "}"#, "name_missing");
    check(&format!(r#"{{"type":"track","event":"{}"}}"#, "é".repeat(200)), "kept");
    check(&format!(r#"{{"type":"track","event":"{}"}}"#, "é".repeat(201)), "name_too_long");
    check(&format!(r#"{{"type":"page","messageId":"{}"}}"#, "m".repeat(101)), "message_id_too_long");
    check(&format!(r#"{{"type":"identify","userId":"{}"}}"#, "u".repeat(257)), "user_id_too_long");
    check(r#"{"type":"identify","traits":{"plan":"free"}}"#, "kept");
    check(r#"{"type":"alias","previousId":"a"}"#, "user_id_missing");
    check(r#"{"type":"page","timestamp":"yesterday"}"#, "kept");
    check(r#"{"type":"page","timestamp":"1999-01-01T00:00:00Z"}"#, "too_old");
    check(r#"{"type":"page","timestamp":-9223372036854775808}"#, "too_old");
    check(r#"{"type":"page","properties":[1]}"#, "properties_not_object");
    check(r#"{"type":"page","properties":null}"#, "kept");
    check(r#"{"type":"page","properties":[]}"#, "kept");
    let deep = format!("{}1{}", r#"{"a":"#.repeat(17), "}".repeat(17));
    check(&format!(r#"{{"type":"page","properties":{deep}}}"#), "properties_too_deep");
}

#[test]
fn clocks_are_corrected_by_the_time_of_sending() {
    let check = |timestamp: i64, sent: Option<i64>, expected: i64| {
        let now = fixture::NOW.0;
        let sent = sent.map_or(String::new(), |sent| format!(r#","sentAt":{}"#, now + sent));
        let event = format!(r#"{{"type":"page","timestamp":{}{sent}}}"#, now + timestamp);
        assert_eq!(kept(&event, |_| {}, |event| event.occurred_at.0 - now), expected, "{timestamp} {sent}");
    };
    check(-1_000, None, -1_000);
    check(-1_000, Some(-400), -1_000);
    check(-3_600_000, Some(-3_590_000), -10_000);
    check(7_200_000, Some(7_260_000), -60_000);
    check(-90_000, Some(0), -90_000);
    check(240_000, None, 240_000);
    check(360_000, None, 0);
}

#[test]
fn a_page_view_is_enriched() {
    let event = r#"{"type":"page","messageId":"m1","context":{
        "page":{"url":"https://www.shop.example/p/%D9%82%D9%87%D9%88%D9%87?utm_source=News&utm_medium=email&utm_campaign=may&page=2&mail=a@b.co&q=a@b.co",
                "title":"Coffee\u0000 for jo@mail.example","referrer":"https://www.google.com/"},
        "locale":"en_GB","timezone":"Europe/London","screen":{"width":1440,"height":900.5},
        "library":{"name":"ashna.js","version":"0.1.0"}}}"#;
    kept(
        event,
        |_| {},
        |event| {
            assert_eq!(event.message, MessageHash::new(event.site, b"m1"));
            assert_eq!((&*event.page.host, &*event.page.path), ("www.shop.example", "/p/قهوه"));
            assert_eq!((&*event.page.query, &*event.page.title), ("page=2&q=%5Bemail%5D", "Coffee for [email]"));
            assert_eq!((&*event.page.referrer_host, &*event.page.referrer_path), ("google.com", "/"));
            assert_eq!(event.traffic.channel, Channel::Email);
            assert_eq!((&*event.traffic.source, &*event.traffic.campaign), ("News", "may"));
            assert_eq!((&*event.language, &*event.timezone), ("en-GB", "Europe/London"));
            assert_eq!((event.screen_width, event.screen_height), (1440, 900));
            assert_eq!(&*event.library, "ashna.js/0.1.0");
            assert_eq!((event.device.class, &*event.device.os), (DeviceClass::Desktop, "Windows 10"));
            assert_eq!((&*event.device.browser, &*event.device.browser_version), ("Chrome", "142.0"));
            assert_eq!((&*event.place.country, &*event.place.city), ("GB", "London"));
            assert_eq!(event.visitor, VisitorId(7));
        },
    );
}

#[test]
fn traffic_sources_are_recognized() {
    let check = |url: &str, referrer: &str, expected: (Channel, &str, &str, &str, &str)| {
        let event = format!(r#"{{"type":"page","context":{{"page":{{"url":"{url}","referrer":"{referrer}"}}}}}}"#);
        kept(
            &event,
            |_| {},
            |event| {
                let t = &event.traffic;
                assert_eq!((t.channel, &*t.source, &*t.medium, &*t.term, t.click_id), expected, "{url} {referrer}");
            },
        );
    };
    let shop = "https://www.shop.example/";
    check(shop, "", (Channel::Direct, "", "", "", ""));
    check(shop, "https://shop.example/cart", (Channel::Internal, "", "", "", ""));
    check("https://preview.shop.example/", "https://www.preview.shop.example/", (Channel::Internal, "", "", "", ""));
    check(
        shop,
        "https://google.de/search?q=good+coffee",
        (Channel::OrganicSearch, "google", "organic", "good coffee", ""),
    );
    check(shop, "https://l.facebook.com/", (Channel::OrganicSocial, "facebook", "referral", "", ""));
    check(shop, "https://chatgpt.com/", (Channel::AiAssistant, "chatgpt", "referral", "", ""));
    for host in ["s3-us3.ixquick.com", "aolsearch.com", "dalesearch.com"] {
        let from = host.split('.').rev().nth(1).map(|name| if name == "aolsearch" { "aol" } else { name }).unwrap();
        check(shop, &format!("https://{host}/"), (Channel::OrganicSearch, from, "organic", "", ""));
    }
    check(shop, "https://lnk.bio/shop", (Channel::OrganicSocial, "lnk.bio", "referral", "", ""));
    check(shop, "https://www.pricerunner.co.uk/", (Channel::OrganicShopping, "pricerunner", "referral", "", ""));
    check(shop, "https://syndicatedsearch.goog/", (Channel::PaidSearch, "google", "cpc", "", ""));
    check(shop, "https://blog.other.example/x", (Channel::Referral, "blog.other.example", "referral", "", ""));
    check(&format!("{shop}?gclid=x"), "", (Channel::PaidSearch, "google", "cpc", "", "gclid"));
    check(&format!("{shop}?dclid=x"), "", (Channel::Display, "google", "display", "", "dclid"));
    check(&format!("{shop}?fbclid=x"), "", (Channel::OrganicSocial, "facebook", "referral", "", "fbclid"));
    check(&format!("{shop}?ttclid=x"), "", (Channel::PaidSocial, "tiktok", "cpc", "", "ttclid"));
    check(&format!("{shop}?utm_source=x&gclid=y"), "", (Channel::Unassigned, "x", "", "", "gclid"));
    check(&format!("{shop}?utm_medium=cpc"), "https://bing.com/", (Channel::PaidSearch, "bing", "cpc", "", ""));
    check(
        &format!("{shop}?utm_source=google&utm_medium=cpc&utm_term=beans"),
        "",
        (Channel::PaidSearch, "google", "cpc", "beans", ""),
    );
}

#[test]
fn an_event_without_a_page_starts_no_visit() {
    let channel = |event: &str| kept(event, |_| {}, |event| event.traffic.channel);
    assert_eq!(channel(r#"{"type":"track","event":"Order Completed"}"#), Channel::Internal);
    assert_eq!(channel(r#"{"type":"page"}"#), Channel::Direct);
}

#[test]
fn orders_keep_their_items_and_amounts() {
    let event = r#"{"type":"track","event":"order completed","properties":{"order_id":"o-1","revenue":33.30,
        "currency":"usd","products":[{"product_id":"p-1","price":"11.10","quantity":2,"category":"Coffee"},
        {"sku":7,"price":11.1},{"name":"without an id"},"p-9"]}}"#;
    kept(
        event,
        |_| {},
        |event| {
            assert_eq!((event.action, &*event.order_id, event.amount_minor), (Action::Ordered, "o-1", 3330));
            assert_eq!((event.currency, &*event.category), (Currency(*b"USD"), "Coffee"));
            let lines: Vec<_> = event.items.iter().map(|l| (&*l.id, l.price_minor, l.quantity)).collect();
            assert_eq!(lines, [("p-1", 1110, 2), ("7", 1110, 1), ("p-9", 0, 1)]);
        },
    );
    let summed =
        r#"{"type":"track","event":"Order Completed","properties":{"products":[{"id":"a","price":2.5,"quantity":4}]}}"#;
    assert_eq!(kept(summed, |_| {}, |event| (event.amount_minor, event.currency)), (1000, Currency(*b"EUR")));
    let viewed =
        r#"{"type":"track","event":"Product Viewed","properties":{"product_id":"p-12","price":12.5,"category":"Tea"}}"#;
    let line = kept(viewed, |_| {}, |e| (e.items[0].id.to_string(), e.amount_minor, e.category.to_string()));
    assert_eq!(line, ("p-12".to_owned(), 1250, "Tea".to_owned()));
    let many = format!(
        r#"{{"type":"track","event":"Product List Viewed","properties":{{"products":[{}]}}}}"#,
        vec![r#"{"id":"x"}"#; 300].join(",")
    );
    assert_eq!(kept(&many, |_| {}, |event| event.items.len()), limits::ITEMS);
}

#[test]
fn the_visitors_user_agent_decides_whether_a_robot_is_dropped() {
    let check = |sender: Sender, connection: &'static str, context: &str, expected: &str| {
        let event = format!(r#"{{"type":"page","anonymousId":"a","context":{{"userAgent":"{context}"}}}}"#);
        let ended = ended(&event, |request| {
            (request.sender, request.user_agent) = (sender, connection);
            request.identity = fixture::identity(9, Origin::Fresh);
        });
        assert_eq!(ended, expected, "{sender:?} {connection} {context}");
    };
    check(Sender::Browser, "curl/8.0", "", "robot");
    check(Sender::Browser, "Mozilla/5.0 (X11) HeadlessChrome/120.0", "", "robot");
    check(Sender::Browser, fixture::CHROME, "curl/8.0", "kept");
    check(Sender::Browser, "", "", "kept");
    check(Sender::Browser, "Zabbix", "", "robot");
    check(Sender::Server, "", "ShopApp/3.1", "kept");
    check(Sender::Server, "python-requests/2.31", "", "kept");
    check(Sender::Server, "node-fetch/1.0", fixture::CHROME, "kept");
    check(Sender::Server, fixture::CHROME, "Googlebot/2.1 (+http://www.google.com/bot.html)", "robot");
    check(Sender::Import, "Mozilla/5.0 (compatible; bingbot/2.0)", "", "robot");
}

#[test]
fn robots_are_marked_on_sites_that_keep_them() {
    let (limits, cache) = (Config::defaults().ingest, ParseCache::default());
    let site = Site { robots: RobotsPolicy::Keep, ..fixture::site() };
    let request = RequestContext { user_agent: "curl/8.0", ..fixture::request(&site, &limits, &cache) };
    let batch = collect::parse(br#"{"events":[{"type":"page"}]}"#).unwrap();
    let Verdict::Keep(event) = run(&request, &batch, &mut Progress::default(), batch.events[0]) else { panic!() };
    assert_eq!((event.robot, event.device.class), ("library", DeviceClass::Unknown));
}

#[test]
fn ids_in_the_event_identify_the_visitor_of_a_new_request() {
    let visitor = |event: &str, sender: Sender, from: Origin| {
        kept(event, |s| (s.sender, s.identity) = (sender, fixture::identity(9, from)), |event| event.visitor)
    };
    let anonymous = r#"{"type":"page","anonymousId":"00000000-0000-0000-0000-0000000000ff","userId":"u"}"#;
    let user = r#"{"type":"page","userId":"u"}"#;
    assert_eq!(visitor(anonymous, Sender::Browser, Origin::Cookie), VisitorId(9));
    assert_eq!(visitor(anonymous, Sender::Browser, Origin::Fresh), VisitorId(255));
    assert_eq!(visitor(anonymous, Sender::Server, Origin::Fresh), VisitorId(255));
    assert_eq!(visitor(user, Sender::Browser, Origin::Fresh), VisitorId(9));
    let of_user = identify::visitor_of(&fixture::site(), identify::IdKind::User, "u");
    assert_eq!(visitor(user, Sender::Server, Origin::Fresh), of_user);
    let without_ids = |request: &mut RequestContext<'_>| {
        (request.sender, request.identity) = (Sender::Server, fixture::identity(9, Origin::Fresh));
    };
    assert_eq!(ended(r#"{"type":"page"}"#, without_ids), "identity_missing");
}

#[test]
fn without_consent_the_visitor_is_anonymous() {
    let refused = |request: &mut RequestContext<'_>| {
        request.consent = Consent::NONE;
        request.identity = Identity::ANONYMOUS;
    };
    let event = r#"{"type":"page","userId":"u","context":{"page":{"url":"https://shop.example/?gclid=x"}}}"#;
    kept(event, refused, |event| {
        assert_eq!((event.visitor, &*event.user_id), (VisitorId::ANONYMOUS, ""));
        assert_eq!((event.session_start, event.traffic.click_id), (Timestamp(0), ""));
        assert_eq!(event.place, GeoLocation { country: "GB".into(), ..GeoLocation::default() });
    });
    for kind in ["identify", "group", "alias"] {
        assert_eq!(ended(&format!(r#"{{"type":"{kind}","userId":"u"}}"#), refused), "no_consent");
    }
}

#[test]
fn user_ids_are_verified_by_a_signature_or_a_server_key() {
    let event = r#"{"type":"identify","userId":"u-1"}"#;
    let verified = |event: &str, server_key| kept(event, |s| s.server_key = server_key, |e| e.user_verified);
    assert!(!verified(event, false));
    assert!(verified(event, true));
    assert!(!verified(r#"{"type":"page"}"#, true));
    // HMAC-SHA256 of `u-1` with the key `secret`, computed with OpenSSL.
    let signature = "8a756f7a5508f73fdfa425b9e762443bcfcfe5f372ab3643a890ddcd2433f599";
    assert!(verified(&format!(r#"{{"type":"identify","userId":"u-1","signature":"{signature}"}}"#), false));
}

#[test]
fn messages_without_an_id_are_never_duplicates() {
    let mut seen = Vec::new();
    run_body(
        r#"{"events":[{"type":"page"},{"type":"page"},{"type":"page","messageId":"a"}]}"#,
        |_| {},
        |verdict| {
            let Verdict::Keep(event) = verdict else { panic!("{verdict:?}") };
            seen.push((event.message, event.session_start));
        },
    );
    assert_ne!(seen[0].0, seen[1].0);
    assert_eq!(seen[0].1, seen[2].1);
}

#[test]
fn sessions_continue_from_cookie_or_tracker_whichever_was_active_last() {
    let (now, minute) = (fixture::NOW, 60_000);
    let ago = |start: i64, last: i64| Session { start: now.plus(-start * minute), last: now.plus(-last * minute) };
    let check = |cookie: Option<Session>, tracker: &str, expected_minutes_ago: i64| {
        let body = format!(r#"{{{tracker}"events":[{{"type":"page"}}]}}"#);
        run_body(
            &body,
            |s| s.identity.session = cookie,
            |verdict| {
                let Verdict::Keep(event) = verdict else { panic!("{verdict:?}") };
                assert_eq!(now.since(event.session_start), expected_minutes_ago * minute, "{cookie:?} {tracker}");
            },
        );
    };
    let tracker = format!(r#""session":{{"start":{},"last":{}}},"#, now.plus(-9 * minute).0, now.plus(-minute).0);
    check(None, "", 0);
    check(Some(ago(20, 5)), "", 20);
    check(Some(ago(60, 31)), "", 0);
    check(None, &tracker, 9);
    check(Some(ago(20, 5)), &tracker, 9);
    check(Some(ago(20, 0)), &tracker, 20);
    check(None, r#""session":{"start":9,"last":1},"#, 0);
}
