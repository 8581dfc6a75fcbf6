//! Users: list, invite, change, remove; sessions and passwords; visible sites and permissions.

use ashna::{
    control::{Membership, Role, Scope},
    model::SiteId,
    tasks::AbortOnDrop,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinSet,
};

use crate::support::{
    app::{TestApp, these_days},
    client::ApiClient,
};

const PASSWORD: &str = "another long one";

async fn user_id(owner: &ApiClient, email: &str) -> i64 {
    let users = owner.get("/api/v1/users").await.json();
    let found = users["users"].as_array().unwrap().iter().find(|user| user["email"] == email).cloned();
    found.unwrap_or_else(|| panic!("{email} in {users}"))["id"].as_i64().unwrap()
}

fn token(link: &Value) -> String {
    link.as_str().unwrap().split("#token=").nth(1).unwrap().to_owned()
}

#[tokio::test]
async fn an_invitation_creates_one_account_and_can_be_revoked() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    let body = json!({ "email": "new@shop.example", "role": "marketer", "sites": [app.site.id], "masked": true });
    let made = owner.post("/api/v1/invitations", body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let first = made.json();
    assert_eq!(first["mailed"], false);
    let link = first["link"].as_str().unwrap();
    assert!(link.starts_with(&format!("{}/dashboard/invitation#token=", app.url)), "{link}");
    let second = owner.post("/api/v1/invitations", body).await.json();
    let open = |link: &Value| format!("/api/v1/invitations/{}", token(link));
    app.api().get(&open(&first["link"])).await.refuses(404, "not_found");
    let shown = app.api().get(&open(&second["link"])).await.json();
    assert_eq!(shown, json!({ "email": "new@shop.example", "role": "marketer" }));
    app.api().post(&open(&second["link"]), json!({ "password": "password" })).await.refuses(422, "invalid");

    let mut rush = JoinSet::new();
    for _ in 0..12 {
        let (api, path) = (app.api(), open(&second["link"]));
        rush.spawn(async move { api.post(&path, json!({ "password": PASSWORD })).await });
    }
    let answers = rush.join_all().await;
    let accepted: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(accepted.len(), 1, "{answers:?}");
    assert!(answers.iter().all(|answer| matches!(answer.status, 201 | 404)), "{answers:?}");
    let user = &accepted[0].json()["user"];
    assert_eq!(
        (&user["role"], &user["masked"], &user["sites"]),
        (&json!("marketer"), &json!(true), &json!([app.site.id]))
    );
    let cookie = accepted[0].cookie().split(';').next().unwrap().to_owned();
    assert_eq!(app.api().with_header("cookie", cookie).get("/api/v1/session").await.status, 200);
    app.api().logs_in("new@shop.example", PASSWORD).await;

    let other = json!({ "email": "other@shop.example", "role": "viewer" });
    let other = owner.post("/api/v1/invitations", other).await.json();
    let listed = owner.get("/api/v1/users").await.json();
    assert_eq!((listed["users"].as_array().unwrap().len(), listed["invitations"].as_array().unwrap().len()), (2, 1));
    assert!(!listed.to_string().contains("argon2") && !listed.to_string().contains(&token(&other["link"])));
    assert_eq!(owner.delete(&format!("/api/v1/invitations/{}", other["id"])).await.status, 204);
    app.api().get(&open(&other["link"])).await.refuses(404, "not_found");
    for bad in [
        json!({ "email": "not-an-email", "role": "viewer" }),
        json!({ "email": "a@b.example", "role": "king" }),
        json!({ "email": "a@b.example", "role": "viewer", "sites": [99] }),
        json!({ "email": "a@b.example", "role": "owner", "masked": true }),
    ] {
        owner.post("/api/v1/invitations", bad).await.refuses(422, "invalid");
    }
    app.finish().await;
}

#[tokio::test]
async fn an_invitation_is_mailed_if_smtp_is_configured() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut server = AbortOnDrop::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (reading, mut writing) = stream.into_split();
        let mut lines = BufReader::new(reading).lines();
        writing.write_all(b"220 mail.example ESMTP\r\n").await.unwrap();
        let (mut mail, mut in_body) = (String::new(), false);
        while let Ok(Some(line)) = lines.next_line().await {
            let answer = match line.as_str() {
                "." if in_body => {
                    in_body = false;
                    "250 taken\r\n"
                }
                _ if in_body => {
                    mail.push_str(&line);
                    mail.push('\n');
                    continue;
                }
                "DATA" => {
                    in_body = true;
                    "354 go on\r\n"
                }
                "QUIT" => break,
                _ => "250 fine\r\n",
            };
            writing.write_all(answer.as_bytes()).await.unwrap();
            if answer.contains("taken") {
                break;
            }
        }
        mail
    });
    let app = TestApp::with(|config| {
        config.smtp.url = format!("smtp://127.0.0.1:{port}").into();
        config.smtp.from = "Ashna <ashna@shop.example>".into();
        config.server.public_url = "https://ashna.shop.example".into();
    })
    .await;
    let owner = app.with_login(Role::Owner).await;
    let made = owner.post("/api/v1/invitations", json!({ "email": "new@shop.example", "role": "viewer" })).await.json();
    assert_eq!(made["mailed"], true, "{made}");
    let mail = server.join().await.replace("=\n", "").replace("=3D", "=");
    assert!(mail.contains(made["link"].as_str().unwrap()), "{mail}");
    assert!(made["link"].as_str().unwrap().starts_with("https://ashna.shop.example/dashboard/"), "{made}");
    let again = owner.post("/api/v1/invitations", json!({ "email": "b@shop.example", "role": "viewer" })).await.json();
    assert_eq!(again["mailed"], false, "the server is down; the link is returned anyway");
    app.finish().await;
}

