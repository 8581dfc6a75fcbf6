//! Hardening of the HTTP API: HTML in offers, isolation of sites, caching, hosts, floods.

use ashna::control::{Role, Scope};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::support::{
    app::{ORIGIN, TestApp, these_days},
    client::{Answer, ApiClient},
};

const HTML: &str = "<img src=x onerror=\"window.ran = 1\">";

fn html_offer(id: &str) -> Value {
    json!({ "id": id, "slot": "hero", "content": { "html": HTML, "title": "T" } })
}

async fn shown(app: &TestApp) -> Value {
    app.visitor().decides(&["hero"]).await["decisions"]["hero"]["content"].clone()
}

#[tokio::test]
async fn html_in_offers_must_be_allowed_by_an_owner() {
    let app = TestApp::start().await;
    let site = format!("/api/v1/sites/{}", app.site.id);
    let [marketer, owner] = [app.with_login(Role::Marketer).await, app.with_login(Role::Owner).await];
    let admin = app.with_key(Scope::Admin).await;
    assert_eq!(owner.get(&site).await.json()["offer_html"], false, "off for a new site");
    for api in [&marketer, &admin, &owner] {
        let refusal = api.post(&app.path("offers"), html_offer("o")).await;
        refusal.refuses(422, "invalid");
        assert!(refusal.text.contains("offer_html"), "it says what to do: {}", refusal.text);
    }
    for api in [&marketer, &admin] {
        api.patch(&site, json!({ "offer_html": true })).await.refuses(403, "forbidden");
        assert_eq!(api.patch(&site, json!({ "offer_html": false, "name": "N" })).await.status, 200, "HTML unchanged");
    }
    assert_eq!(owner.patch(&site, json!({ "offer_html": true })).await.json()["offer_html"], true);
    marketer.patch(&site, json!({ "offer_html": false })).await.refuses(403, "forbidden");
    assert_eq!(marketer.post(&app.path("offers"), html_offer("o")).await.status, 201);
    assert_eq!(shown(&app).await, json!({ "html": HTML, "title": "T" }));

    // Permission withdrawn: stored HTML is no longer sent and cannot be stored again.
    assert_eq!(owner.patch(&site, json!({ "offer_html": false })).await.status, 200);
    assert_eq!(shown(&app).await, json!({ "title": "T" }));
    marketer.put(&app.path("offers/o"), html_offer("o")).await.refuses(422, "invalid");
    let plain = json!({ "id": "p", "slot": "other", "content": { "title": "<b>text</b>", "html": null } });
    assert_eq!(marketer.post(&app.path("offers"), plain).await.status, 201, "others are not affected");
    assert_eq!(shown(&app).await, json!({ "title": "T" }), "a concurrent edit does not restore it");
    let preview = admin.post(&app.path("recommendations/preview"), json!({ "slots": ["hero"] })).await.json();
    assert_eq!(preview["decisions"]["hero"]["content"], json!({ "title": "T" }));
    app.finish().await;
}

#[tokio::test]
async fn a_key_reads_only_the_metrics_of_its_site() {
    let app = TestApp::start().await;
    let key = app.with_key(Scope::Read).await;
    app.visitor().views("/").await;
    app.settled().await;
    let of = async |api: &ApiClient| {
        let metrics = api.get("/metrics").await;
        assert_eq!(metrics.status, 200, "{}", metrics.text);
        metrics.text
    };
    assert!(of(&key).await.contains("ashna_journal_records_kept 1"), "with one site its key sees all metrics");
    let quality = async |api: &ApiClient, path: &str| api.post(path, json!({})).await.json();
    let mine = app.path("reports/quality");
    assert_eq!(quality(&key, &mine).await["journal"]["kept"], 1);

    let other = app.another_site().await;
    for _ in 0..6 {
        let mut visitor = app.visitor();
        visitor.key = other.write_key.clone();
        assert_eq!(visitor.views("/").await.status, 204);
    }
    app.settled().await;
    let text = of(&key).await;
    assert!(text.contains("ashna_events_received_total 1\n") && text.contains("ashna_events_kept_total 1\n"), "{text}");
    assert!(
        !text.contains("journal") && !text.contains("decisions") && !text.contains(" 6\n") && !text.contains(" 7\n"),
        "{text}"
    );
    assert_eq!(quality(&key, &mine).await["journal"], Value::Null);
    let theirs = app.with_key_of(&other, Scope::Admin).await;
    assert!(of(&theirs).await.contains("ashna_events_received_total 6\n"));
    assert_eq!(quality(&theirs, &format!("/api/v1/sites/{}/reports/quality", other.id)).await["journal"], Value::Null);

    let owner = app.with_login(Role::Owner).await;
    assert!(of(&owner).await.contains("ashna_journal_records_kept 7\n"));
    assert_eq!(quality(&owner, &mine).await["journal"]["kept"], 7);
    app.finish().await;
}

