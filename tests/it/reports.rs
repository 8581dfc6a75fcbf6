//! Reports against figures calculated by hand.

use ashna::{
    model::{
        Action, Channel, ConsentDefault, Currency, Event, Kind, MessageHash, RobotsPolicy, Site, SiteId, Timestamp,
        VisitorId, VisitorRules,
    },
    reports::{ReportError, Reports, csv},
    store::Store,
};
use serde_json::{Value, json};

use crate::support::{
    engine::database,
    events::{batch, event},
};

/// The tests' reference time: a Friday, with Berlin one hour ahead of UTC.
pub const START: &str = "2026-01-02T10:00:00Z";

pub fn site() -> Site {
    Site {
        id: SiteId(1),
        name: "Shop".into(),
        origins: Vec::new(),
        write_key: "key".into(),
        secret: "".into(),
        currency: Currency(*b"EUR"),
        timezone: "Europe/Berlin".into(),
        robots: RobotsPolicy::Keep,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        rate_entries: [].into(),
        rates: std::sync::Arc::new(ashna::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: std::sync::Arc::default(),
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        captures: ashna::model::Captures::ALL,
        exploration: ashna::model::ExplorationSettings::default(),
        offer_html: false,
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        demo: false,
        created_at: Timestamp(0),
    }
}

pub fn moment(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

/// A minimal event of a visitor.
pub fn plain(at: Timestamp, visitor: u128) -> Event<'static> {
    let mut event = event(0);
    event.occurred_at = at;
    event.received_at = at;
    event.visitor = VisitorId(visitor);
    event.properties = "{}".into();
    event.amount_minor = 0;
    event.items.clear();
    event.category = "".into();
    event.traffic.channel = Channel::Internal;
    event.traffic.source = "".into();
    event
}

/// A page view.
pub fn page(at: Timestamp, visitor: u128, path: &'static str) -> Event<'static> {
    let mut event = plain(at, visitor);
    event.kind = Kind::Page;
    event.name = "".into();
    event.action = Action::Other;
    event.page.path = path.into();
    event
}

/// A named event.
pub fn track(at: Timestamp, visitor: u128, name: &'static str, properties: &'static str) -> Event<'static> {
    let mut event = plain(at, visitor);
    event.name = name.into();
    event.action = Action::from_event_name(name);
    event.properties = properties.into();
    event
}

fn order(at: Timestamp, visitor: u128, amount_minor: i64, currency: [u8; 3]) -> Event<'static> {
    let mut event = track(at, visitor, "Order Completed", "{}");
    event.amount_minor = amount_minor;
    event.currency = Currency(currency);
    event
}

fn from(mut event: Event<'static>, channel: Channel, source: &'static str) -> Event<'static> {
    event.traffic.channel = channel;
    event.traffic.source = source.into();
    event
}

/// Stores events in this order of arrival.
pub async fn store(store: &Store, mut events: Vec<Event<'static>>) {
    for (n, event) in events.iter_mut().enumerate() {
        event.message = MessageHash(n as u128);
    }
    store.insert(batch(0, &events)).await.unwrap();
}

/// Minutes after [`START`].
fn minute(n: i64) -> Timestamp {
    moment(START).plus(n * 60_000)
}

async fn shop() -> Reports {
    let database = database().await;
    let mut robot = page(minute(1), 9, "/robot");
    robot.robot = "crawler";
    let events = vec![
        // Visitor 1: from a search, two pages, an order; returns after 31 minutes for one view.
        from(page(minute(0), 1, "/"), Channel::OrganicSearch, "google"),
        page(minute(1), 1, "/p/1"),
        order(minute(2), 1, 2000, *b"EUR"),
        page(minute(33), 1, "/p/1"),
        // Visitor 2: one page view and one impression: a bounce.
        from(page(minute(5), 2, "/"), Channel::Direct, ""),
        track(minute(6), 2, "Slot Viewed", "{}"),
        // Visitor 3: exactly thirty minutes do not end a session; orders in dollars, a refund in euros.
        from(page(minute(10), 3, "/p/1"), Channel::Email, "news"),
        order(minute(40), 3, 500, *b"USD"),
        {
            let mut refund = track(minute(41), 3, "Order Refunded", "{}");
            refund.amount_minor = 300;
            refund
        },
        // Anonymous.
        page(minute(3), 0, "/"),
        robot,
        // The period includes its start and excludes its end.
        page(moment("2026-01-03T00:00:00Z"), 4, "/late"),
    ];
    store(&database, events).await;
    Reports::new(database, 30)
}

fn day() -> Value {
    json!({"from": START, "to": "2026-01-03T00:00:00Z"})
}

fn ask<Q: serde::de::DeserializeOwned>(more: &Value) -> Q {
    let mut question = day();
    question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    serde_json::from_value(question).unwrap()
}

fn answer(of: impl serde::Serialize) -> Value {
    serde_json::to_value(of).unwrap()
}

