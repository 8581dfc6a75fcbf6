//! Permissions of the data directory.

use std::{fs, os::unix::fs::MetadataExt as _, path::Path};

use crate::service::Service;

/// Collects everything below a folder that other users can read, with its mode.
fn open_to_others(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        // The log belongs to the test.
        if metadata.mode() & 0o077 != 0 && entry.file_name() != "service.log" {
            found.push(format!("{:o} {}", metadata.mode(), entry.path().display()));
        }
        if metadata.is_dir() && entry.file_name() != "engine" {
            open_to_others(&entry.path(), found);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_directory_is_readable_by_its_owner_only() {
    let client = reqwest::Client::new();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new");
    // Permissions as left by an older version.
    fs::create_dir(&data).unwrap();
    fs::write(data.join("control.sqlite"), "").unwrap();
    let mut service = Service::new(&[]).on(&data).under(&["sh", "-c", "umask 022; exec \"$0\" \"$@\""]);
    service.start();
    service.ready(&client).await;
    let site = service.command(&["site", "add", "--name", "Shop", "--origin", "https://shop.example"]);
    let key = site["write_key"].as_str().unwrap();
    let body = format!(r#"{{"key":"{key}","events":[{{"type":"page"}}]}}"#);
    let answer = client.post(format!("{}/e", service.url())).body(body).send().await.unwrap();
    assert!(answer.status().is_success());
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    let mut found = Vec::new();
    open_to_others(&data, &mut found);
    assert!(found.is_empty(), "{found:#?}");
    assert!(data.join("control.sqlite").exists() && data.join("ashna.sock").exists());
    service.kill();

    // Open permissions are fixed at the next start.
    for (name, mode) in [("", 0o755), ("control.sqlite", 0o644), ("journal", 0o755)] {
        fs::set_permissions(data.join(name), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    }
    service.start();
    service.ready(&client).await;
    assert_eq!(fs::metadata(&data).unwrap().mode() & 0o777, 0o700);
    let mut found = Vec::new();
    open_to_others(&data, &mut found);
    assert!(found.is_empty(), "{found:#?}");
}