#[tokio::test]
async fn private_answers_cannot_be_cached_or_framed() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let mut answers = vec![app.api().get("/api/v1/nothing").await, app.api().post("/api/v1/sites", json!({})).await];
    for path in [
        app.path("secret"),
        app.path("offers"),
        "/api/v1/sites".into(),
        "/api/v1/openapi.json".into(),
        "/metrics".into(),
    ] {
        answers.push(admin.get(&path).await);
    }
    answers.push(admin.post(&app.path("reports/pages?format=csv"), these_days()).await);
    answers.push(admin.sends(reqwest::Method::PUT, "/api/v1/sites", "").await);
    for answer in &answers {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text);
        assert_eq!(answer.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
        assert_eq!((answer.header("x-frame-options"), answer.header("x-content-type-options")), ("DENY", "nosniff"));
    }
    let recommended = app.visitor().request(reqwest::Method::GET, &format!("/v1/recommend?key={}", app.site.write_key));
    let recommended = Answer::to(recommended).await;
    assert_eq!((recommended.status, recommended.header("cache-control")), (200, "no-store"));
    let vary: Vec<_> = recommended.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(vary.join(", ").contains("Authorization") && vary.join(", ").contains("Origin"), "{vary:?}");
    for page in ["/dashboard/", "/dashboard/sites"] {
        let answer = app.api().get(page).await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("script-src 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        for header in ["permissions-policy", "referrer-policy", "cross-origin-opener-policy"] {
            assert_ne!(answer.header(header), "", "{header}");
        }
    }
    app.finish().await;
}