#[tokio::test]
async fn the_overview_has_the_expected_counts() {
    let overview = shop().await.overview(&site(), &ask(&json!({"interval": "hour"}))).await.unwrap();
    let expected = json!({
        "events": 10, "pageviews": 6, "visitors": 3, "sessions": 4, "bounce_rate": 0.5,
        "revenue_minor": 1700, "orders": 2, "other_currency_orders": 1,
    });
    assert_eq!(answer(&overview.totals), expected);
    assert_eq!(overview.previous.events, 0);
    assert_eq!(overview.series.len(), 14, "hours from 10 to 24 UTC");
    assert_eq!(
        answer(&overview.series[0]),
        json!({"at": "2026-01-02T10:00:00.000Z", "events": 10, "pageviews": 6, "visitors": 3, "sessions": 4,
               "revenue_minor": 1700, "orders": 2})
    );
    assert!(overview.series[1..].iter().all(|point| point.events == 0 && point.sessions == 0));
    assert!(String::from_utf8(csv::write(&overview).bytes).unwrap().starts_with("\u{feff}at,events"));
}

#[tokio::test]
async fn the_previous_period_is_the_day_before() {
    let question = json!({"from": "2026-01-03T00:00:00Z", "to": "2026-01-04T00:00:00Z", "timezone": "UTC"});
    let overview = shop().await.overview(&site(), &ask(&question)).await.unwrap();
    assert_eq!((overview.totals.events, overview.totals.visitors, overview.series.len()), (1, 1, 1));
    assert_eq!((overview.previous.events, overview.previous.orders, overview.previous.sessions), (10, 2, 4));
}

#[tokio::test]
async fn days_follow_the_sites_time_zone_and_daylight_saving() {
    let database = database().await;
    let times =
        ["2026-03-28T22:59:59.999Z", "2026-03-28T23:00:00Z", "2026-03-29T21:59:59.999Z", "2026-03-29T22:00:00Z"];
    store(&database, times.iter().map(|at| page(moment(at), 1, "/")).collect()).await;
    let reports = Reports::new(database, 30);
    let ask = |interval: &str| {
        let question = json!({"from": "2026-03-27T23:00:00Z", "to": "2026-03-30T22:00:00Z", "interval": interval});
        serde_json::from_value(question).unwrap()
    };
    let days = reports.overview(&site(), &ask("day")).await.unwrap().series;
    let counted: Vec<(String, u64)> = days.iter().map(|p| (p.at.0.to_string(), p.pageviews)).collect();
    let expected = [("2026-03-27T23:00:00.000Z", 1), ("2026-03-28T23:00:00.000Z", 2), ("2026-03-29T22:00:00.000Z", 1)];
    assert_eq!(counted, expected.map(|(at, n)| (at.to_owned(), n)));
    let check = |points: &[ashna::wire::reports::SeriesPoint], length: usize, name: &str| {
        assert_eq!(points.len(), length, "{name}");
        assert_eq!(points.iter().map(|p| p.pageviews).sum::<u64>(), 4, "{name}");
    };
    check(&reports.overview(&site(), &ask("hour")).await.unwrap().series, 71, "hour");
    check(&reports.overview(&site(), &ask("week")).await.unwrap().series, 2, "week");
    check(&reports.overview(&site(), &ask("month")).await.unwrap().series, 1, "month");
}

#[tokio::test]
async fn pages_count_entries_and_exits() {
    let reports = shop().await;
    let pages = reports.pages(&site(), &ask(&json!({}))).await.unwrap();
    let rows: Vec<_> =
        pages.rows.iter().map(|p| (p.path.as_str(), p.pageviews, p.visitors, p.entries, p.exits)).collect();
    assert_eq!(rows, [("/", 3, 2, 2, 1), ("/p/1", 3, 2, 2, 3)]);
    let found = reports.pages(&site(), &ask(&json!({"search": "P/", "limit": 1}))).await.unwrap();
    assert_eq!((found.total, found.rows.len(), found.rows[0].path.as_str()), (1, 1, "/p/1"));
}

#[tokio::test]
async fn a_session_is_attributed_to_its_source() {
    let reports = shop().await;
    let sources = reports.sources(&site(), &ask(&json!({"by": "channel"}))).await.unwrap();
    let rows: Vec<_> = sources
        .rows
        .iter()
        .map(|s| (s.value.as_str(), s.visitors, s.sessions, s.pageviews, s.orders, s.revenue_minor))
        .collect();
    assert_eq!(
        rows,
        [
            ("Direct", 2, 2, 2, 0, 0),
            ("Organic Search", 1, 1, 2, 1, 2000),
            ("Email", 1, 1, 1, 1, -300),
            ("Internal", 0, 0, 1, 0, 0),
        ]
    );
    let sources = reports.sources(&site(), &ask(&json!({"by": "source"}))).await.unwrap();
    let names: Vec<_> = sources.rows.iter().map(|s| (s.value.as_str(), s.sessions)).collect();
    assert_eq!(names, [("", 2), ("google", 1), ("news", 1)]);
    for by in ["referrer", "campaign"] {
        let sources = reports.sources(&site(), &ask(&json!({"by": by}))).await.unwrap();
        assert_eq!(sources.rows.iter().map(|s| s.sessions).sum::<u64>(), 4, "{by}");
    }
}

