//! A site, a request and bodies, for benchmarks of ingest.

use ashna::{
    config::Config,
    ingest::{
        CardinalityLimits, ClientHints, Consent, Identity, Origin, ParseCache, RequestContext, Sender, TokenSigner,
        ViewRate,
    },
    model::{ConsentDefault, Currency, GeoLocation, RobotsPolicy, Site, SiteId, Timestamp, VisitorId, VisitorRules},
};

const NOW: Timestamp = Timestamp(1_763_798_400_000);
pub const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

pub const PAGE: &str = r#"{"type":"page","messageId":"9f6c1d2e-7a55-4c3b-9b1e-2f8a6d0c4e11","timestamp":1763798399000,
"properties":{},"context":{"page":{"url":"https://shop.example/p/ethiopia-yirgacheffe?utm_source=news&utm_medium=email",
"title":"Ethiopia Yirgacheffe — Shop","referrer":"https://www.google.com/"}}}"#;

pub const ORDER: &str = r#"{"type":"track","messageId":"1b0de5a4-3c7f-4d90-8c55-6f2f1a7b9e02","timestamp":1763798399500,
"event":"Order Completed","properties":{"order_id":"o-10023","revenue":48.3,"currency":"EUR","products":[
{"product_id":"p-12","name":"Ethiopia Yirgacheffe","category":"Coffee","price":16.1,"quantity":2},
{"product_id":"p-40","name":"Filter papers","category":"Brewing","price":4.1,"quantity":1},
{"product_id":"p-41","name":"Pour-over kettle","category":"Brewing","price":12,"quantity":1}]}}"#;

const SHARED: &str = r#""context":{"page":{"url":"https://shop.example/checkout","title":"Checkout","referrer":""},
"locale":"en-GB","timezone":"Europe/London","screen":{"width":1440,"height":900,"density":2},
"library":{"name":"ashna.js","version":"0.1.0"}}"#;

/// A body with `count` copies of this event, as the tracker sends it.
pub fn body(event: &str, count: usize) -> String {
    let events = vec![event; count].join(",");
    format!(
        r#"{{"key":"key","visitor":"000000000000000000000000000000ff","settings":"9f3c0a51d2","sentAt":1763798400000,{SHARED},"events":[{events}]}}"#
    )
}

/// Runs a measurement with one browser's request, without the view rate limit.
pub fn with_request(measure: impl FnOnce(&RequestContext<'_>)) {
    let (site, limits, cache) = (site(), Config::defaults().ingest, ParseCache::default());
    let view_rate = ViewRate::new(0);
    let cardinality = CardinalityLimits::new(&limits).for_site(site.id);
    measure(&RequestContext {
        site: &site,
        sender: Sender::Browser,
        user_agent: CHROME,
        address: Some([81, 2, 69, 142].into()),
        identity: Identity::new(VisitorId(7), Origin::Proposal),
        server_key: false,
        consent: Consent::FULL,
        refusal_signal: false,
        daily: None,
        now: NOW,
        entropy: 1,
        from_file: false,
        limits: &limits,
        parse_cache: &cache,
        hints: ClientHints::default(),
        cardinality: &cardinality,
        view_rate: &view_rate,
        token_signer: &TokenSigner::new("secret"),
        session_of: &|_| None,
        locate: &|_| GeoLocation { country: "GB".into(), ..GeoLocation::default() },
    });
}

fn site() -> Site {
    Site {
        id: SiteId(1),
        name: "Shop".into(),
        origins: vec!["https://shop.example".into()],
        write_key: "key".into(),
        secret: "secret".into(),
        currency: Currency(*b"EUR"),
        timezone: "UTC".into(),
        robots: RobotsPolicy::Drop,
        consent_default: ConsentDefault::Granted,
        honour_gpc: true,
        rate_entries: [].into(),
        rates: std::sync::Arc::new(ashna::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: std::sync::Arc::default(),
        captures: ashna::model::Captures::ALL,
        exploration: ashna::model::ExplorationSettings::default(),
        events_per_second_max: 0,
        visitors: VisitorRules::default(),
        offer_html: false,
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        demo: false,
        created_at: NOW,
    }
}
