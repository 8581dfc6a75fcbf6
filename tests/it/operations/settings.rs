//! Invalid settings are refused by name before anything starts, with the same errors from `check-config` and `serve`.

use std::process::Command;

use crate::service::{ashna, refusal};

/// Runs the binary with variables in its environment.
fn with(variables: &[(&str, &str)], arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ashna"));
    command.args(arguments).envs(variables.iter().copied()).output().unwrap()
}

#[test]
fn check_config_refuses_the_same_settings_as_serve() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    let folder = folder.to_str().unwrap();
    let check = |variables: &[(&str, &str)], options: &[&str], expected: &str| {
        for command in ["serve", "check-config"] {
            let output = with(variables, &[&[command, "--data-dir", folder], options].concat());
            let message = refusal(&output);
            assert!(message.starts_with("ashna: ") && message.contains(expected), "{command}: {message}");
        }
    };
    check(&[("ASHNA__ENGINE__NICENESS", "99")], &[], "`engine.niceness` in ASHNA__ENGINE__NICENESS must be between");
    check(&[("ASHNA__ACCESS__SESSION_HOURS", "0")], &[], "must be between 1 and 87600, not 0");
    check(&[("ASHNA__SERVER__TRUSTED_PROXIES", "10.0.0.0/99")], &[], "neither an address");
    check(&[], &["--listen", "nonsense"], "`server.listen` in --listen must be an address with a port");
    check(&[], &["--clickhouse-url", "ftp://x"], "`clickhouse.url` in --clickhouse-url must be an address such as");
    check(&[], &["--log", "nonsense"], "`log.filter` in --log must be error, warn, info");
    assert!(!std::path::Path::new(folder).exists(), "nothing was started");
    let free = ["--listen", "127.0.0.1:0"];
    let missing = "clickhouse.ca_file /nowhere/ca.pem cannot be used";
    check(&[("ASHNA__CLICKHOUSE__CA_FILE", "/nowhere/ca.pem")], &free, missing);
    check(&[("ASHNA__GEO__DATABASE", "/nowhere/geo.mmdb")], &free, "/nowhere/geo.mmdb");
    check(&[("ASHNA__ENGINE__LIBRARY", "/nowhere/engine.so")], &free, "engine.library names /nowhere/engine.so");
}

#[test]
fn check_config_prints_toml_or_json_without_secrets() {
    let variables = [
        ("ASHNA__CLICKHOUSE__URL", "http://10.0.0.5:8123"),
        ("ASHNA__CLICKHOUSE__PASSWORD", "hunter2"),
        ("ASHNA__SERVER__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let output = with(&variables, &["check-config", "--listen", "127.0.0.1:4711"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(table["server"]["listen"].as_str(), Some("127.0.0.1:4711"));
    assert_eq!(table["clickhouse"]["password"].as_str(), Some("(hidden)"));
    assert!(!text.contains("hunter2"));
    for line in [
        "listen = \"127.0.0.1:4711\"  # --listen",
        "trusted_proxies = [\"127.0.0.1\"]  # ASHNA__SERVER__TRUSTED_PROXIES",
        "segment_bytes = 67108864  # default",
    ] {
        assert!(text.lines().any(|shown| shown == line), "no {line:?} in {text}");
    }
    let output = with(&variables, &["check-config", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["server"]["trusted_proxies"], serde_json::json!(["127.0.0.1"]));
    assert_eq!(json["clickhouse"]["password"], "(hidden)");
    assert_eq!(json["journal"]["segment_bytes"], 67_108_864);
    assert_eq!(json["sources"]["clickhouse.password"], "ASHNA__CLICKHOUSE__PASSWORD");
    assert_eq!(json["sources"]["journal.segment_bytes"], "default");
}

#[test]
fn a_port_in_use_error_names_the_option() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().to_str().unwrap();
    // Nothing listens there; no engine is needed.
    let elsewhere = ["--clickhouse-url", "http://127.0.0.1:9", "--data-dir", folder];
    let message = refusal(&ashna(&[&["serve", "--listen", &taken], &elsewhere[..]].concat(), b""));
    assert!(message.ends_with("it is in use by another program; choose another address with --listen"), "{message}");
    let metrics = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", &taken];
    let message = refusal(&ashna(&[&metrics[..], &elsewhere[..]].concat(), b""));
    assert!(
        message.ends_with("it is in use by another program; choose another address with --metrics-listen"),
        "{message}"
    );
}

#[test]
fn a_wrong_directory_is_refused_and_stays_as_it_is() {
    let data = tempfile::tempdir().unwrap();
    let folder = data.path().join("data");
    let message = refusal(&ashna(&["site", "list", "--data-dir", folder.to_str().unwrap()], b""));
    assert!(message.contains("there is no data in") && message.contains("--data-dir"), "{message}");
    assert!(!folder.exists());
}

#[test]
fn each_cause_of_an_error_is_reported_once() {
    let data = tempfile::tempdir().unwrap();
    std::fs::create_dir(data.path().join("control.sqlite")).unwrap();
    let folder = data.path().to_str().unwrap();
    let message = refusal(&ashna(&["site", "list", "--data-dir", folder], b""));
    let cause = "unable to open database file";
    assert_eq!(message.matches(cause).count(), 1, "{message}");
}