#[tokio::test]
async fn visitors_are_grouped_by_location_and_device() {
    let reports = shop().await;
    for (by, value) in [("country", "DE"), ("device", "mobile"), ("os", "Android"), ("language", "de-DE")] {
        let visitors = reports.visitors(&site(), &ask(&json!({"by": by}))).await.unwrap();
        let row = &visitors.rows[0];
        assert_eq!((row.value.as_str(), row.visitors, row.sessions, row.pageviews), (value, 3, 4, 6), "{by}");
    }
}

#[tokio::test]
async fn realtime_counts_current_visitors() {
    let now = minute(41).plus(30_000);
    let realtime = shop().await.realtime(&site(), now).await.unwrap();
    assert_eq!((realtime.visitors, realtime.minutes.len()), (1, 30));
    assert_eq!(realtime.minutes[29].at.0, minute(41));
    assert_eq!((realtime.minutes[21].visitors, realtime.minutes[21].pageviews), (1, 1), "minute 33");
    // The page last viewed and the source of visitor 3's session are older than half an hour.
    assert_eq!(realtime.pages[0].path, "/p/1");
    assert_eq!((realtime.sources[0].channel.as_str(), realtime.countries[0].country.as_str()), ("Email", "DE"));
    assert_eq!(realtime.recent.len(), 3);
    assert_eq!(realtime.recent[0].event, "Order Refunded");
}

#[tokio::test]
async fn the_schema_lists_events_and_their_properties() {
    let database = database().await;
    let events = vec![
        page(minute(0), 1, "/"),
        page(minute(1), 1, "/"),
        track(minute(2), 1, "Product Viewed", r#"{"price":1,"name":"x"}"#),
        track(minute(3), 1, "Product Viewed", r#"{"price":1,"colour":"red"}"#),
        track(minute(4), 1, "Product Viewed", "{}"),
    ];
    store(&database, events).await;
    let schema = Reports::new(database, 30).schema(&site(), Some(30), minute(10)).await.unwrap();
    assert_eq!(
        answer(schema),
        json!({"events": [
            {"name": "Product Viewed", "count": 3, "properties": ["colour", "name", "price"]},
            {"name": "page", "count": 2, "properties": []},
        ]})
    );
}

#[tokio::test]
async fn a_visitor_has_a_header_and_a_timeline() {
    let reports = shop().await;
    let visitor = reports.visitor(&site(), VisitorId(1), Some(2)).await.unwrap();
    assert_eq!((visitor.first_seen.0, visitor.last_seen.0), (minute(0), minute(33)));
    assert_eq!((visitor.events, visitor.pageviews, visitor.orders, visitor.revenue_minor), (4, 3, 1, 2000));
    let shown: Vec<_> = visitor.timeline.iter().map(|e| (e.event.as_str(), e.at.0)).collect();
    assert_eq!(shown, [("page", minute(33)), ("Order Completed", minute(2))]);
    let unknown = reports.visitor(&site(), VisitorId(77), None).await;
    assert!(matches!(unknown, Err(ReportError::NotFound(_))));
}

#[tokio::test]
async fn an_empty_site_has_empty_reports() {
    let reports = Reports::new(database().await, 30);
    let overview = reports.overview(&site(), &ask(&json!({}))).await.unwrap();
    assert_eq!((overview.totals.events, overview.series.len()), (0, 2));
    assert_eq!(reports.pages(&site(), &ask(&json!({}))).await.unwrap().total, 0);
    assert!(reports.sources(&site(), &ask(&json!({"by": "channel"}))).await.unwrap().rows.is_empty());
    assert_eq!(reports.realtime(&site(), minute(0)).await.unwrap().visitors, 0);
}

#[tokio::test]
async fn tables_that_are_being_prepared_are_a_reason_to_try_again() {
    let prepared = database().await;
    let preparing = Store::connect_to(prepared.endpoint(), &ashna::config::Config::defaults().clickhouse);
    // As between two migrations: the table is there, a column is not.
    prepared.execute("ALTER TABLE events RENAME COLUMN title TO title_later", &[]).await.unwrap();
    let of = async |store: Store| {
        let error = Reports::new(store, 30).pages(&site(), &ask(&json!({}))).await.unwrap_err();
        error.unavailable().map(|(_, reason)| reason)
    };
    assert!(of(preparing).await.is_some_and(|reason| reason.contains("starting")));
    // Afterwards it is a fault of the program, which no waiting mends.
    assert_eq!(of(prepared).await, None);
}
