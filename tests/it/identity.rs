//! Visitor identity: the signed cookie, the tracker's proposed id, consent.

use ashna::{control::Scope, operate::Operation};
use reqwest::Method;
use serde_json::json;

use crate::{
    service::Service,
    support::{
        app::TestApp,
        client::{Answer, TestVisitor},
    },
};

const VISITORS: &str = "SELECT DISTINCT leftPad(lower(hex(visitor)), 32, '0') AS id FROM events ORDER BY id";
const ANONYMOUS: &str = "00000000000000000000000000000000";

fn sorted<const N: usize>(mut ids: [&str; N]) -> Vec<String> {
    ids.sort_unstable();
    ids.map(str::to_owned).to_vec()
}

#[tokio::test]
async fn a_proposed_id_is_adopted_and_signed_into_a_cookie() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    let answer = visitor.views("/").await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let cookie = answer.cookie();
    assert!(cookie.starts_with(&format!("ashna_{}=v1.{}.", app.site.id, visitor.id)), "{cookie}");
    assert!(cookie.contains("HttpOnly") && cookie.contains("Path=/") && !cookie.contains("Domain"), "{cookie}");
    assert_eq!(app.stored(VISITORS).await, [visitor.id]);
    app.finish().await;
}

#[tokio::test]
async fn a_valid_cookie_wins_over_a_proposed_id() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/a").await;
    let first = std::mem::replace(&mut visitor.id, app.visitor().id);
    let answer = visitor.views("/b").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "visitor": first })));
    assert_eq!(visitor.decides(&[]).await["visitor"], first, "decisions agree");
    assert_eq!(app.stored(VISITORS).await, [first]);
    app.finish().await;
}

#[tokio::test]
async fn an_invalid_cookie_is_ignored_without_an_error() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let good = visitor.cookie.take().unwrap();

    let mut elsewhere = app.visitor();
    elsewhere.key = app.another_site().await.write_key;
    elsewhere.views("/").await;
    let (_, foreign) = elsewhere.cookie.as_deref().unwrap().split_once('=').unwrap();
    let name = format!("ashna_{}", app.site.id);

    let mut ids = vec![visitor.id.clone(), elsewhere.id.clone()];
    let huge = format!("{name}={}", "a".repeat(5000));
    for bad in [
        huge,
        format!("{name}=v1.%00%00.1.2.3"),
        format!("{name}=\u{fffd}\u{627}"),
        good.replace(&visitor.id, &elsewhere.id),
        format!("{name}={foreign}"),
        good[..good.len() - 5].to_owned(),
        format!("{name}=v1...."),
        format!("{name}="),
        "; =;;\"".to_owned(),
    ] {
        let mut forger = app.visitor();
        forger.cookie = Some(bad.clone());
        let answer = forger.views("/").await;
        assert_eq!(answer.status, 204, "the proposed id is used, not {bad}");
        assert!(answer.cookie().contains(&forger.id), "{bad} is replaced");
        ids.push(forger.id);
    }
    ids.sort();
    assert_eq!(app.stored(VISITORS).await, ids);
    app.finish().await;
}

#[tokio::test]
async fn without_cookie_and_proposed_id_the_service_generates_one() {
    let app = TestApp::start().await;
    for proposal in ["", "mine", ANONYMOUS, "81.2.69.142"] {
        let mut visitor = app.visitor();
        visitor.extra = json!({ "visitor": proposal });
        let answer = visitor.views("/").await;
        let id = answer.json()["visitor"].as_str().unwrap().to_owned();
        assert!(answer.status == 200 && id.len() == 32 && id != ANONYMOUS, "{proposal}: {id}");
        assert!(answer.cookie().contains(&id), "{}", answer.cookie());
    }
    assert_eq!(app.stored(VISITORS).await.len(), 4, "different ones");
    app.finish().await;
}

#[tokio::test]
async fn cross_site_cookies_are_partitioned() {
    let app = TestApp::start().await;
    let foreign = app.visitor().views("/").await;
    for attribute in ["SameSite=None", "Secure", "Partitioned"] {
        assert!(foreign.cookie().contains(attribute), "{attribute} in {}", foreign.cookie());
    }
    let mut at_home = app.visitor();
    at_home.origin.clone_from(&app.url);
    let own = at_home.views("/").await;
    assert!(own.cookie().contains("SameSite=Lax") && !own.cookie().contains("Partitioned"), "{}", own.cookie());
    app.finish().await;
}