#[tokio::test]
async fn access_is_revoked_at_once_and_an_owner_always_remains() {
    let app = TestApp::start().await;
    let owner = app.with_login(Role::Owner).await;
    let marketer = app.with_login(Role::Marketer).await;
    let me = user_id(&owner, "owner@shop.example").await;
    let theirs = format!("/api/v1/users/{}", user_id(&owner, "marketer@shop.example").await);
    for refused in [
        marketer.get("/api/v1/users").await,
        marketer.patch(&theirs, json!({ "role": "owner" })).await,
        marketer.post("/api/v1/invitations", json!({ "email": "a@b.example", "role": "owner" })).await,
        marketer.get("/api/v1/audit").await,
        marketer.get(&app.path("audit")).await,
        app.with_key(Scope::Admin).await.get("/api/v1/users").await,
    ] {
        refused.refuses(403, "forbidden");
    }
    let changed = owner.patch(&theirs, json!({ "role": "viewer" })).await.json();
    assert_eq!((&changed["role"], &changed["sites"]), (&json!("viewer"), &Value::Null));
    marketer.post(&app.path("offers"), json!({ "id": "o", "slot": "s" })).await.refuses(403, "forbidden");
    assert_eq!(owner.post(&format!("{theirs}/log-out"), json!({})).await.json()["ended"], 1);
    marketer.get("/api/v1/session").await.refuses(401, "unauthorized");
    let again = app.api().logs_in("marketer@shop.example", "long enough").await;
    assert_eq!(owner.delete(&theirs).await.status, 204);
    again.get("/api/v1/session").await.refuses(401, "unauthorized");
    owner.delete(&theirs).await.refuses(404, "not_found");
    let mine = format!("/api/v1/users/{me}");
    owner.delete(&mine).await.refuses(409, "conflict");
    owner.patch(&mine, json!({ "role": "viewer" })).await.refuses(409, "conflict");

    // Two owners who each remove the other at the same time: one of them stays.
    let second = Membership::with_all_sites(Role::Owner);
    let other = app.with_login_of("second@shop.example", &second).await;
    let theirs = format!("/api/v1/users/{}", user_id(&owner, "second@shop.example").await);
    let (one, two) = tokio::join!(owner.delete(&theirs), other.patch(&mine, json!({ "role": "viewer" })));
    let done = [one.status, two.status].iter().filter(|status| matches!(status, 200 | 204)).count();
    assert_eq!(done, 1, "{one:?} {two:?}");
    app.finish().await;
}

#[tokio::test]
async fn users_list_and_end_their_sessions_and_change_their_password() {
    let app = TestApp::start().await;
    let first = app.with_login(Role::Viewer).await;
    let agent = app.api().with_header("user-agent", "Firefox on the train");
    let second = agent.logs_in("viewer@shop.example", "long enough").await;
    let third = app.api().logs_in("viewer@shop.example", "long enough").await;
    let sessions = first.get("/api/v1/sessions").await.json()["sessions"].clone();
    let current: Vec<_> = sessions.as_array().unwrap().iter().map(|s| s["current"] == true).collect();
    assert_eq!(current.iter().filter(|current| **current).count(), 1, "{sessions}");
    let train = sessions.as_array().unwrap().iter().find(|s| s["user_agent"] == "Firefox on the train").unwrap();
    assert_eq!(train["network"], "127.0.0.0/24");
    assert_eq!(first.delete(&format!("/api/v1/sessions/{}", train["id"])).await.status, 204);
    second.get("/api/v1/session").await.refuses(401, "unauthorized");
    let owner = app.with_login(Role::Owner).await;
    let foreign = owner.get("/api/v1/sessions").await.json()["sessions"][0]["id"].clone();
    first.delete(&format!("/api/v1/sessions/{foreign}")).await.refuses(404, "not_found");

    let wrong = json!({ "current": "not this one", "new": PASSWORD });
    first.put("/api/v1/session/password", wrong).await.refuses(401, "bad_credentials");
    let right = json!({ "current": "long enough", "new": PASSWORD });
    assert_eq!(first.put("/api/v1/session/password", right).await.status, 204);
    third.get("/api/v1/session").await.refuses(401, "unauthorized");
    assert_eq!(first.get("/api/v1/session").await.status, 200, "the session that changed it remains");
    app.api().logs_in("viewer@shop.example", PASSWORD).await;
    assert_eq!(first.delete("/api/v1/sessions").await.json()["ended"], 1);
    assert_eq!(first.delete("/api/v1/sessions?all=true").await.json()["ended"], 1);
    first.get("/api/v1/session").await.refuses(401, "unauthorized");
    app.finish().await;
}

