//! Login: limits on parallel and distributed guesses, known browsers, audit of failures, session cookies.

use ashna::{
    control::{Membership, Role},
    tasks::AbortOnDrop,
};
use reqwest::header::SET_COOKIE;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::{
    app::TestApp,
    client::{Answer, ApiClient},
};

const EMAIL: &str = "owner@shop.example";
const PASSWORD: &str = "long enough";

fn login(password: &str) -> Value {
    json!({ "email": EMAIL, "password": password })
}

/// All cookies of an answer, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let all = answer.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    all.map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

/// A browser in which the owner logged in before, now logged out.
fn known_browser(app: &TestApp, logged_in: &Answer) -> ApiClient {
    let device = cookies(logged_in).split("; ").find(|cookie| cookie.starts_with("ashna_device=")).unwrap().to_owned();
    app.api().with_header("cookie", device)
}

/// Sends attempts in parallel; returns how many were checked (401) and how many refused (429).
async fn at_once(attempts: impl Iterator<Item = (ApiClient, Value)>) -> (usize, usize) {
    let mut all = JoinSet::new();
    for (api, body) in attempts {
        all.spawn(async move { api.post("/api/v1/session", body).await.status });
    }
    let statuses = all.join_all().await;
    let of = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!(of(401) + of(429), statuses.len(), "{statuses:?}");
    (of(401), of(429))
}

