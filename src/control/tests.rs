//! Tests on a real file: data survives a restart, belongs to its site, and unreadable values affect nothing else.

use tempfile::TempDir;

use super::*;
use crate::model::{
    Capture, Captures, ConsentDefault, Currency, ItemId, KnownBy, RobotsPolicy, Site, SiteId, Timestamp,
    WithoutConsent,
    feed::{FeedRequest, FeedSettings, FeedState},
};

const NOW: Timestamp = Timestamp(1_767_323_045_678);

async fn open() -> (TempDir, Control) {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::open(directory.path()).await.unwrap();
    (directory, control)
}

async fn reopen(directory: &TempDir, control: Control) -> Control {
    control.close().await;
    Control::open(directory.path()).await.unwrap()
}

async fn add_site(control: &Control, key: &str) -> Site {
    let origins = vec!["https://shop.example".to_owned(), "https://sister.example".to_owned()];
    let new =
        NewSite { name: "Shop".into(), origins, write_key: key.into(), secret: "secret".into(), demo: key == "demo" };
    control.add_site(&new).await.unwrap()
}

async fn two_sites() -> (TempDir, Control, SiteId, SiteId) {
    let (directory, control) = open().await;
    let (one, other) = (add_site(&control, "one").await.id, add_site(&control, "other").await.id);
    (directory, control, one, other)
}

#[tokio::test]
async fn a_site_has_its_defaults_and_every_changed_setting_after_a_restart() {
    let (directory, control) = open().await;
    let mut site = add_site(&control, "key").await;
    assert_eq!((site.currency, site.captures, site.demo), (Currency(*b"EUR"), Captures::ALL, false), "{site:?}");
    assert!(add_site(&control, "demo").await.demo);
    site.name = "Other ☕".into();
    site.origins = vec!["http://127.0.0.1:8080".into()];
    site.currency = Currency(*b"JPY");
    site.timezone = "Asia/Tehran".into();
    site.robots = RobotsPolicy::Keep;
    site.consent_default = ConsentDefault::Denied;
    site.honour_gpc = !site.honour_gpc;
    site.events_per_second_max = 7;
    site.visitors.known_by = KnownBy::DailyHash;
    site.visitors.without_consent = WithoutConsent::Nothing;
    site.visitors.session_minutes = Some(11);
    site.captures = Captures::from_names(["errors", "forms"]).unwrap();
    site.rates = std::sync::Arc::new(crate::model::rates::Rates::identity(site.currency));
    assert!(control.update_site(&site).await.unwrap());
    let control = reopen(&directory, control).await;
    let sites = control.sites().await.unwrap();
    assert_eq!((sites.len(), &sites[0]), (2, &site));
    site.id = SiteId(99);
    assert!(!control.update_site(&site).await.unwrap(), "there is no such site");
}

#[tokio::test]
async fn no_two_sites_have_one_key_and_every_capture_but_one_can_be_on() {
    let (_directory, control) = open().await;
    let mut site = add_site(&control, "key").await;
    let twice =
        NewSite { name: "X".into(), origins: Vec::new(), write_key: "key".into(), secret: "s".into(), demo: false };
    assert!(matches!(control.add_site(&twice).await, Err(ControlError::AlreadyExists(_))));
    for left_out in Capture::ALL {
        let names = Capture::ALL.into_iter().filter(|capture| *capture != left_out).map(Capture::as_str);
        site.captures = Captures::from_names(names).unwrap();
        control.update_site(&site).await.unwrap();
        assert_eq!(control.sites().await.unwrap()[0].captures, site.captures, "without {left_out:?}");
    }
}

#[tokio::test]
async fn unknown_values_of_a_later_version_do_not_break_a_site() {
    let (_directory, control) = open().await;
    add_site(&control, "key").await;
    // Values that a later version allows violate this version's constraints.
    let mut connection = control.pool.acquire().await.unwrap();
    sqlx::query("PRAGMA ignore_check_constraints = ON").execute(&mut *connection).await.unwrap();
    let mut set = async |column: &str, value: &str| {
        let statement = match column {
            "rates" => "UPDATE sites SET rates = ?",
            "rules" => "UPDATE sites SET rules = ?",
            "known_by" => "UPDATE sites SET known_by = ?",
            "origins" => "UPDATE sites SET origins = ?",
            _ => "UPDATE sites SET captures = ?",
        };
        sqlx::query(statement).bind(value).execute(&mut *connection).await.unwrap();
    };
    set("rates", "{\"of\": \"another shape\"}").await;
    set("rules", "no JSON").await;
    set("known_by", "telepathy").await;
    let site = control.sites().await.unwrap().remove(0);
    assert!(site.rate_entries.is_empty());
    assert_eq!(site.visitors.known_by, KnownBy::DailyHash, "the strictest for privacy");
    for (column, value) in [("origins", "shop.example"), ("captures", "pages dreams")] {
        set(column, value).await;
        let refused = control.sites().await.unwrap_err();
        assert!(matches!(refused, ControlError::Unreadable { .. }), "{refused}");
        set("origins", "[]").await;
    }
}

