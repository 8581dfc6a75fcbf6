//! Sessions by inactivity, derived from each visitor's events in order of time, whatever the order of arrival.

use ashna::{
    model::{Event, MessageHash, Site, SiteId, VisitorRules},
    reports::Reports,
    store::Store,
};
use serde_json::json;

use crate::{
    reports::{moment, page, site, store},
    support::{app::TestApp, engine::database},
};

/// Description; page views (visitor, minute) in order of arrival; sessions by day; bounces.
type Row<'a> = (&'a str, &'a [(u128, i64)], &'a [u64], u64);

/// Stores page views in order of arrival: visitor, minutes after 23:00.
async fn stored(at: &Store, views: &[(u128, i64)]) {
    let evening = moment("2026-01-02T23:00:00Z");
    let events: Vec<Event<'static>> = views
        .iter()
        .enumerate()
        .map(|(arrived, (visitor, minute))| {
            let mut event = page(evening.plus(minute * 60_000), *visitor, "/");
            event.received_at = evening.plus(600 * 60_000 + i64::try_from(arrived).unwrap());
            event.message = MessageHash::new(SiteId(1), &arrived.to_le_bytes());
            event
        })
        .collect();
    store(at, events).await;
}

/// Sessions and bounces by day, and in total.
async fn sessions(at: &Store, site: &Site, minutes: u64) -> (Vec<u64>, u64, f64) {
    let question = json!({ "from": "2026-01-02T00:00:00Z", "to": "2026-01-04T00:00:00Z", "timezone": "UTC",
        "interval": "day" });
    let reports = Reports::new(at.clone(), minutes);
    let overview = reports.overview(site, &serde_json::from_value(question).unwrap()).await.unwrap();
    let by_day = overview.series.iter().map(|point| point.sessions).collect();
    (by_day, overview.totals.sessions, overview.totals.bounce_rate.unwrap_or_default())
}

#[tokio::test]
async fn a_session_ends_after_inactivity_regardless_of_midnight_and_arrival_order() {
    let rows: &[Row<'_>] = &[
        ("one view", &[(1, 0)], &[1, 0], 1),
        ("thirty minutes apart go together", &[(1, 0), (1, 30)], &[1, 0], 0),
        ("a minute more is a new session", &[(1, 0), (1, 31)], &[2, 0], 2),
        ("across midnight it goes on, and belongs to its first day", &[(1, 50), (1, 61), (1, 80)], &[1, 0], 0),
        ("a silence over midnight ends it as any other", &[(1, 45), (1, 80)], &[1, 1], 2),
        ("events that arrive backwards", &[(1, 60), (1, 40), (1, 20), (1, 0)], &[1, 0], 0),
        ("a late event between two sessions merges them", &[(1, 0), (1, 50), (1, 25)], &[1, 0], 0),
        ("a late event from long before is a separate session", &[(1, 100), (1, 101), (1, 0)], &[1, 1], 1),
        ("two tabs in turns", &[(1, 0), (1, 20), (1, 10), (1, 35), (1, 30), (1, 65)], &[1, 0], 0),
        ("two visitors at once", &[(1, 0), (2, 1), (1, 40), (2, 20)], &[3, 0], 2),
        ("equal times", &[(1, 0), (1, 0), (1, 0)], &[1, 0], 0),
        ("anonymous events have none", &[(0, 0), (0, 1)], &[0, 0], 0),
    ];
    for (what, views, by_day, bounces) in rows {
        let store = database().await;
        stored(&store, views).await;
        let total: u64 = by_day.iter().sum();
        let rate = if total == 0 { 0.0 } else { *bounces as f64 / total as f64 };
        assert_eq!(sessions(&store, &site(), 30).await, (by_day.to_vec(), total, rate), "{what}");
    }
}

#[tokio::test]
async fn the_inactivity_timeout_is_the_services_or_the_sites() {
    let store = database().await;
    stored(&store, &[(1, 0), (1, 20), (1, 50), (1, 110)]).await;
    let choosing =
        |session_minutes| Site { visitors: VisitorRules { session_minutes, ..VisitorRules::default() }, ..site() };
    for (chosen, common, expected) in [(None, 30, 2), (None, 60, 1), (Some(10), 60, 4), (Some(1440), 1, 1)] {
        assert_eq!(sessions(&store, &choosing(chosen), common).await.1, expected, "{chosen:?} of {common}");
    }
}

#[tokio::test]
async fn a_sites_inactivity_timeout_applies_to_live_profiles() {
    let app = TestApp::start().await;
    app.changes_site(json!({ "session_minutes": 5 })).await;
    let mut visitor = app.visitor();
    visitor.decides(&[]).await;
    let now = ashna::clock::now();
    let view = |minutes_ago: i64| json!({ "type": "page", "timestamp": now.plus(-minutes_ago * 60_000).to_string() });
    visitor.sends(json!([view(14), view(10), view(2), view(0)])).await;
    let starts = app.stored("SELECT toString(uniqExact(session_start)) FROM events").await;
    assert_eq!(starts, ["2"], "one ended ten minutes ago");
    let admin = app.with_key(ashna::control::Scope::Admin).await;
    let offer = json!({ "id": "again", "slot": "hero", "when": { "field": "visits", "op": "eq", "value": 2 } });
    assert_eq!(admin.post(&app.path("offers"), offer).await.status, 201);
    assert_eq!(visitor.decides(&["hero"]).await["decisions"]["hero"]["offer"], "again");
    app.finish().await;
}