#[tokio::test]
async fn members_of_one_site_cannot_see_other_sites() {
    let app = TestApp::start().await;
    let other = app.another_site().await;
    let owner = app.with_login(Role::Owner).await;
    let membership = Membership { role: Role::Marketer, sites: Some([app.site.id].into()), masked: false };
    let member = app.with_login_of("member@shop.example", &membership).await;
    let theirs = format!("/api/v1/sites/{}", other.id);
    for path in ["", "/items", "/offers", "/funnels", "/schema", "/feed", "/rates", "/recommendations"] {
        member.get(&format!("{theirs}{path}")).await.refuses(404, "not_found");
    }
    member.post(&format!("{theirs}/reports/overview"), these_days()).await.refuses(404, "not_found");
    member.patch(&theirs, json!({ "name": "Mine" })).await.refuses(404, "not_found");
    member.post(&format!("{theirs}/offers"), json!({ "id": "o", "slot": "s" })).await.refuses(404, "not_found");
    for listed in
        [member.get("/api/v1/sites").await.json(), member.get("/api/v1/session").await.json()["sites"].clone()]
    {
        let ids: Vec<_> = listed.as_array().unwrap().iter().map(|site| site["id"].clone()).collect();
        assert_eq!(ids, [json!(app.site.id)]);
    }
    assert_eq!(member.post(&app.path("offers"), json!({ "id": "o", "slot": "s" })).await.status, 201);
    assert_eq!(owner.get("/api/v1/sites").await.json().as_array().unwrap().len(), 2);

    let id = user_id(&owner, "member@shop.example").await;
    let path = format!("/api/v1/users/{id}");
    assert_eq!(owner.patch(&path, json!({ "sites": [other.id] })).await.json()["sites"], json!([other.id]));
    member.get(&app.path("items")).await.refuses(404, "not_found");
    assert_eq!(member.get(&format!("{theirs}/items")).await.status, 200);
    assert_eq!(
        owner.patch(&path, json!({ "sites": [] })).await.json()["sites"],
        json!([]),
        "an empty list is not all sites"
    );
    assert_eq!(member.get("/api/v1/sites").await.json(), json!([]));
    owner.patch(&path, json!({ "sites": [99] })).await.refuses(422, "invalid");
    assert_eq!(owner.patch(&path, json!({ "sites": null })).await.json()["sites"], Value::Null);
    assert_eq!(member.get("/api/v1/sites").await.json().as_array().unwrap().len(), 2);
    app.finish().await;
}

#[tokio::test]
async fn marketers_cannot_change_privacy_settings() {
    let app = TestApp::start().await;
    let marketer = app.with_login(Role::Marketer).await;
    let owner = app.with_login(Role::Owner).await;
    let path = format!("/api/v1/sites/{}", app.site.id);
    let trust = [
        json!({ "origins": ["https://evil.example"] }),
        json!({ "robots": "keep" }),
        json!({ "consent_default": "denied" }),
        json!({ "honour_gpc": false }),
        json!({ "known_by": "daily_hash" }),
        json!({ "without_consent": "nothing" }),
        json!({ "events_per_second_max": 7 }),
    ];
    for change in &trust {
        marketer.patch(&path, change.clone()).await.refuses(403, "forbidden");
    }
    let now = marketer.get(&path).await.json();
    let mut same = json!({ "name": "Renamed", "currency": "USD" });
    for field in ["origins", "robots", "consent_default", "honour_gpc", "known_by", "without_consent"] {
        same[field] = now[field].clone();
    }
    assert_eq!(marketer.patch(&path, same).await.status, 200, "unchanged values are allowed");
    let visitor = app.path("visitors/000000000000000000000000000000ff");
    marketer.delete(&visitor).await.refuses(403, "forbidden");
    marketer.get(&app.path("secret")).await.refuses(403, "forbidden");
    marketer.get(&app.path("keys")).await.refuses(403, "forbidden");
    for change in trust {
        assert_eq!(owner.patch(&path, change.clone()).await.status, 200, "{change}");
    }
    assert_eq!(app.with_key(Scope::Admin).await.patch(&path, json!({ "robots": "drop" })).await.status, 200);
    app.finish().await;
}

#[tokio::test]
async fn members_of_a_removed_site_do_not_gain_all_sites() {
    let app = TestApp::start().await;
    let other = app.another_site().await;
    let owner = app.with_login(Role::Owner).await;
    let membership = Membership { role: Role::Viewer, sites: Some([SiteId(other.id.0)].into()), masked: false };
    let member = app.with_login_of("member@shop.example", &membership).await;
    let path = format!("/api/v1/sites/{}?name=Another%20shop", other.id);
    assert_eq!(owner.delete(&path).await.status, 204);
    assert_eq!(member.get("/api/v1/sites").await.json(), json!([]));
    member.get(&app.path("items")).await.refuses(404, "not_found");
    app.finish().await;
}