#[tokio::test]
async fn a_valid_cookie_is_found_among_forged_ones() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let name = format!("ashna_{}", app.site.id);
    let good = visitor.cookie.take().unwrap();
    visitor.cookie = Some(format!("{name}=planted; {name}=v1....; {good}"));
    let before = std::mem::replace(&mut visitor.id, app.visitor().id);
    assert_eq!(visitor.views("/b").await.json()["visitor"], before);
    visitor.cookie = Some(format!("{}; {good}", vec![format!("{name}=x"); 2000].join("; ")));
    assert_eq!(visitor.views("/c").await.status, 204, "too many cookies are ignored");
    assert_eq!(app.stored(VISITORS).await, sorted([&before, &visitor.id]));
    app.finish().await;
}

#[tokio::test]
async fn a_rotated_key_still_verifies_and_a_removed_one_does_not() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let first = visitor.id.clone();
    let old_cookie = visitor.cookie.clone();
    visitor.id = app.visitor().id;
    assert_eq!(app.operates(Operation::RotateCookieKey { forget_old: false }).await["keys"], 2);
    let answer = visitor.views("/a").await;
    assert_eq!(answer.json()["visitor"], first, "the old key verifies");
    assert!(answer.cookie().contains(&first), "and the new one signs at once: {}", answer.cookie());
    assert_eq!(visitor.views("/b").await.cookie(), "");

    assert_eq!(app.operates(Operation::RotateCookieKey { forget_old: true }).await["keys"], 1);
    let mut thief = app.visitor();
    thief.cookie = old_cookie;
    let answer = thief.views("/").await;
    assert_eq!(answer.status, 204, "a removed key is no error: the proposed id is used");
    assert!(answer.cookie().contains(&thief.id), "{}", answer.cookie());
    assert_eq!(app.stored(VISITORS).await, sorted([&first, &thief.id]));
    app.finish().await;
}

#[tokio::test]
async fn one_id_on_two_sites_is_two_visitors() {
    let app = TestApp::start().await;
    let elsewhere = app.another_site().await;
    let admin = app.with_key_of(&elsewhere, Scope::Admin).await;
    let offer = json!({ "id": "known", "slot": "hero", "when": { "field": "pageviews", "op": "gte", "value": 1 } });
    let path = format!("/api/v1/sites/{}/offers", elsewhere.id);
    assert_eq!(admin.post(&path, offer).await.status, 201);
    let mut visitor = app.visitor();
    visitor.views("/").await;
    visitor.key.clone_from(&elsewhere.write_key);
    assert_eq!(visitor.decides(&["hero"]).await["decisions"], json!({}), "events of one site are unknown on the other");
    assert!(
        visitor.views("/").await.cookie().starts_with(&format!("ashna_{}=", elsewhere.id)),
        "nor is the cookie one"
    );
    assert_eq!(visitor.decides(&["hero"]).await["decisions"]["hero"]["offer"], "known");
    app.finish().await;
}

#[tokio::test]
async fn the_command_rotates_keys_with_and_without_a_running_service() {
    let client = reqwest::Client::new();
    let mut service = Service::new(&[]);
    let rotated = |service: &Service, arguments: &[&str]| service.command(arguments)["keys"].clone();
    assert_eq!(rotated(&service, &["cookie-key", "rotate"]), 2, "the first key still verifies");
    service.start();
    service.ready(&client).await;
    assert_eq!(rotated(&service, &["cookie-key", "rotate"]), 3);
    service.kill();
    assert_eq!(rotated(&service, &["cookie-key", "rotate"]), 4, "keys survive a restart");
    assert_eq!(rotated(&service, &["cookie-key", "rotate", "--forget-old"]), 1);
}

#[tokio::test]
async fn sdk_ids_can_be_any_text() {
    let app = TestApp::start().await;
    let server = app.api();
    let ids = ["a\u{0}b", "شناسه", " 😀 ", "<script>", &"x".repeat(5000), "7"];
    for id in ids {
        let call = json!({ "writeKey": app.site.write_key, "event": "x", "anonymousId": id });
        let answer = server.post("/v1/track", call).await;
        assert_eq!((answer.status, answer.outcome()), (200, "kept=1, dropped=0, rejected=0"), "{id:.20}");
    }
    assert_eq!(app.stored(VISITORS).await.len(), ids.len(), "each names one visitor");
    app.finish().await;
}

