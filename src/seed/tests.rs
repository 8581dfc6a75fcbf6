use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{GeneratedHistory, Line, Plan, Shop};
use crate::{
    config,
    ingest::{
        self, CardinalityLimits, ClientHints, Consent, DropReason, Identity, Origin, ParseCache, Progress,
        RequestContext, Sender, TokenSigner, Verdict, ViewRate,
    },
    model::{ConsentDefault, Currency, GeoLocation, RobotsPolicy, Site, SiteId, Timestamp, VisitorId, VisitorRules},
    wire::collect,
};

const NOW: Timestamp = Timestamp(1_763_798_400_000);
const PAUSE_MS: i64 = 30 * 60_000;

fn plan(visitors: u32) -> Plan {
    Plan { seed: 1, until: NOW, days: 42, visitors, origin: "http://shop.example".into() }
}

fn history(plan: &Plan) -> Vec<Line> {
    GeneratedHistory::new(plan, &Shop::demo().unwrap()).collect()
}

fn site() -> Site {
    Site {
        id: SiteId(1),
        name: "Demo".into(),
        origins: vec!["http://shop.example".into()],
        write_key: "key".into(),
        secret: "secret".into(),
        currency: Currency(*b"EUR"),
        timezone: "UTC".into(),
        robots: RobotsPolicy::Drop,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        rate_entries: [].into(),
        rates: std::sync::Arc::new(crate::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: std::sync::Arc::default(),
        captures: crate::model::Captures::ALL,
        exploration: crate::model::ExplorationSettings::default(),
        offer_html: false,
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        demo: true,
        created_at: Timestamp(0),
    }
}

#[test]
fn the_same_plan_gives_the_same_history_and_another_seed_another() {
    let first = history(&plan(60));
    assert_eq!(first, history(&plan(60)));
    assert_ne!(first, history(&Plan { seed: 2, ..plan(60) }));
}

#[test]
fn more_visitors_leave_the_others_as_they_are() {
    let people = |visitors| -> BTreeSet<String> {
        history(&plan(visitors)).into_iter().map(|line| line.json).filter(|json| !json.contains("bot")).collect()
    };
    let headless = |json: &&String| !json.contains("Headless") && !json.contains("python");
    let more = people(51);
    assert!(people(50).iter().filter(headless).all(|line| more.contains(line)));
}

#[test]
fn lines_are_in_order_of_time_within_the_period_with_unique_ids() {
    let plan = plan(300);
    let lines = history(&plan);
    assert!(lines.is_sorted_by_key(|line| line.at));
    assert!(lines.iter().all(|line| plan.begin() <= line.at && line.at < plan.until));
    let ids: BTreeSet<String> = lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(&line.json).unwrap()["messageId"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), lines.len());
}

#[test]
fn ingest_keeps_every_line_except_those_of_bots() {
    let (site, limits, cache) = (site(), config::Config::load(None).unwrap().ingest, ParseCache::default());
    let view_rate = ViewRate::new(60);
    let cardinality = CardinalityLimits::new(&limits).for_site(site.id);
    let request = RequestContext {
        site: &site,
        sender: Sender::Server,
        user_agent: "",
        address: None,
        identity: Identity::new(VisitorId(7), Origin::Fresh),
        server_key: true,
        consent: Consent::FULL,
        refusal_signal: false,
        daily: None,
        now: NOW,
        entropy: 99,
        from_file: false,
        limits: &limits,
        parse_cache: &cache,
        hints: ClientHints::default(),
        cardinality: &cardinality,
        view_rate: &view_rate,
        token_signer: &TokenSigner::new("secret"),
        session_of: &|_| None,
        locate: &|_| GeoLocation::default(),
    };
    let lines = history(&plan(300));
    let texts: Vec<&str> = lines.iter().map(|line| line.json.as_str()).collect();
    let body = format!("{{\"batch\":[{}]}}", texts.join(","));
    let batch = collect::parse(body.as_bytes()).unwrap();
    let mut progress = Progress::default();
    let (mut kept, mut robots, mut channels) = (0, 0, BTreeMap::<_, u32>::new());
    for (line, raw) in lines.iter().zip(&batch.events) {
        match ingest::run(&request, &batch, &mut progress, raw) {
            Verdict::Keep(event) => {
                kept += 1;
                assert_eq!(event.occurred_at, line.at);
                assert!(event.visitor.is_identified());
                *channels.entry(event.traffic.channel.as_str()).or_default() += 1;
            }
            Verdict::Drop(DropReason::Robot(_)) => robots += 1,
            other => panic!("{other:?}: {}", line.json),
        }
    }
    assert!(kept > 3_000, "{kept}");
    assert!((0.02..0.2).contains(&(f64::from(robots) / f64::from(kept))), "{robots} of {kept}");
    assert!(channels.len() >= 9, "{channels:?}");
}