/// The status line of the answer to a raw request head.
async fn status_of(app: &TestApp, head: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(app.url.trim_start_matches("http://")).await.unwrap();
    stream.write_all(head.replace('\n', "\r\n").as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).split("\r\n").next().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_needs_exactly_one_host() {
    let app = TestApp::start().await;
    for path in ["/healthz", "/v1/recommend?key=k", "/dashboard/", "/api/v1/setup"] {
        for hosts in [
            "",
            "host: a.example\nhost: b.example\n",
            "host: a.example\nhost: a.example\n",
            "host: a b\n",
            "host: a/b\n",
        ] {
            let status = status_of(&app, &format!("GET {path} HTTP/1.1\n{hosts}connection: close\n\n")).await;
            assert_eq!(status, "HTTP/1.1 400 Bad Request", "{path} {hosts:?}");
        }
    }
    for request in [
        "GET /healthz HTTP/1.0\n\n",
        "GET /healthz HTTP/1.1\nhost: a.example:80\nconnection: close\n\n",
        "GET /healthz HTTP/1.1\nhost: [::1]:8080\nconnection: close\n\n",
    ] {
        assert!(status_of(&app, request).await.ends_with(" 200 OK"), "{request}");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_header_key_is_refused_despite_other_credentials() {
    let app = TestApp::start().await;
    let good = app.site.write_key.as_str();
    let event = json!({ "event": "Paid", "userId": "u", "writeKey": good });
    let ask = json!({ "key": good, "slots": ["home-recs"] });
    let recommend = format!("/v1/recommend?key={good}");
    for (header, value) in
        [("authorization", "Bearer as_revoked"), ("authorization", "bearer x"), ("x-api-key", "as_revoked")]
    {
        let api = app.api().with_header(header, value);
        api.post("/v1/track", event.clone()).await.refuses(401, "unauthorized");
        api.post("/v1/decide", ask.clone()).await.refuses(401, "unauthorized");
        api.get(&recommend).await.refuses(401, "unauthorized");
    }
    app.with_key(Scope::Read).await.post("/v1/track", event.clone()).await.refuses(403, "forbidden");
    // The same holds for the public key.
    for api in
        [app.api().with_header("authorization", format!("Bearer {good}")), app.api().with_header("x-api-key", good)]
    {
        let track = api.post("/v1/track", json!({ "event": "Paid", "userId": "u" })).await;
        assert_eq!((track.status, track.outcome()), (200, "kept=1, dropped=0, rejected=0"), "{}", track.text);
        assert_eq!(api.post("/v1/decide", json!({ "slots": [] })).await.status, 200);
        assert_eq!(api.get("/v1/recommend").await.status, 200);
        api.clone()
            .with_header("origin", "https://elsewhere.example")
            .get("/v1/recommend")
            .await
            .refuses(403, "forbidden");
    }
    app.finish().await;
}

#[tokio::test]
async fn invented_visitors_do_not_evict_real_profiles() {
    let app = TestApp::with(|config| config.profiles.cached_max = 100).await;
    let mut real = app.visitor();
    real.views("/").await;
    app.settled().await;
    let cached = async || app.metric("profiles_cached");
    assert_eq!(real.decides(&["home-recs"]).await["degraded"], false);
    for fresh in [true, false] {
        for _ in 0..150 {
            let mut invented = app.visitor();
            invented.extra = json!({ "fresh": fresh });
            let answer = invented.decides(&[]).await;
            assert!(!fresh || answer["degraded"] == false, "nothing had to be read");
        }
    }
    // Requests whose events are refused create no profile either.
    for _ in 0..150 {
        let mut invented = app.visitor();
        invented.extra = json!({ "fresh": true });
        invented.sends(json!([{ "type": "nonsense" }])).await;
    }
    assert!(cached().await <= 1, "{} profiles", cached().await);
    // The first event of a new visitor creates the profile, which the next decision uses.
    let mut stranger = app.visitor();
    stranger.extra = json!({ "fresh": true });
    let offer = json!({ "id": "seen", "slot": "hero", "when": { "field": "pageviews", "op": "gte", "value": 1 } });
    assert_eq!(app.with_key(Scope::Admin).await.post(&app.path("offers"), offer).await.status, 201);
    assert_eq!(stranger.decides(&["hero"]).await["decisions"], json!({}));
    assert_eq!(stranger.views("/").await.status, 204);
    assert_eq!(stranger.decides(&["hero"]).await["decisions"]["hero"]["offer"], "seen");
    app.finish().await;
}

#[tokio::test]
async fn decisions_and_private_requests_have_configured_limits() {
    let app = TestApp::with(|config| {
        config.rate.address_decisions_per_second = 1;
        config.rate.address_requests_per_second = 1;
        config.rate.burst_seconds = 9;
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    })
    .await;
    let at = |address: &str| app.api().with_header("x-forwarded-for", address);
    let ask = json!({ "key": app.site.write_key, "slots": [] });
    let recommend = format!("/v1/recommend?key={}", app.site.write_key);
    for (address, refused) in [("81.2.69.1", 0), ("81.2.69.2", 1), ("81.2.69.3", 2), ("81.2.69.4", 3)] {
        let api = at(address);
        let mut last = None;
        for _ in 0..40 {
            let answer = match refused {
                0 => api.post("/v1/decide", ask.clone()).await,
                1 => api.get(&recommend).await,
                2 => api.get("/api/v1/setup").await,
                _ => api.post("/v1/debug", json!({})).await,
            };
            last = Some(answer);
            if last.as_ref().is_some_and(|answer| answer.status == 429) {
                break;
            }
        }
        let last = last.unwrap();
        last.refuses(429, "rate_limited");
        assert!((1..=60).contains(&last.header("retry-after").parse::<u64>().unwrap()));
    }
    assert_eq!(at("81.2.69.5").post("/v1/decide", ask).await.status, 200, "others are not affected");
    let mut visitor = app.visitor();
    visitor.headers.push(("x-forwarded-for", "81.2.69.1"));
    assert_eq!(visitor.views("/").await.status, 204, "events have a separate limit");
    app.finish().await;
}

#[tokio::test]
async fn decisions_per_site_are_limited() {
    let app = TestApp::with(|config| (config.rate.site_decisions_per_second, config.rate.burst_seconds) = (1, 9)).await;
    let ask = json!({ "key": app.site.write_key, "slots": [] });
    let mut status = 0;
    for _ in 0..40 {
        status = app.api().post("/v1/decide", ask.clone()).await.status;
        if status != 200 {
            break;
        }
    }
    assert_eq!(status, 429);
    let other = app.another_site().await;
    let theirs = json!({ "key": other.write_key, "slots": [] });
    assert_eq!(app.api().post("/v1/decide", theirs).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn every_report_is_exported_and_unknown_formats_are_refused() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let page = json!({ "url": format!("{ORIGIN}/a"), "title": "a;=1+1;" });
    visitor.sends(json!([{ "type": "page", "context": { "page": page } }])).await;
    app.settled().await;
    let read = app.with_key(Scope::Read).await;
    for report in [
        "overview",
        "pages",
        "sources",
        "visitors",
        "recommendations",
        "what-if",
        "data-quality",
        "realtime",
        "quality",
    ] {
        let mut question = these_days();
        match report {
            "sources" => question["by"] = "channel".into(),
            "visitors" => question["by"] = "country".into(),
            "realtime" | "quality" => question = json!({}),
            _ => {}
        }
        let answer = read.post(&app.path(&format!("reports/{report}?format=csv")), question.clone()).await;
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, "text/csv; charset=utf-8"),
            "{report}: {}",
            answer.text
        );
        assert!(answer.text.starts_with('\u{feff}'), "{report} opens as UTF-8");
        let text = answer.text.trim_start_matches('\u{feff}');
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{report}: {text}");
        read.post(&app.path(&format!("reports/{report}?format=xml")), question).await.refuses(400, "unreadable");
    }
    let pages = read.post(&app.path("reports/pages?format=csv"), these_days()).await;
    assert!(pages.text.contains("\"a;=1+1;\""), "no cell is split: {}", pages.text);
    app.finish().await;
}

#[tokio::test]
async fn an_export_contains_the_visitor_id_and_exact_numbers() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let mut visitor = app.visitor();
    visitor.id = "b2".repeat(16);
    visitor.sends(json!([{ "type": "track", "event": "Paid", "messageId": "m-1", "properties": { "big": 9_007_199_254_740_993_u64 } }])).await;
    let copy = admin.get(&app.path(&format!("visitors/{}/export", visitor.id))).await;
    let event = copy.json()["events"][0].clone();
    assert_eq!(event["visitor"], visitor.id, "{event}");
    let [message, journal] = [&event["message"], &event["journal"]].map(|id| id.as_str().unwrap().to_owned());
    let exact = app.stored("SELECT lower(leftPad(hex(message), 32, '0')) FROM events").await;
    assert_eq!([message], *exact);
    assert_eq!([journal], *app.stored("SELECT toString(journal) FROM events").await);
    assert!(event["properties"].as_str().unwrap().contains("9007199254740993"), "{event}");
    assert!(!copy.text.contains("e+"), "{}", copy.text);
    app.finish().await;
}

#[tokio::test]
async fn origins_are_normalized_as_browsers_send_them() {
    let app = TestApp::start().await;
    let admin = app.with_key(Scope::Admin).await;
    let path = format!("/api/v1/sites/{}", app.site.id);
    let written = json!({ "origins": ["HTTP://Shop.Example:80/", "http://shop.example", "https://فروشگاه.example"] });
    let site = admin.patch(&path, written).await.json();
    assert_eq!(site["origins"], json!(["http://shop.example", "https://xn--mgbtj4c7ad63e.example"]));
    let refusal = admin.patch(&path, json!({ "origins": ["http://*.example"] })).await;
    refusal.refuses(422, "invalid");
    assert!(refusal.text.contains("http://*.example") && refusal.text.contains("wildcards"), "{}", refusal.text);
    let mut visitor = app.visitor();
    visitor.origin = "https://xn--mgbtj4c7ad63e.example".into();
    assert_eq!(visitor.views("/").await.status, 204);
    app.finish().await;
}
