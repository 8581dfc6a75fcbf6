//! Sets the page and traffic source, parsed once for all events that report the same.
//!
//! Everything that [`page`] and [`traffic`] read is part of the cache key, so a cached result equals a new one.

use std::{borrow::Cow, sync::Arc};

use super::{
    page::{self, is_reported},
    parse_cache::PageAndTraffic,
    traffic::{self, ReportedPage},
};
use crate::{
    ingest::types::RequestContext,
    model::{Event, Kind, Page, Traffic},
    wire::collect::{self, Batch},
};

/// Longer texts are parsed each time, so that few of them cannot fill the cache.
const TEXTS_BYTES_MAX: usize = 2048;

pub(crate) fn set_page_and_traffic<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) {
    let of_properties = page::in_properties(event.kind, call);
    let page = match &of_properties {
        _ if is_reported(&call.context.page) => &call.context.page,
        Some(page) if is_reported(page) => page,
        _ => &batch.context.page,
    };
    let own = &call.context.campaign;
    let is_unset = own.source.is_empty() && own.medium.is_empty() && own.name.is_empty();
    let campaign = if is_unset { &batch.context.campaign } else { own };
    let reported = ReportedPage { page, campaign, starts_visit: matches!(event.kind, Kind::Page | Kind::Screen) };
    let cached = parse(request, reported);
    event.page = cached.page.clone();
    event.traffic = cached.traffic.clone();
}

fn parse(request: &RequestContext<'_>, reported: ReportedPage<'_, '_>) -> Arc<PageAndTraffic> {
    let ReportedPage { page, campaign, starts_visit } = reported;
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
    let filters = &request.site.traffic_filters;
    let compute = || {
        let (mut page, hints) = page::parse(page, &request.limits.query_keys_kept);
        for path in [&mut page.path, &mut page.referrer_path] {
            let kept = filters.joined(path).len();
            path.to_mut().truncate(kept);
        }
        let traffic = traffic::resolve(request, &page, hints, reported);
        PageAndTraffic { page: owned_page(page), traffic: owned_traffic(traffic) }
    };
    if texts.iter().map(|text| text.len()).sum::<usize>() > TEXTS_BYTES_MAX {
        return Arc::new(compute());
    }
    let site = (request.site.id, &request.site.origins, request.consent.analytics, starts_visit);
    let filters = (&filters.ignored_referrers, filters.join_trailing_slashes);
    request.parse_cache.page(&(texts, site, filters), compute)
}

/// The text as an owned one; an empty one is not allocated.
fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    if text.is_empty() { Cow::Borrowed("") } else { Cow::Owned(text.into_owned()) }
}

fn owned_page(page: Page<'_>) -> Page<'static> {
    Page {
        host: owned(page.host),
        path: owned(page.path),
        query: owned(page.query),
        title: owned(page.title),
        referrer_host: owned(page.referrer_host),
        referrer_path: owned(page.referrer_path),
    }
}

fn owned_traffic(traffic: Traffic<'_>) -> Traffic<'static> {
    Traffic {
        channel: traffic.channel,
        source: owned(traffic.source),
        medium: owned(traffic.medium),
        campaign: owned(traffic.campaign),
        term: owned(traffic.term),
        content: owned(traffic.content),
        click_id: traffic.click_id,
        campaign_params: traffic.campaign_params.into_iter().map(|(name, value)| (name, owned(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        ingest::{Consent, ParseCache, fixture},
    };

    #[test]
    fn a_cached_result_equals_a_new_one() {
        let (mut site, limits, cache) = (fixture::site(), Config::defaults().ingest, ParseCache::default());
        let page = collect::Page {
            url: "https://shop.example/p/1?utm_source=letter&gclid=1&q=cup".into(),
            title: "A cup".into(),
            referrer: "https://other.example/list".into(),
            ..collect::Page::default()
        };
        let campaign = collect::Campaign::default();
        let read = |site: &crate::model::Site, consent, starts_visit| {
            let request = fixture::request(site, &limits, &cache);
            let reported = ReportedPage { page: &page, campaign: &campaign, starts_visit };
            let cached = parse(&RequestContext { consent, ..request }, reported);
            (cached.page.clone(), cached.traffic.clone())
        };
        let first = read(&site, Consent::FULL, true);
        assert_eq!(first.0.path, "/p/1");
        assert_eq!(first.1.click_id, "gclid");
        assert_eq!(read(&site, Consent::FULL, true), first);
        // Everything that affects the result is part of the key.
        let refused = Consent { analytics: false, ..Consent::FULL };
        assert_eq!(read(&site, refused, true).1.click_id, "");
        site.origins = vec!["https://other.example".into()];
        assert_eq!(read(&site, Consent::FULL, true).0, first.0);
        assert_eq!(read(&site, Consent::FULL, true), first);
    }

    #[test]
    fn ignored_referrers_are_no_source_and_slashes_are_joined() {
        let (mut site, limits, cache) = (fixture::site(), Config::defaults().ingest, ParseCache::default());
        let page = collect::Page {
            url: "https://shop.example/thanks/".into(),
            referrer: "https://www.pay.bank.example/done/".into(),
            ..collect::Page::default()
        };
        let campaign = collect::Campaign::default();
        let read = |site: &crate::model::Site| {
            let reported = ReportedPage { page: &page, campaign: &campaign, starts_visit: true };
            let cached = parse(&fixture::request(site, &limits, &cache), reported);
            let (page, traffic) = (&cached.page, &cached.traffic);
            [&page.path, &page.referrer_host, &page.referrer_path, &traffic.source].map(ToString::to_string)
        };
        assert_eq!(read(&site), ["/thanks/", "pay.bank.example", "/done/", "pay.bank.example"]);
        let filters = crate::model::TrafficFilters {
            ignored_referrers: vec!["bank.example".into()],
            join_trailing_slashes: true,
            ..crate::model::TrafficFilters::default()
        };
        site.traffic_filters = filters.into();
        assert_eq!(read(&site), ["/thanks", "pay.bank.example", "/done", ""]);
    }
}