#[tokio::test]
async fn the_database_of_a_newer_version_is_not_opened() {
    let (directory, control) = open().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                 VALUES (9999, 'from the future', true, x'00', 0)";
    sqlx::query(newer).execute(&control.pool).await.unwrap();
    control.close().await;
    assert!(matches!(Control::open(directory.path()).await, Err(ControlError::TooNew(9999))));
}

#[tokio::test]
async fn a_setting_is_initialized_once_and_then_read() {
    let (directory, control) = open().await;
    assert_eq!(control.setting("key", || "first".into()).await.unwrap(), "first");
    let control = reopen(&directory, control).await;
    assert_eq!(control.setting("key", || "second".into()).await.unwrap(), "first");
    control.put_setting("key", "third").await.unwrap();
    control.put_setting("new", "value").await.unwrap();
    assert_eq!(control.setting("key", String::new).await.unwrap(), "third");
    assert_eq!(control.setting("new", String::new).await.unwrap(), "value");
}

#[tokio::test]
async fn items_keep_their_order_and_their_age_when_they_are_replaced() {
    let (_directory, control, one, other) = two_sites().await;
    // More than fit into one statement.
    let items: Vec<_> = (0..2500).map(|n| (format!("p-{n}"), format!("{{\"n\":{n}}}"))).collect();
    control.put_items(one, &items, NOW).await.unwrap();
    control.put_items(one, &[("p-1".into(), "new ☕".into()), ("z".into(), "last".into())], NOW.plus(5)).await.unwrap();
    control.put_items(other, &items[..1], NOW).await.unwrap();
    let stored = control.items(one).await.unwrap();
    assert_eq!(stored.len(), 2501);
    assert_eq!(stored[..2], [("{\"n\":0}".into(), NOW), ("new ☕".into(), NOW)]);
    assert_eq!(stored[2500], ("last".into(), NOW.plus(5)));
    assert!(control.delete_item(one, "p-0").await.unwrap());
    assert!(!control.delete_item(one, "p-0").await.unwrap(), "it is gone");
    assert_eq!((control.items(one).await.unwrap().len(), control.items(other).await.unwrap().len()), (2500, 1));
}

