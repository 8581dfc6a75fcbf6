//! A site and a request for tests of this module.

use std::sync::{Arc, LazyLock};

use crate::{
    config,
    model::{ConsentDefault, Currency, GeoLocation, RobotsPolicy, Site, SiteId, Timestamp, VisitorId, VisitorRules},
};

use super::{
    CardinalityLimits, ClientHints, Consent, Identity, Origin, ParseCache, RequestContext, Sender, SiteCardinality,
    TokenSigner, ViewRate,
};

pub(crate) const NOW: Timestamp = Timestamp(1_763_798_400_000);
pub(crate) const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// Never blocks a visitor.
static NO_VIEW_LIMIT: LazyLock<ViewRate> = LazyLock::new(|| ViewRate::new(0));

pub(crate) static TOKEN_SIGNER: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::new("secret"));

static DEFAULT_CARDINALITY: LazyLock<Arc<SiteCardinality>> =
    LazyLock::new(|| CardinalityLimits::new(&config::Config::defaults().ingest).for_site(SiteId(1)));

pub(crate) fn site() -> Site {
    Site {
        id: SiteId(1),
        name: "Shop".into(),
        origins: vec!["https://shop.example".into(), "https://www.shop.example".into()],
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
        rates: Arc::new(crate::model::rates::Rates::identity(Currency(*b"EUR"))),
        rules: Arc::default(),
        captures: crate::model::Captures::ALL,
        exploration: crate::model::ExplorationSettings::default(),
        offer_html: false,
        traffic_filters: std::sync::Arc::default(),
        contact_costs: std::sync::Arc::default(),
        holdout_bp: 0,
        demo: false,
        created_at: Timestamp(0),
    }
}

pub(crate) fn identity(visitor: u128, from: Origin) -> Identity {
    Identity::new(VisitorId(visitor), from)
}

pub(crate) fn request<'s>(
    site: &'s Site,
    limits: &'s config::Ingest,
    parse_cache: &'s ParseCache,
) -> RequestContext<'s> {
    RequestContext {
        site,
        sender: Sender::Browser,
        user_agent: CHROME,
        hints: ClientHints::default(),
        address: Some([81, 2, 69, 142].into()),
        identity: identity(7, Origin::Proposal),
        server_key: false,
        consent: Consent::FULL,
        refusal_signal: false,
        daily: None,
        now: NOW,
        entropy: 99,
        from_file: false,
        limits,
        parse_cache,
        cardinality: &DEFAULT_CARDINALITY,
        view_rate: &NO_VIEW_LIMIT,
        token_signer: &TOKEN_SIGNER,
        session_of: &|_| None,
        locate: &|_| GeoLocation { country: "GB".into(), region: "England".into(), city: "London".into() },
    }
}
