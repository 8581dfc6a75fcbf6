//! Migration of a database of the release before per-site access, lists of logins, and expiring keys.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use super::{Control, Role, Scope};
use crate::model::{SiteId, Timestamp};

/// The newest migration of that release.
const BEFORE: i64 = 29;

#[tokio::test]
async fn existing_users_logins_and_keys_keep_working() {
    let directory = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new().filename(directory.path().join("control.sqlite")).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let mut old = sqlx::migrate!("src/control/migrations");
    old.migrations = old.migrations.iter().filter(|migration| migration.version <= BEFORE).cloned().collect();
    old.run(&pool).await.unwrap();
    for statement in [
        "INSERT INTO sites (name, origins, write_key, secret, created_at) VALUES ('S', '[]', 'w', 's', 1)",
        "INSERT INTO users (email, role, password_hash, created_at) VALUES ('ÄNNE@shop.example', 'owner', 'h', 1)",
        "INSERT INTO users (email, role, password_hash, created_at) VALUES ('Bo@shop.example', 'viewer', 'h', 1)",
        "INSERT INTO logins (token_hash, user_id, expires_at) VALUES ('t', 1, 5000000000000)",
        "INSERT INTO keys (site_id, scope, key_hash, hint, created_at) VALUES (1, 'server', 'k', 'as_1234', 1)",
        "INSERT INTO audit (at, who, action, subject) VALUES (1, 'ÄNNE@shop.example', 'add site', 'S')",
    ] {
        sqlx::query(statement).execute(&pool).await.unwrap();
    }
    pool.close().await;

    let control = Control::open(directory.path()).await.unwrap();
    let anne = control.user_by_email("änne@SHOP.example").await.unwrap().unwrap();
    assert_eq!((anne.id, anne.membership.role, anne.two_factor), (1, Role::Owner, false));
    assert!(control.user_by_email("bo@shop.example").await.unwrap().unwrap().membership.has(SiteId(1)));
    let (user, login) = control.user_of_login("t", Timestamp(1)).await.unwrap().unwrap();
    assert_eq!(user.id, 1);
    assert_eq!(control.logins(1, Timestamp(1)).await.unwrap()[0].id, login);
    let keys = control.keys().await.unwrap();
    assert_eq!((keys[0].0.as_str(), keys[0].1.scope, keys[0].1.expires_at), ("k", Scope::Server, None));
    let entries = control.audit_entries(None, None, 10).await.unwrap();
    assert_eq!((entries.len(), entries[0].site), (1, None));
    control.close().await;
}

#[tokio::test]
async fn the_audit_log_is_limited_by_age_and_number() {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(directory.path()).await.unwrap();
    for n in 0..100 {
        control.audit("user", "do", &n.to_string()).await.unwrap();
    }
    assert_eq!(control.prune_audit(Timestamp(0), 30, 50).await.unwrap(), 50, "a little at a time");
    assert_eq!(control.prune_audit(Timestamp(0), 30, 50).await.unwrap(), 20);
    let left = control.audit_entries(None, None, 100).await.unwrap();
    assert_eq!((left.len(), left[0].subject.as_str(), left[29].subject.as_str()), (30, "99", "70"));
    assert_eq!(control.prune_audit(crate::clock::now().plus(1000), 30, 500).await.unwrap(), 30, "too old");
    control.close().await;
}

#[tokio::test]
async fn a_removed_site_loses_all_data_and_its_id_is_never_reused() {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(directory.path()).await.unwrap();
    let new = |key: &str| super::NewSite {
        name: "S".into(),
        origins: Vec::new(),
        write_key: key.into(),
        secret: "s".into(),
        demo: false,
    };
    let site = control.add_site(&new("a")).await.unwrap().id;
    control.put_offer(site, "o", "{}").await.unwrap();
    control.add_funnel(site, "f", "{}").await.unwrap();
    control.put_items(site, &[("i".into(), "{}".into())], Timestamp(1)).await.unwrap();
    assert!(control.remove_site(site, Timestamp(7)).await.unwrap());
    assert!(!control.remove_site(site, Timestamp(7)).await.unwrap());
    assert!(control.offers(site).await.unwrap().is_empty() && control.items(site).await.unwrap().is_empty());
    assert_eq!(control.add_site(&new("b")).await.unwrap().id, SiteId(site.0 + 1));
    let to_erase = control.sites_to_erase().await.unwrap();
    assert_eq!((to_erase.len(), to_erase[0].id, to_erase[0].removed_at), (1, site, Timestamp(7)));
    control.note_site_erased(site, Timestamp(8)).await.unwrap();
    assert!(control.sites_to_erase().await.unwrap().is_empty());
    control.close().await;
}