#[tokio::test]
async fn offers_and_merchandising_rules_are_replaced_by_name_and_belong_to_their_site() {
    let (_directory, control, one, other) = two_sites().await;
    for (id, body) in [("b", "1"), ("a", "2"), ("b", "3")] {
        control.put_offer(one, id, body).await.unwrap();
        control.put_merchandising_rules(one, id, body).await.unwrap();
    }
    control.put_merchandising_rules(one, "", "whole site").await.unwrap();
    assert_eq!(control.offers(one).await.unwrap(), ["2", "3"], "by name");
    let rules = control.merchandising_rules(one).await.unwrap();
    let rules: Vec<_> = rules.iter().map(|(slot, body)| (slot.as_str(), body.as_str())).collect();
    assert_eq!(rules, [("", "whole site"), ("a", "2"), ("b", "3")]);
    assert!(
        !control.delete_offer(other, "a").await.unwrap()
            && !control.delete_merchandising_rules(other, "a").await.unwrap()
    );
    assert!(
        control.delete_offer(one, "a").await.unwrap() && control.delete_merchandising_rules(one, "a").await.unwrap()
    );
    assert_eq!(
        (control.offers(one).await.unwrap().len(), control.merchandising_rules(one).await.unwrap().len()),
        (1, 2)
    );
    assert!(
        control.offers(other).await.unwrap().is_empty() && control.merchandising_rules(other).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn a_funnel_is_changed_and_removed_by_its_own_site_alone() {
    let (_directory, control, one, other) = two_sites().await;
    let id = control.add_funnel(one, "Z", "{}").await.unwrap();
    let second = control.add_funnel(one, "A", "{\"steps\":[]}").await.unwrap();
    assert_ne!(id, second);
    assert!(!control.update_funnel(other, id, "Stolen", "{}").await.unwrap());
    assert!(!control.delete_funnel(other, id).await.unwrap());
    assert!(control.update_funnel(one, id, "B", "[]").await.unwrap());
    let funnels = control.funnels(one).await.unwrap();
    let funnels: Vec<_> = funnels.iter().map(|row| (row.id, row.name.as_str(), row.question.as_str())).collect();
    assert_eq!(funnels, [(second, "A", "{\"steps\":[]}"), (id, "B", "[]")], "by name");
    assert!(control.delete_funnel(one, id).await.unwrap() && !control.delete_funnel(one, id).await.unwrap());
    assert!(control.funnels(other).await.unwrap().is_empty());
}

fn feed(url: &str, every_minutes: u32) -> FeedSettings {
    FeedSettings { url: url.into(), every_minutes, enabled: true }
}

#[tokio::test]
async fn the_state_of_a_feed_is_reset_only_if_its_url_changes() {
    let (_directory, control, one, other) = two_sites().await;
    let known = FeedState { items: 3, etag: "\"e\"".into(), ..FeedState::default() };
    control.put_feed(one, &feed("https://a.example/feed", 60)).await.unwrap();
    control.put_feed_state(one, &known).await.unwrap();
    assert!(control.request_feed(one, None).await.unwrap());
    assert!(!control.request_feed(other, None).await.unwrap(), "no feed");
    control.put_feed(one, &feed("https://a.example/feed", 5)).await.unwrap();
    let row = control.feeds().await.unwrap().remove(0);
    assert_eq!((row.site, row.settings.every_minutes, row.state), (one, 5, known));
    assert_eq!(row.requested, Some(FeedRequest::Fetch), "a change is fetched at once");
    for request in [Some(FeedRequest::Confirm), None] {
        control.request_feed(one, request).await.unwrap();
        assert_eq!(control.feeds().await.unwrap()[0].requested, request);
    }
    control.put_feed(one, &feed("https://b.example/feed", 5)).await.unwrap();
    assert_eq!(control.feeds().await.unwrap()[0].state, FeedState::default());
}

#[tokio::test]
async fn items_of_a_feed_come_and_go_and_a_deleted_feed_leaves_the_items() {
    let (_directory, control, one, other) = two_sites().await;
    let ids = |names: &[&str]| names.iter().map(|name| ItemId::from(*name)).collect::<Vec<_>>();
    control.put_items(one, &[("a".into(), "{}".into())], NOW).await.unwrap();
    control.put_feed(one, &feed("https://a.example/feed", 60)).await.unwrap();
    control.change_feed_items(one, &ids(&["a", "b", "b"]), &ids(&["never"])).await.unwrap();
    control.change_feed_items(other, &ids(&["a"]), &[]).await.unwrap();
    control.change_feed_items(one, &ids(&["c"]), &ids(&["b"])).await.unwrap();
    let mut found = control.feed_items(one).await.unwrap();
    found.sort();
    assert_eq!(found, ["a", "c"]);
    assert!(control.delete_feed(one).await.unwrap() && !control.delete_feed(one).await.unwrap());
    assert!(control.feed_items(one).await.unwrap().is_empty());
    assert_eq!(control.feed_items(other).await.unwrap(), ["a"]);
    assert_eq!(control.items(one).await.unwrap().len(), 1);
}

#[tokio::test]
async fn histories_keep_the_newest_two_hundred_of_each_site() {
    let (_directory, control, one, other) = two_sites().await;
    control.add_choice(other, "owner", "kept").await.unwrap();
    control.add_tuning(other, NOW, "kept").await.unwrap();
    for n in 0..205 {
        control.add_choice(one, "owner", &n.to_string()).await.unwrap();
        control.add_tuning(one, NOW.plus(n), &n.to_string()).await.unwrap();
    }
    for rows in [control.choices(one).await.unwrap(), control.tunings(one).await.unwrap()] {
        assert_eq!((rows.len(), &*rows[0].what, &*rows[199].what), (200, "204", "5"));
    }
    assert_eq!(control.choices(other).await.unwrap()[0].who, "owner");
    assert_eq!(control.tunings(other).await.unwrap()[0].what, "kept");
}

#[tokio::test]
async fn a_site_has_one_tuning_result_and_one_chosen_model() {
    let (directory, control, one, other) = two_sites().await;
    for (site, clicks) in [(one, 1), (other, 2), (one, u64::from(u32::MAX) + 1)] {
        control.put_tuned(&TunedRow { site, at: NOW, clicks, found: format!("{clicks}") }).await.unwrap();
        let row = ChosenRow { site, at: NOW, who: "owner".into(), model: format!("model {clicks}") };
        control.choose_model(&row).await.unwrap();
    }
    let control = reopen(&directory, control).await;
    let tuned = control.tuned().await.unwrap();
    let tuned: Vec<_> = tuned.iter().map(|row| (row.site, row.clicks)).collect();
    assert_eq!(tuned, [(one, 4_294_967_296), (other, 2)]);
    assert_eq!(control.chosen_models().await.unwrap()[0].model, "model 4294967296");
    control.clear_chosen_model(one).await.unwrap();
    control.clear_chosen_model(one).await.unwrap();
    assert_eq!(control.chosen_models().await.unwrap().iter().map(|row| row.site).collect::<Vec<_>>(), [other]);
}
