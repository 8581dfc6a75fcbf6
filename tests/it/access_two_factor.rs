//! Two-factor authentication: one-time codes, recovery codes, resets.

use ashna::{
    clock,
    control::Role,
    operate::{Operation, UserOperation},
};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::support::{app::TestApp, client::ApiClient};

const PASSWORD: &str = "long enough";

/// The code of a secret, `steps` time steps from now.
fn code(secret: &str, steps: i64) -> String {
    let totp = Builder::new().with_secret(Secret::try_from_base32(secret).unwrap()).build().unwrap();
    totp.generate(u64::try_from(clock::now().0 / 1000 + steps * 30).unwrap()).to_string()
}

fn login(code: Option<&str>) -> Value {
    json!({ "email": "owner@shop.example", "password": PASSWORD, "code": code })
}

/// Enables it; returns the secret and the recovery codes.
async fn turns_on(owner: &ApiClient) -> (String, Vec<String>) {
    let path = "/api/v1/session/two-factor";
    owner.post(path, json!({ "password": "not this one" })).await.refuses(401, "bad_credentials");
    let begun = owner.post(path, json!({ "password": PASSWORD })).await.json();
    let secret = begun["secret"].as_str().unwrap().to_owned();
    assert!(begun["otpauth_url"].as_str().unwrap().contains(&secret), "{begun}");
    assert_eq!(
        owner.get("/api/v1/session").await.json()["user"]["two_factor"],
        false,
        "not enabled before a code is confirmed"
    );
    owner.put(path, json!({ "code": "000000x" })).await.refuses(401, "bad_code");
    let on = owner.put(path, json!({ "code": code(&secret, -1) })).await;
    assert_eq!(on.status, 200, "{}", on.text);
    let codes: Vec<String> = serde_json::from_value(on.json()["recovery_codes"].clone()).unwrap();
    assert_eq!(codes.len(), 10);
    (secret, codes)
}

#[tokio::test]
async fn a_code_is_required_and_works_once() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    let (secret, codes) = turns_on(&owner).await;
    let user = owner.get("/api/v1/session").await.json()["user"].clone();
    assert_eq!((&user["two_factor"], &user["recovery_codes_left"]), (&json!(true), &json!(10)));
    owner.post("/api/v1/session/two-factor", json!({ "password": PASSWORD })).await.refuses(409, "conflict");

    let api = app.api();
    for none in [None, Some(""), Some("  ")] {
        api.post("/api/v1/session", login(none)).await.refuses(401, "code_needed");
    }
    let wrong = json!({ "email": "owner@shop.example", "password": "wrong password", "code": code(&secret, 0) });
    api.post("/api/v1/session", wrong).await.refuses(401, "bad_credentials");
    api.post("/api/v1/session", login(Some("12345"))).await.refuses(401, "bad_code");
    // A time step may pass between generating and sending a code; the next code is valid too.
    let next = code(&secret, 1);
    let answer = api.post("/api/v1/session", login(Some(&next))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    api.post("/api/v1/session", login(Some(&next))).await.refuses(401, "bad_code");
    api.post("/api/v1/session", login(Some(&code(&secret, 0)))).await.refuses(401, "bad_code");

    let typed = codes[3].to_uppercase().replace('-', " ");
    assert_eq!(api.post("/api/v1/session", login(Some(&typed))).await.status, 200);
    api.post("/api/v1/session", login(Some(&codes[3]))).await.refuses(401, "bad_code");
    assert_eq!(owner.get("/api/v1/session").await.json()["user"]["recovery_codes_left"], 9);
    let with = |code: &str| json!({ "password": PASSWORD, "code": code });
    let fresh = owner.post("/api/v1/session/recovery-codes", with(&codes[4])).await.json();
    assert_eq!(fresh["recovery_codes"].as_array().unwrap().len(), 10);
    api.post("/api/v1/session", login(Some(&codes[5]))).await.refuses(401, "bad_code");

    let path = "/api/v1/session/two-factor";
    let off = |code: &str| with(code).to_string();
    owner.sends(reqwest::Method::DELETE, path, off("000000")).await.refuses(401, "bad_code");
    let last = fresh["recovery_codes"][0].as_str().unwrap();
    assert_eq!(owner.sends(reqwest::Method::DELETE, path, off(last)).await.status, 204);
    assert_eq!(api.post("/api/v1/session", login(None)).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn wrong_codes_are_limited_like_wrong_passwords() {
    let app = TestApp::with(|config| config.access.login_failures_max = 3).await;
    let owner = app.with_login(Role::Owner).await;
    let (secret, codes) = turns_on(&owner).await;
    // The wrong password of a logged-in user while enabling it is counted separately.
    for _ in 0..3 {
        app.api().post("/api/v1/session", login(Some("999999x"))).await.refuses(401, "bad_code");
    }
    app.api().post("/api/v1/session", login(Some(&code(&secret, 1)))).await.refuses(429, "too_many");
    let with = |code: &str| json!({ "password": PASSWORD, "code": code }).to_string();
    for _ in 0..2 {
        let off = owner.sends(reqwest::Method::DELETE, "/api/v1/session/two-factor", with("nonsense")).await;
        off.refuses(401, "bad_code");
    }
    let off = owner.sends(reqwest::Method::DELETE, "/api/v1/session/two-factor", with(&codes[0])).await;
    off.refuses(429, "too_many");
    app.finish().await;
}

#[tokio::test]
async fn a_lost_device_is_reset_by_another_owner_or_on_the_command_line() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    turns_on(&owner).await;
    app.api().post("/api/v1/session", login(None)).await.refuses(401, "code_needed");
    app.operates(Operation::Users(UserOperation::ResetTwoFactor { user: "OWNER@shop.example".into() })).await;
    assert_eq!(app.api().post("/api/v1/session", login(None)).await.status, 200);
    turns_on(&owner).await;
    let second = ashna::control::Membership::with_all_sites(Role::Owner);
    let second = app.with_login_of("second@shop.example", &second).await;
    let id = owner.get("/api/v1/session").await.json()["user"]["id"].clone();
    let reset = format!("/api/v1/users/{id}/reset-two-factor");
    assert_eq!(second.post(&reset, json!({})).await.status, 204);
    assert_eq!(app.api().post("/api/v1/session", login(None)).await.status, 200);
    app.finish().await;
}
