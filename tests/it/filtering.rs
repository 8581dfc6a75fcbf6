//! Filtered reports against a reference that counts the same events one by one.

use std::collections::{BTreeMap, BTreeSet};

use ashna::{
    model::{Channel, DeviceClass, Event, Op},
    reports::Reports,
    wire::reports::{Condition, FunnelStep, ReportFilter},
};
use serde_json::{Value, json};

use crate::{
    reports::{START, moment, page, site, store, track},
    support::engine::database,
};

pub const MINUTE: i64 = 60_000;
/// The visitor of what a server sends of user u1.
pub const SERVER: u128 = 90;

/// Numbers that look random, the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

pub fn random_events(seed: u64) -> Vec<Event<'static>> {
    let mut n = Numbers(seed);
    let mut at = moment(START).plus(-90 * MINUTE);
    let mut events = Vec::new();
    for _ in 0..160 {
        at = at.plus(1000 + i64::try_from(n.below(5)).unwrap() * 101_000);
        let visitor = [1, 2, 3, 4, 4, SERVER, 0][usize::try_from(n.below(7)).unwrap()];
        let mut event = match n.below(6) {
            _ if visitor == SERVER => track(at, visitor, "Order Completed", "{}"),
            0 | 1 => page(at, visitor, "/a"),
            2 => page(at, visitor, "/b"),
            3 => track(at, visitor, "Product Viewed", r#"{"price":5}"#),
            4 => track(at, visitor, "Product Viewed", r#"{"price":"12.5","colour":"red"}"#),
            _ => track(at, visitor, "Order Completed", r#"{"colour":"red"}"#),
        };
        if event.name == "Order Completed" {
            event.amount_minor = 100 + i64::try_from(n.below(9)).unwrap();
            let id = [format!("o-{}", events.len()), String::new()];
            event.order_id = id[usize::try_from(n.below(2)).unwrap()].clone().into();
        }
        event.user_id_only = visitor == SERVER;
        event.by_server_key = visitor == SERVER;
        if [1, 2, SERVER].contains(&visitor) {
            event.user_id = "u1".into();
        }
        event.device.class = [DeviceClass::Mobile, DeviceClass::Desktop][usize::try_from(n.below(2)).unwrap()];
        match n.below(8) {
            0 => (event.traffic.channel, event.traffic.source) = (Channel::OrganicSearch, "google".into()),
            1 => {
                event.traffic.channel = Channel::Email;
                event.traffic.source = "news".into();
                event.traffic.campaign = "spring".into();
            }
            2 => event.traffic.channel = Channel::Direct,
            _ => {}
        }
        events.push(event);
    }
    events
}

/// A session of a browser: indexes of its events, and those of the servers' that belong to it.
pub struct Session {
    pub visitor: u128,
    pub events: Vec<usize>,
    servers: Vec<usize>,
    /// Channel, source, campaign.
    pub from: [String; 3],
}

pub struct Reference {
    pub events: Vec<Event<'static>>,
    pub sessions: Vec<Session>,
    /// The session of each event, if it has one.
    of: Vec<Option<usize>>,
    joined: bool,
    period: std::ops::Range<i64>,
}

impl Reference {
    pub fn new(events: Vec<Event<'static>>, joined: bool, period: std::ops::Range<i64>) -> Self {
        let mut sessions: Vec<Session> = Vec::new();
        let mut of = vec![None; events.len()];
        for visitor in [1, 2, 3, 4] {
            let mut last = i64::MIN / 2;
            for (index, event) in events.iter().enumerate().filter(|(_, event)| event.visitor.0 == visitor) {
                if event.occurred_at.0 - last > 30 * MINUTE {
                    let from = ["Direct".into(), String::new(), String::new()];
                    sessions.push(Session { visitor, events: Vec::new(), servers: Vec::new(), from });
                }
                last = event.occurred_at.0;
                sessions.last_mut().unwrap().events.push(index);
                of[index] = Some(sessions.len() - 1);
            }
        }
        for session in &mut sessions {
            let arrives =
                |index: &&usize| ![Channel::Internal, Channel::Direct].contains(&events[**index].traffic.channel);
            if let Some(index) = session.events.iter().find(arrives) {
                let traffic = &events[*index].traffic;
                session.from =
                    [traffic.channel.as_str().into(), traffic.source.to_string(), traffic.campaign.to_string()];
            }
        }
        for (index, event) in events.iter().enumerate().filter(|(_, event)| event.user_id_only && joined) {
            let began = |session: &Session| events[session.events[0]].occurred_at.0;
            let own = sessions.iter().enumerate().filter(|(_, session)| session.visitor <= 2);
            let last = own.filter(|(_, session)| began(session) <= event.occurred_at.0).max_by_key(|(_, s)| began(s));
            of[index] = last.map(|(session, _)| session);
            if let Some((session, _)) = last {
                sessions[session].servers.push(index);
            }
        }
        Self { events, sessions, of, joined, period }
    }

    pub fn who(&self, visitor: u128) -> u128 {
        if self.joined && [1, 2, SERVER].contains(&visitor) { 1 } else { visitor }
    }

    fn value(&self, index: usize, name: &str) -> String {
        let event = &self.events[index];
        let place = ["$channel", "$source", "$campaign"].iter().position(|column| *column == name);
        if let Some(place) = place {
            let own = [
                event.traffic.channel.as_str().to_owned(),
                event.traffic.source.to_string(),
                event.traffic.campaign.to_string(),
            ];
            let none = ["Direct".into(), String::new(), String::new()];
            let from =
                if event.visitor.0 == 0 { own } else { self.of[index].map_or(none, |s| self.sessions[s].from.clone()) };
            return from[place].clone();
        }
        match name {
            "$path" => event.page.path.to_string(),
            "$device" => event.device.class.as_str().to_owned(),
            _ => {
                let properties: Value = serde_json::from_str(&event.properties).unwrap();
                match &properties[name] {
                    Value::Null => String::new(),
                    Value::String(text) => text.clone(),
                    other => other.to_string(),
                }
            }
        }
    }

    fn holds(&self, index: usize, condition: &Condition) -> bool {
        let value = self.value(index, &condition.property);
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let one_of = || condition.value.as_array().unwrap().iter().any(|one| text(one) == value);
        match condition.op {
            Op::Eq => value == text(&condition.value),
            Op::Ne => value != text(&condition.value),
            Op::In => one_of(),
            Op::NotIn => !one_of(),
            Op::Exists => !value.is_empty(),
            Op::NotExists => value.is_empty(),
            Op::Contains => value.contains(&text(&condition.value)),
            Op::Gt => value.parse::<f64>().is_ok_and(|number| number > condition.value.as_f64().unwrap()),
            op => panic!("{op:?} is not tested"),
        }
    }

    pub fn is(&self, index: usize, step: &FunnelStep) -> bool {
        let event = &self.events[index];
        let named =
            if step.event == "page" { event.kind == ashna::model::Kind::Page } else { event.name == step.event };
        named && step.conditions.iter().all(|condition| self.holds(index, condition))
    }

    pub fn keeps(&self, index: usize, filters: &[ReportFilter]) -> bool {
        filters.iter().all(|filter| match filter {
            ReportFilter::Property(condition) => self.holds(index, condition),
            ReportFilter::Event(step) => self.of[index].is_some_and(|session| {
                let session = &self.sessions[session];
                session.events.iter().chain(&session.servers).any(|other| self.is(*other, step))
            }),
            ReportFilter::Segment(_) => panic!("segments are not tested here"),
        })
    }

    pub fn is_here(&self, index: usize) -> bool {
        self.period.contains(&self.events[index].occurred_at.0)
    }

    fn is_page(&self, index: usize) -> bool {
        self.events[index].kind == ashna::model::Kind::Page
    }

    fn count<'a>(&'a self, filters: &'a [ReportFilter]) -> Counted<'a> {
        let kept = (0..self.events.len()).map(|index| self.keeps(index, filters)).collect();
        Counted { of: self, kept }
    }
}

/// A reference with what filters keep.
struct Counted<'a> {
    of: &'a Reference,
    kept: Vec<bool>,
}

impl Counted<'_> {
    fn here(&self) -> impl Iterator<Item = usize> {
        (0..self.kept.len()).filter(|index| self.kept[*index] && self.of.is_here(*index))
    }

    fn begins(&self, session: &Session) -> bool {
        self.of.is_here(session.events[0]) && session.events.iter().any(|index| self.kept[*index])
    }

    fn bounces(&self, session: &Session) -> bool {
        session.events.len() == 1 && self.of.is_page(session.events[0])
    }

    fn is_order(&self, index: usize) -> bool {
        self.of.events[index].name == "Order Completed"
    }

    /// Events, page views, visitors, sessions, bounces, orders, revenue.
    fn totals(&self) -> [u64; 7] {
        let orders: Vec<usize> = self.here().filter(|index| self.is_order(*index)).collect();
        let visitors = self.here().map(|index| self.of.events[index].visitor.0).filter(|visitor| *visitor != 0);
        let visitors: BTreeSet<u128> = visitors.map(|visitor| self.of.who(visitor)).collect();
        let sessions = self.of.sessions.iter().filter(|session| self.begins(session));
        [
            self.here().count() as u64,
            self.here().filter(|index| self.of.is_page(*index)).count() as u64,
            visitors.len() as u64,
            sessions.clone().count() as u64,
            sessions.filter(|session| self.bounces(session)).count() as u64,
            orders.len() as u64,
            orders.iter().map(|index| self.of.events[*index].amount_minor.unsigned_abs()).sum(),
        ]
    }

    /// By a value of sessions: visitors, sessions, bounces, page views, orders, revenue. `own` is the value of events
    /// without a session.
    fn by_session(&self, of_session: impl Fn(&Session) -> String, own: impl Fn(usize) -> Option<String>) -> Rows {
        let mut rows: BTreeMap<String, (BTreeSet<u128>, [u64; 5])> = BTreeMap::new();
        for session in &self.of.sessions {
            let (visitors, counts) = rows.entry(of_session(session)).or_default();
            for index in session.events.iter().filter(|index| self.kept[**index] && self.of.is_here(**index)) {
                visitors.insert(self.of.who(session.visitor));
                counts[2] += u64::from(self.of.is_page(*index));
            }
            counts[0] += u64::from(self.begins(session));
            counts[1] += u64::from(self.begins(session) && self.bounces(session));
        }
        for index in self.here() {
            let session = self.of.of[index].map(|session| of_session(&self.of.sessions[session]));
            let Some(value) = session.or_else(|| own(index)) else { continue };
            let (_, counts) = rows.entry(value).or_default();
            counts[2] += u64::from(self.of.is_page(index) && self.of.events[index].visitor.0 == 0);
            if self.is_order(index) {
                counts[3] += 1;
                counts[4] += self.of.events[index].amount_minor.unsigned_abs();
            }
        }
        let row = |(value, (visitors, c)): (String, (BTreeSet<u128>, [u64; 5]))| {
            (value, [visitors.len() as u64, c[0], c[1], c[2], c[3], c[4]])
        };
        rows.into_iter().map(row).filter(|(_, counts)| counts.iter().any(|count| *count != 0)).collect()
    }

    /// By path: page views, visitors, entries, exits.
    fn pages(&self) -> BTreeMap<String, [u64; 4]> {
        let mut rows: BTreeMap<String, (u64, BTreeSet<u128>, u64, u64)> = BTreeMap::new();
        for index in self.here().filter(|index| self.of.is_page(*index)) {
            let event = &self.of.events[index];
            let row = rows.entry(event.page.path.to_string()).or_default();
            row.0 += 1;
            if event.visitor.0 != 0 {
                row.1.insert(self.of.who(event.visitor.0));
            }
        }
        for session in self.of.sessions.iter().filter(|session| self.begins(session)) {
            let mut seen = session.events.iter().filter(|index| self.of.is_page(**index));
            let Some(first) = seen.next() else { continue };
            let last = seen.next_back().unwrap_or(first);
            let path = |index: usize| self.of.events[index].page.path.to_string();
            rows.entry(path(*first)).and_modify(|row| row.2 += 1);
            rows.entry(path(*last)).and_modify(|row| row.3 += 1);
        }
        rows.into_iter().map(|(path, row)| (path, [row.0, row.1.len() as u64, row.2, row.3])).collect()
    }
}