#[tokio::test]
async fn parallel_guesses_are_limited_and_a_known_browser_still_logs_in() {
    let app = TestApp::start().await;
    app.with_login(Role::Owner).await;
    let mine = app.api().post("/api/v1/session", login(PASSWORD)).await;
    let mine = known_browser(&app, &mine);
    let mut guessing = AbortOnDrop::spawn({
        let api = app.api();
        async move { at_once((0..300).map(|n| (api.clone(), login(&format!("guess number {n}"))))).await }
    });
    for _ in 0..3 {
        let answer = mine.post("/api/v1/session", login(PASSWORD)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    assert_eq!(guessing.join().await, (10, 290));
    app.api().post("/api/v1/session", login(PASSWORD)).await.refuses(429, "too_many");
    assert_eq!(mine.post("/api/v1/session", login(PASSWORD)).await.status, 200, "a known browser has its own limit");
    for _ in 0..10 {
        mine.post("/api/v1/session", login("wrong password")).await.refuses(401, "bad_credentials");
    }
    mine.post("/api/v1/session", login(PASSWORD)).await.refuses(429, "too_many");
    app.finish().await;
}

#[tokio::test]
async fn guesses_are_limited_across_addresses_and_accounts() {
    let app = TestApp::with(|config| {
        config.server.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        config.access.login_failures_max = 3;
    })
    .await;
    app.with_login(Role::Owner).await;
    let from = |address: String| app.api().with_header("x-forwarded-for", address);
    let (looked_at, _) = at_once((0..40).map(|n| (from(format!("2001:db8:1:2::{n:x}")), login("a wrong one")))).await;
    assert_eq!(looked_at, 3, "one network");
    let (looked_at, _) = at_once((0..40).map(|n| (from(format!("10.{n}.0.1")), login("a wrong one")))).await;
    assert_eq!(looked_at, 0, "the limit of the account counts all addresses");
    let at = |n: u32| json!({ "email": format!("unknown{n}@shop.example"), "password": "a wrong one" });
    let (looked_at, _) = at_once((0..40).map(|n| (from("192.0.2.7".into()), at(n)))).await;
    assert!((8..=9).contains(&looked_at), "one address at all accounts: {looked_at}");
    let (looked_at, _) = at_once((0..60).map(|n| (from(format!("2001:db8:7:{n:x}::1")), at(100 + n)))).await;
    assert!((25..=30).contains(&looked_at), "one /48 at all accounts: {looked_at}");
    app.finish().await;
}

#[tokio::test]
async fn failed_logins_are_counted_and_grouped_in_the_audit_log() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    for _ in 0..5 {
        app.api().post("/api/v1/session", login("wrong password")).await.refuses(401, "bad_credentials");
    }
    let audit = owner.get("/api/v1/audit").await.json();
    let failed: Vec<_> =
        audit["entries"].as_array().unwrap().iter().filter(|e| e["action"] == "failed login").collect();
    let shown: Vec<_> = failed.iter().map(|e| (e["who"].as_str().unwrap(), e["subject"].as_str().unwrap())).collect();
    assert_eq!(shown, [(EMAIL, "4 from 127.0.0.0/24"), (EMAIL, "1 from 127.0.0.0/24")], "{audit}");
    let outcome = |outcome: &str| format!("logins_total{{outcome=\"{outcome}\"}}");
    assert_eq!(app.metric(&outcome("bad_credentials")), 5);
    assert_eq!(app.metric(&outcome("done")), 1);
    app.finish().await;
}

#[tokio::test]
async fn a_duplicate_session_cookie_hides_no_login_and_tls_uses_the_host_prefix() {
    let app = TestApp::start().await;
    app.with_login(Role::Owner).await;
    let plain = app.api().post("/api/v1/session", login(PASSWORD)).await;
    let token = cookies(&plain).split("; ").next().unwrap().to_owned();
    assert!(token.starts_with("ashna_session="), "{token}");
    for shadowed in [format!("ashna_session=bad; {token}"), format!("{token}; ashna_session=bad")] {
        assert_eq!(app.api().with_header("cookie", shadowed).get("/api/v1/session").await.status, 200);
    }
    let many = "ashna_session=bad; ".repeat(8);
    app.api().with_header("cookie", format!("{many}{token}")).get("/api/v1/session").await.refuses(401, "unauthorized");

    let safe = app.api().with_header("x-forwarded-proto", "https").post("/api/v1/session", login(PASSWORD)).await;
    for cookie in safe.headers.get_all(SET_COOKIE) {
        let cookie = cookie.to_str().unwrap();
        assert!(cookie.starts_with("__Host-ashna_"), "{cookie}");
        assert!(cookie.contains("Secure") && cookie.contains("HttpOnly") && cookie.contains("Path=/"), "{cookie}");
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    let both = app.api().with_header("cookie", format!("ashna_session=bad; {}", cookies(&safe)));
    assert_eq!(both.get("/api/v1/session").await.status, 200);
    let out = both.with_header("x-forwarded-proto", "https").delete("/api/v1/session").await;
    assert_eq!(out.headers.get_all(SET_COOKIE).iter().count(), 2, "cookies of both names are cleared");
    app.finish().await;
}

#[tokio::test]
async fn emails_are_case_insensitive_in_every_script_and_common_passwords_are_refused() {
    let app = TestApp::start().await;
    let all = Membership::with_all_sites(Role::Viewer);
    app.with_login_of("Änne.ΣΟΦΙΑΣ@shop.example", &all).await;
    app.api().logs_in("äNNE.σοφιας@SHOP.example", PASSWORD).await;
    let owner = app.with_login(Role::Owner).await;
    let invite = json!({ "email": "änne.σοφίας@shop.example", "role": "viewer" });
    assert_eq!(owner.post("/api/v1/invitations", invite).await.status, 201, "an accented letter is a different one");
    let taken = json!({ "email": "ÄNNE.σοφιας@shop.example", "role": "viewer" });
    owner.post("/api/v1/invitations", taken).await.refuses(409, "conflict");
    for bad in ["12345678", "password", "        ", "owner@shop.example", "aaaaaaaaaaaa", "short"] {
        let change = json!({ "current": PASSWORD, "new": bad });
        owner.put("/api/v1/session/password", change).await.refuses(422, "invalid");
    }
    app.finish().await;
}

#[tokio::test]
async fn passwords_that_could_not_be_checked_do_not_count_as_wrong() {
    // More attempts at once than the queue of hashes takes: the rest is refused as busy.
    let app = TestApp::with(|config| config.access.login_failures_max = 40).await;
    let owner = app.with_login(Role::Owner).await;
    let path = "/api/v1/session/two-factor";
    let mut busy = 0;
    for _ in 0..4 {
        let many = (0..40).map(|_| owner.post(path, json!({ "password": "long enough" })));
        let answers = futures_util::future::join_all(many).await;
        busy += answers.iter().filter(|answer| answer.status == 503).count();
    }
    assert!(busy > 40, "only {busy} were refused as busy");
    let again = owner.post(path, json!({ "password": "long enough" })).await;
    assert_eq!(again.status, 200, "{}", again.text);
    app.finish().await;
}
