//! Users, keys, sites and the audit log from the command line, with and without a running service.

use std::fs;

use serde_json::{Value, json};

use crate::service::{Service, ashna, refusal};

/// A command that reads a password.
fn with_password(service: &Service, arguments: &[&str], password: &str) -> std::process::Output {
    let data = service.data().to_str().unwrap();
    ashna(&[arguments, &["--password-stdin", "--json", "--data-dir", data]].concat(), password.as_bytes())
}

async fn logs_in(service: &Service, client: &reqwest::Client, email: &str, password: &str) -> (u16, Value) {
    let body = json!({ "email": email, "password": password }).to_string();
    let answer = client.post(format!("{}/api/v1/session", service.url())).body(body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn users_keys_and_sites_are_managed_from_the_command_line() {
    let client = reqwest::Client::new();
    let mut service = Service::new(&[]).set("ASHNA__CLICKHOUSE__URL", "http://127.0.0.1:1");
    service.start();
    service.ready(&client).await;
    let site =
        service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"])["site_id"].clone();
    let site = site.to_string();
    let owner = ["user", "add", "--email", "Owner@shop.example", "--role", "owner"];
    assert!(refusal(&with_password(&service, &owner, "password")).contains("guessed"));
    assert!(with_password(&service, &owner, "long enough\n").status.success());
    let viewer = ["user", "add", "--email", "v@shop.example", "--role", "viewer", "--site", &site, "--masked"];
    assert!(with_password(&service, &viewer, "long enough").status.success());
    let listed = service.command(&["user", "list"]);
    let shown: Vec<_> =
        listed["users"].as_array().unwrap().iter().map(|u| (&u["email"], &u["sites"], &u["masked"])).collect();
    let ids = json!([site.parse::<u32>().unwrap()]);
    assert_eq!(
        shown,
        [(&json!("Owner@shop.example"), &Value::Null, &json!(false)), (&json!("v@shop.example"), &ids, &json!(true))]
    );
    assert_eq!(logs_in(&service, &client, "owner@shop.example", "long enough").await.0, 200);

    let role = ["user", "role", "--email", "v@shop.example", "--role", "marketer", "--all-sites", "--masked", "false"];
    let changed = service.command(&role);
    assert_eq!(
        (&changed["role"], &changed["sites"], &changed["masked"]),
        (&json!("marketer"), &Value::Null, &json!(false))
    );
    assert!(
        with_password(&service, &["user", "password", "--email", "v@shop.example"], "another password")
            .status
            .success()
    );
    assert_eq!(logs_in(&service, &client, "v@shop.example", "long enough").await.0, 401);
    assert_eq!(logs_in(&service, &client, "v@shop.example", "another password").await.0, 200);
    assert_eq!(service.command(&["user", "log-out", "--email", "v@shop.example"])["ended"], 1);
    service.command(&["user", "reset-totp", "--email", "v@shop.example"]);
    service.command(&["user", "remove", "--email", "v@shop.example"]);
    let again = service.tries(&["user", "remove", "--email", "v@shop.example"]);
    assert!(refusal(&again).contains("no such user"), "{}", refusal(&again));
    let last = service.tries(&["user", "remove", "--email", "owner@shop.example"]);
    assert!(refusal(&last).contains("last owner"), "{}", refusal(&last));
    let invited = service.command(&["user", "invite", "--email", "n@shop.example", "--role", "viewer"]);
    assert!(invited["link"].as_str().unwrap().starts_with(&service.url()), "{invited}");

    let made = service.command(&["key", "add", "--site", &site, "--scope", "admin", "--name", "ERP"]);
    let key = format!("Bearer {}", made["key"].as_str().unwrap());
    let ask = || client.get(format!("{}/api/v1/sites", service.url())).header("authorization", &key).send();
    assert_eq!(ask().await.unwrap().status(), 200);
    let id = service.command(&["key", "list", "--site", &site])["keys"][0]["id"].to_string();
    service.command(&["key", "revoke", "--site", &site, "--key", &id]);
    assert_eq!(ask().await.unwrap().status(), 401);
    let wrong = service.tries(&["site", "remove", "--site", &site, "--name", "shop"]);
    assert!(refusal(&wrong).contains("exact name"), "{}", refusal(&wrong));
    service.command(&["site", "remove", "--site", &site, "--name", "Shop"]);
    assert_eq!(service.command(&["site", "list"]), json!([]));
    let audit = service.command(&["audit", "list", "--limit", "500"]);
    let done: Vec<_> = audit["entries"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    for action in [
        "add site",
        "add user",
        "change user",
        "set password",
        "remove user",
        "invite user",
        "add key",
        "revoke key",
        "remove site",
        "log in",
        "failed login",
    ] {
        assert!(done.contains(&action), "{action} in {done:?}");
    }
    assert!(!audit.to_string().contains("another password"), "no password anywhere");

    service.kill();
    let config = service.data().join("test.toml");
    fs::write(&config, "[clickhouse]\nurl = \"http://127.0.0.1:1\"\n").unwrap();
    let alone = ["user", "list", "--config", config.to_str().unwrap()];
    assert_eq!(service.command(&alone)["users"][0]["email"], "Owner@shop.example");
}