/// Aggregate figures of a generated history.
#[derive(Debug, Default)]
struct Figures {
    sessions: u32,
    bounces: u32,
    returned: u32,
    visitors: u32,
    events: BTreeMap<String, u32>,
}

fn figures(lines: &[Line]) -> Figures {
    let mut visits: HashMap<String, Vec<(Timestamp, String)>> = HashMap::new();
    let mut figures = Figures::default();
    for line in lines {
        let call: Value = serde_json::from_str(&line.json).unwrap();
        let agent = call["context"]["userAgent"].as_str().unwrap().to_lowercase();
        if ["bot", "headless", "python"].iter().any(|mark| agent.contains(mark)) {
            continue;
        }
        let name = call["event"].as_str().or(call["type"].as_str()).unwrap().to_owned();
        *figures.events.entry(name.clone()).or_default() += 1;
        visits.entry(call["anonymousId"].as_str().unwrap().to_owned()).or_default().push((line.at, name));
    }
    for events in visits.values() {
        figures.visitors += 1;
        let sessions: Vec<_> = events.chunk_by(|a, b| b.0.since(a.0) <= PAUSE_MS).collect();
        figures.sessions += u32::try_from(sessions.len()).unwrap();
        figures.returned += u32::from(sessions.len() > 1);
        let bounced =
            |session: &&&[(Timestamp, String)]| session.iter().filter(|(_, name)| name != "Slot Viewed").count() == 1;
        figures.bounces += u32::try_from(sessions.iter().filter(bounced).count()).unwrap();
    }
    figures
}

#[test]
fn rates_are_plausible_for_a_shop() {
    let lines = history(&plan(2_000));
    let figures = figures(&lines);
    let within = |what: &str, part: u32, whole: u32, least: f64, most: f64| {
        let share = f64::from(part) / f64::from(whole);
        assert!((least..most).contains(&share), "{what}: {share:.3}, {} lines, {figures:?}", lines.len());
    };
    let of = |name: &str| figures.events.get(name).copied().unwrap_or_default();
    let lines_each = u32::try_from(lines.len()).unwrap();
    within("lines for a visitor", lines_each, 2_000, 15.0, 30.0);
    within("bounces", figures.bounces, figures.sessions, 0.3, 0.6);
    within("orders", of("Order Completed"), figures.sessions, 0.02, 0.04);
    within("baskets left", of("Order Completed"), of("Checkout Started"), 0.5, 0.8);
    within("checkouts", of("Checkout Started"), of("Cart Viewed"), 0.4, 0.8);
    within("returned", figures.returned, figures.visitors, 0.25, 0.55);
    within("searches", of("Products Searched"), figures.sessions, 0.03, 0.2);
    within("known", of("identify"), figures.visitors, 0.01, 0.1);
    within("clicks on slots", of("Slot Clicked"), of("Slot Viewed"), 0.03, 0.18);
}

#[test]
fn evenings_and_newsletters_are_busy_and_the_slow_day_is_slow() {
    let lines = history(&plan(2_000));
    let (mut by_hour, mut by_day) = ([0_u32; 24], [0_u32; 42]);
    for line in &lines {
        by_hour[usize::try_from(line.at.0 / 3_600_000 % 24).unwrap()] += 1;
        by_day[usize::try_from(line.at.since(plan(1).begin()) / 86_400_000).unwrap()] += 1;
    }
    // Nights are never empty: bots do not sleep, and it is day elsewhere.
    assert!(by_hour[18..22].iter().sum::<u32>() * 2 > by_hour[1..5].iter().sum::<u32>() * 5, "{by_hour:?}");
    let mean = by_day.iter().sum::<u32>() / 42;
    assert!(by_day.iter().any(|day| day * 2 < mean) && by_day.iter().any(|day| *day > mean * 8 / 5), "{by_day:?}");
    assert!(by_day[28..].iter().sum::<u32>() > by_day[..14].iter().sum::<u32>() * 5 / 4, "{by_day:?}");
}

#[test]
fn an_invalid_demo_file_is_named_in_the_error() {
    let error = Shop::read("{}", "[]", "[]", "[]").unwrap_err().to_string();
    assert!(error.starts_with("the catalogue cannot be used"), "{error}");
}