type Rows = BTreeMap<String, [u64; 6]>;

pub fn parsed<T: serde::de::DeserializeOwned>(question: &Value) -> T {
    serde_json::from_value(question.clone()).unwrap()
}

fn questions() -> Vec<Value> {
    let property = |property: &str, op: &str, value: Value| json!({"property": property, "op": op, "value": value});
    let order = json!({"event": "Order Completed"});
    vec![
        json!([]),
        json!([property("$device", "eq", json!("mobile"))]),
        json!([property("colour", "ne", json!("red"))]),
        json!([property("price", "gt", json!(6))]),
        json!([property("$path", "contains", json!("a")), property("$device", "exists", Value::Null)]),
        json!([property("$channel", "eq", json!("Organic Search"))]),
        json!([property("$channel", "not_in", json!(["Direct", "Email"]))]),
        json!([property("$campaign", "not_exists", Value::Null), property("$device", "ne", json!("desktop"))]),
        json!([order]),
        json!([{"event": "page", "where": [property("$path", "eq", json!("/b"))]}, order]),
        json!([{"event": "Product Viewed", "where": [property("price", "gt", json!(1)), property("$source", "in", json!(["news", "google"]))]}]),
        json!([order, property("$channel", "eq", json!("Direct")), property("colour", "not_exists", Value::Null)]),
    ]
}

