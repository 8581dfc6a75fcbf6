//! A site and a setting for the tests of this room.

use std::sync::{Arc, LazyLock};

use crate::{
    config,
    model::{ConsentDefault, Currency, Place, RobotsPolicy, Site, SiteId, Timestamp, VisitorId, VisitorRules},
};

use super::{
    Caps, Consent, Hints, Identity, Origin, Sender, Setting, SiteCaps, TokenSigner, ViewRate, enrich::ReadingCache,
};

pub(crate) const NOW: Timestamp = Timestamp(1_763_798_400_000);
pub(crate) const CHROME: &str =
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";

/// Believes whatever visitors do.
static BELIEVING: LazyLock<ViewRate> = LazyLock::new(|| ViewRate::new(0));

pub(crate) static SEAL: LazyLock<TokenSigner> = LazyLock::new(|| TokenSigner::new("secret"));

static GENEROUS: LazyLock<Arc<SiteCaps>> =
    LazyLock::new(|| Caps::new(&config::Config::defaults().ingest).of(SiteId(1)));

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
        rates: Arc::new(crate::model::rates::Rates::to(Currency(*b"EUR"))),
        rules: Arc::default(),
        captures: crate::model::Captures::ALL,
        recommending: crate::model::Recommending::default(),
        offer_html: false,
        demo: false,
        created_at: Timestamp(0),
    }
}

pub(crate) fn identity(visitor: u128, from: Origin) -> Identity {
    Identity::new(VisitorId(visitor), from)
}

pub(crate) fn setting<'s>(site: &'s Site, limits: &'s config::Ingest, readings: &'s ReadingCache) -> Setting<'s> {
    Setting {
        site,
        sender: Sender::Browser,
        user_agent: CHROME,
        hints: Hints::default(),
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
        readings,
        caps: &GENEROUS,
        pace: &BELIEVING,
        seal: &SEAL,
        session_of: &|_| None,
        place: &|_| Place { country: "GB".into(), region: "England".into(), city: "London".into() },
    }
}
