//! The page of an event and the way that led there, read once for all events that tell the same.
//!
//! Everything that [`page`] and [`traffic`] look at is part of the key, so what is remembered is what a
//! new reading would give.

use std::{borrow::Cow, sync::Arc};

use super::{
    page::{self, is_told},
    recent::Recent,
    traffic,
};
use crate::{
    ingest::Setting,
    model::{Event, Kind, Page, Traffic},
    wire::collect::{self, Batch},
};

/// Longer texts are read anew each time, or few of them would fill the memory.
const TEXTS_BYTES_MAX: usize = 2048;

/// Pages read lately.
#[derive(Debug)]
pub(super) struct Cache(Recent<Known>);

impl Cache {
    pub(super) fn new(ways_max: usize) -> Self {
        Self(Recent::new(ways_max))
    }
}

#[derive(Debug)]
struct Known {
    page: Page<'static>,
    traffic: Traffic<'static>,
}

/// What a client tells of a page and of the way there.
#[derive(Clone, Copy)]
pub(super) struct Told<'t, 'a> {
    pub(super) page: &'t collect::Page<'a>,
    /// Campaign marks that the client took from the address itself.
    pub(super) campaign: &'t collect::Campaign<'a>,
    /// Whether such an event begins a visit even when it tells of no page.
    pub(super) begins_visit: bool,
}

pub(crate) fn put_way<'a>(event: &mut Event<'a>, setting: &Setting<'_>, batch: &Batch<'a>, call: &collect::Event<'a>) {
    let of_properties = page::in_properties(event.kind, call);
    let page = match &of_properties {
        _ if is_told(&call.context.page) => &call.context.page,
        Some(page) if is_told(page) => page,
        _ => &batch.context.page,
    };
    let own = &call.context.campaign;
    let silent = own.source.is_empty() && own.medium.is_empty() && own.name.is_empty();
    let campaign = if silent { &batch.context.campaign } else { own };
    let told = Told { page, campaign, begins_visit: matches!(event.kind, Kind::Page | Kind::Screen) };
    let known = known(setting, told);
    event.page = known.page.clone();
    event.traffic = known.traffic.clone();
}

fn known(setting: &Setting<'_>, told: Told<'_, '_>) -> Arc<Known> {
    let Told { page, campaign, begins_visit } = told;
    let texts = [
        &page.url,
        &page.path,
        &page.search,
        &page.title,
        &page.referrer,
        &campaign.source,
        &campaign.medium,
        &campaign.name,
        &campaign.term,
        &campaign.content,
        &campaign.id,
    ]
    .map(collect::Text::as_str);
    let read = || {
        let (page, way) = page::read(page, &setting.limits.query_keys_kept);
        let traffic = traffic::read(setting, &page, way, told);
        Known { page: lasting_page(page), traffic: lasting_traffic(traffic) }
    };
    if texts.iter().map(|text| text.len()).sum::<usize>() > TEXTS_BYTES_MAX {
        return Arc::new(read());
    }
    let of_site = (setting.site.id, &setting.site.origins, setting.consent.analytics, begins_visit);
    setting.readings.ways.0.of(&(texts, of_site), read)
}

/// The same text, living as long as it is remembered; nothing is allocated for nothing.
fn lasting(text: Cow<'_, str>) -> Cow<'static, str> {
    if text.is_empty() { Cow::Borrowed("") } else { Cow::Owned(text.into_owned()) }
}

fn lasting_page(page: Page<'_>) -> Page<'static> {
    Page {
        host: lasting(page.host),
        path: lasting(page.path),
        query: lasting(page.query),
        title: lasting(page.title),
        referrer_host: lasting(page.referrer_host),
        referrer_path: lasting(page.referrer_path),
    }
}

fn lasting_traffic(traffic: Traffic<'_>) -> Traffic<'static> {
    Traffic {
        channel: traffic.channel,
        source: lasting(traffic.source),
        medium: lasting(traffic.medium),
        campaign: lasting(traffic.campaign),
        term: lasting(traffic.term),
        content: lasting(traffic.content),
        click_id: traffic.click_id,
        marks: traffic.marks.into_iter().map(|(name, value)| (name, lasting(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        ingest::{Consent, enrich::ReadingCache, fixture},
    };

    #[test]
    fn what_is_remembered_is_what_a_new_reading_gives() {
        let (mut site, limits, readings) = (fixture::site(), Config::defaults().ingest, ReadingCache::default());
        let page = collect::Page {
            url: "https://shop.example/p/1?utm_source=letter&gclid=1&q=cup".into(),
            title: "A cup".into(),
            referrer: "https://other.example/list".into(),
            ..collect::Page::default()
        };
        let campaign = collect::Campaign::default();
        let read = |site: &crate::model::Site, consent, begins_visit| {
            let setting = fixture::setting(site, &limits, &readings);
            let told = Told { page: &page, campaign: &campaign, begins_visit };
            let known = known(&Setting { consent, ..setting }, told);
            (known.page.clone(), known.traffic.clone())
        };
        let first = read(&site, Consent::FULL, true);
        assert_eq!(first.0.path, "/p/1");
        assert_eq!(first.1.click_id, "gclid");
        assert_eq!(read(&site, Consent::FULL, true), first);
        // Everything that may change the reading makes it another one.
        let refused = Consent { analytics: false, ..Consent::FULL };
        assert_eq!(read(&site, refused, true).1.click_id, "");
        site.origins = vec!["https://other.example".into()];
        assert_eq!(read(&site, Consent::FULL, true).0, first.0);
        assert_eq!(read(&site, Consent::FULL, true), first);
    }
}