#[tokio::test]
async fn filtered_reports_equal_a_count_of_the_same_events() {
    for seed in [7, 20_261_201] {
        let database = database().await;
        let events = random_events(seed);
        store(&database, events.clone()).await;
        let reports = Reports::new(database, 30);
        let (from, to) = (moment(START).0, moment(START).0 + 100 * MINUTE);
        // Every question takes a dozen queries: half of them for people, the other half for visitors.
        let (unit, first) = if seed == 7 { ("person", 0) } else { ("visitor", 1) };
        let reference = Reference::new(events.clone(), unit == "person", from..to);
        for filters in questions().into_iter().skip(first).step_by(2) {
            check(&reports, &reference, unit, &filters).await;
        }
    }
}

async fn check(reports: &Reports, reference: &Reference, unit: &str, filters: &Value) {
    let site = site();
    let (from, to) = (reference.period.start, reference.period.end);
    let counted = reference.count(&parsed::<Vec<ReportFilter>>(filters)).totals();
    let list: Vec<ReportFilter> = parsed(filters);
    let counted_rows = reference.count(&list);
    let question = json!({"from": from, "to": to, "unit": unit, "filters": filters});
    let with = |more: Value| {
        let mut all = question.clone();
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let case = format!("{unit}: {filters}");

    let overview = reports.overview(&site, &parsed(&question)).await.unwrap();
    let t = &overview.totals;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let bounces = (t.bounce_rate.unwrap_or(0.0) * t.sessions as f64).round() as u64;
    let found = [t.events, t.pageviews, t.visitors, t.sessions, bounces, t.orders, t.revenue_minor.unsigned_abs()];
    assert_eq!(found, counted, "overview, {case}");
    assert_eq!(overview.series.iter().map(|point| point.sessions).sum::<u64>(), counted[3], "series, {case}");

    let rows = reports.sources(&site, &parsed(&with(json!({"by": "channel"})))).await.unwrap().rows;
    let zero = |row: &ashna::wire::reports::SourceRow| row.visitors + row.sessions + row.pageviews + row.orders > 0;
    let found: BTreeMap<String, [u64; 5]> = rows
        .into_iter()
        .filter(zero)
        .map(|r| (r.value, [r.visitors, r.sessions, r.pageviews, r.orders, r.revenue_minor.unsigned_abs()]))
        .collect();
    let own_channel = |index: usize| {
        let event = &reference.events[index];
        Some(if event.visitor.0 == 0 { event.traffic.channel.as_str().into() } else { "Direct".into() })
    };
    let without_bounces = |rows: Rows| -> BTreeMap<String, [u64; 5]> {
        rows.into_iter().map(|(value, r)| (value, [r[0], r[1], r[3], r[4], r[5]])).collect()
    };
    let expected = without_bounces(counted_rows.by_session(|session| session.from[0].clone(), own_channel));
    assert_eq!(found, expected, "sources, {case}");

    let rows = reports.campaigns(&site, &parsed(&question)).await.unwrap().rows;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    let left_at_once =
        |row: &ashna::wire::reports::CampaignRow| (row.bounce_rate.unwrap_or(0.0) * row.sessions as f64).round() as u64;
    let found: Rows = rows
        .into_iter()
        .map(|r| {
            let figures =
                [r.visitors, r.sessions, left_at_once(&r), r.pageviews, r.orders, r.revenue_minor.unsigned_abs()];
            (format!("{}/{}", r.campaign, r.source), figures)
        })
        .collect();
    let own_campaign = |index: usize| {
        let event = &reference.events[index];
        let name = format!("{}/{}", event.traffic.campaign, event.traffic.source);
        (event.visitor.0 == 0).then_some(name)
    };
    let mut expected =
        counted_rows.by_session(|session| format!("{}/{}", session.from[2], session.from[1]), own_campaign);
    expected.retain(|name, _| !name.starts_with('/'));
    assert_eq!(found, expected, "campaigns, {case}");

    let rows = reports.visitors(&site, &parsed(&with(json!({"by": "device"})))).await.unwrap().rows;
    let zero = |row: &ashna::wire::reports::VisitorRow| row.visitors + row.sessions + row.pageviews > 0;
    let found: BTreeMap<String, [u64; 3]> =
        rows.into_iter().filter(zero).map(|r| (r.value, [r.visitors, r.sessions, r.pageviews])).collect();
    let first_device = |session: &Session| reference.value(session.events[0], "$device");
    let own_device = |index: usize| (reference.events[index].visitor.0 == 0).then(|| reference.value(index, "$device"));
    let expected = counted_rows.by_session(first_device, own_device);
    let expected: BTreeMap<String, [u64; 3]> = expected
        .into_iter()
        .map(|(value, r)| (value, [r[0], r[1], r[3]]))
        .filter(|(_, r)| r.iter().any(|n| *n != 0))
        .collect();
    assert_eq!(found, expected, "visitors, {case}");

    let rows = reports.pages(&site, &parsed(&question)).await.unwrap().rows;
    let found: BTreeMap<String, [u64; 4]> =
        rows.into_iter().map(|r| (r.path, [r.pageviews, r.visitors, r.entries, r.exits])).collect();
    assert_eq!(found, counted_rows.pages(), "pages, {case}");
}