#[tokio::test]
async fn knowing_a_user_id_does_not_grant_its_identity() {
    let app = TestApp::start().await;
    let call = json!({ "event": "x", "userId": "u-1" });
    let server = app.with_key(Scope::Server).await;
    assert_eq!(server.post("/v1/track", call.clone()).await.status, 200);
    let mut claim = call;
    claim["writeKey"] = app.site.write_key.clone().into();
    assert_eq!(app.api().post("/v1/track", claim).await.status, 200);
    assert_eq!(
        app.stored("SELECT concat(user_id, ' ', toString(user_verified)) FROM events ORDER BY user_verified").await,
        ["u-1 false", "u-1 true"]
    );
    assert_eq!(app.stored(VISITORS).await.len(), 2, "an unverified claim does not change the server's identity data");
    app.finish().await;
}

#[tokio::test]
async fn without_consent_visitors_are_anonymous_and_cookies_are_not_used() {
    let app = TestApp::start().await;
    let mut known = app.visitor();
    known.views("/").await;

    let refuses_by_signal = |mut visitor: TestVisitor| {
        visitor.headers.push(("sec-gpc", "1"));
        visitor
    };
    let refuses_in_words = |mut visitor: TestVisitor| {
        visitor.extra = json!({ "consent": { "analytics": false, "personalization": false } });
        visitor
    };
    let with_a_cookie = refuses_by_signal(known.clone());
    for mut visitor in [refuses_by_signal(app.visitor()), refuses_in_words(app.visitor()), with_a_cookie] {
        let answer = visitor.views("/").await;
        assert_eq!((answer.status, answer.cookie(), answer.text.as_str()), (204, "", ""));
        let answer = visitor.sends(json!([{ "type": "identify", "userId": "u-1" }])).await;
        assert_eq!(answer.outcome(), "kept=0, dropped=1 (no_consent=1), rejected=0");
    }
    app.changes_site(json!({ "consent_default": "denied" })).await;
    assert_eq!(app.visitor().views("/").await.cookie(), "", "no consent was given");
    let mut agrees = app.visitor();
    agrees.extra = json!({ "consent": { "analytics": true } });
    assert_ne!(agrees.views("/").await.cookie(), "");
    assert_eq!(app.stored(VISITORS).await, sorted([ANONYMOUS, &known.id, &agrees.id]));
    assert_eq!(app.stored("SELECT toString(countIf(visitor = 0)) FROM events").await, ["4"]);
    app.finish().await;
}

#[tokio::test]
async fn a_reset_creates_a_new_id_and_ignores_the_old_cookie() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let old = std::mem::replace(&mut visitor.id, app.visitor().id);
    visitor.extra = json!({ "reset": true });
    let answer = visitor.views("/").await;
    assert_eq!(answer.status, 204);
    assert!(answer.cookie().contains(&visitor.id) && !answer.cookie().contains(&old), "{}", answer.cookie());
    visitor.extra = json!({});
    visitor.views("/").await;
    assert_eq!(app.stored(VISITORS).await, sorted([&old, &visitor.id]));
    app.finish().await;
}

#[tokio::test]
async fn parallel_first_requests_with_one_proposed_id_agree() {
    let app = TestApp::start().await;
    let first = app.visitor();
    let requests = (0..12).map(|n| {
        let mut tab = first.clone();
        async move {
            if n % 3 == 0 {
                assert_eq!(tab.decides(&[]).await["visitor"], tab.id);
            } else {
                let answer = tab.views(&format!("/{n}")).await;
                assert!(answer.status == 204 && answer.cookie().contains(&tab.id), "{answer:?}");
            }
        }
    });
    futures_util::future::join_all(requests).await;
    assert_eq!(app.stored(VISITORS).await, [first.id]);
    app.finish().await;
}

#[tokio::test]
async fn the_cookie_is_not_rewritten_with_every_answer() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    assert_ne!(visitor.views("/a").await.cookie(), "");
    assert_eq!(visitor.views("/b").await.cookie(), "");
    assert_eq!(app.stored("SELECT toString(uniq(session_start)) FROM events").await, ["1"], "one session");
    app.finish().await;
}

#[tokio::test]
async fn the_pixel_uses_the_same_cookie() {
    let app = TestApp::start().await;
    let mut visitor = app.visitor();
    visitor.views("/").await;
    let path = format!("/px.gif?key={}&url=https%3A%2F%2Fshop.example%2Fplain", app.site.write_key);
    assert_eq!(Answer::to(visitor.request(Method::GET, &path)).await.status, 200);
    assert_eq!(app.stored(VISITORS).await, [visitor.id]);
    app.finish().await;
}
