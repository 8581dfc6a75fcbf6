//! Resolves the traffic source of a visit: by campaign parameters first, then advertising click ids, then the referrer.

use std::borrow::Cow;

use url::Url;

use super::{
    campaign::{CampaignParams, EXTRA_PARAMS, bounded},
    channel,
    page::{SourceHints, is_reported},
    sources::{self, Category},
};
use crate::{
    ingest::types::RequestContext,
    model::{Channel, Page, Traffic},
    wire::collect,
};

/// What a client reports about a page and its source.
#[derive(Clone, Copy)]
pub(super) struct ReportedPage<'t, 'a> {
    pub(super) page: &'t collect::Page<'a>,
    /// Campaign parameters that the client took from the URL itself.
    pub(super) campaign: &'t collect::Campaign<'a>,
    /// Whether such an event starts a visit even without a page.
    pub(super) starts_visit: bool,
}

/// Parameters in which search engines pass the search terms, where they still do.
const TERM_KEYS: [&str; 16] = [
    "q",
    "query",
    "p",
    "text",
    "wd",
    "word",
    "words",
    "search",
    "searchfor",
    "kw",
    "keyword",
    "keywords",
    "qs",
    "search_term",
    "searchterm",
    "key",
];

/// Hosts that serve Google's advertisements in the pages of others: a click there was paid for.
const AD_HOSTS: [&str; 7] = [
    "adsensecustomsearchads.com",
    "googleads.g.doubleclick.net",
    "pagead2.googlesyndication.com",
    "safeframe.googlesyndication.com",
    "syndicatedsearch.goog",
    "tdsf.doubleclick.net",
    "tpc.googlesyndication.com",
];

/// Resolves the source of a visit to this page.
pub(super) fn resolve<'a>(
    request: &RequestContext<'_>,
    page: &Page<'a>,
    hints: SourceHints,
    reported: ReportedPage<'_, 'a>,
) -> Traffic<'a> {
    let SourceHints { params, referrer } = hints;
    let click = params.click;
    let mut traffic = from_campaign(params, reported.campaign);
    traffic.click_id = click.filter(|_| request.consent.analytics).map_or("", |click| click.name);
    let has_campaign = !(traffic.source.is_empty() && traffic.medium.is_empty() && traffic.campaign.is_empty());
    let from = referrer.as_ref().map_or(Referrer::None, |url| Referrer::new(page, request, url));

    if let (Referrer::External(Some(known)), Some(url)) = (&from, &referrer)
        && known.category == Category::Search
        && traffic.term.is_empty()
    {
        traffic.term = search_terms(url);
    }
    // Facebook's id is also on links from its other networks; the referrer names the right one.
    let click = click.filter(|click| click.medium != "referral" || !matches!(from, Referrer::External(Some(_))));
    if let Some(click) = click {
        // It fills what the parameters leave open, unless they name another source.
        if traffic.source.is_empty() {
            traffic.source = Cow::Borrowed(click.source);
        }
        if traffic.medium.is_empty() && traffic.source.eq_ignore_ascii_case(click.source) {
            traffic.medium = Cow::Borrowed(click.medium);
        }
    } else if !has_campaign || traffic.source.is_empty() {
        traffic.set_referrer(&from, &page.referrer_host, has_campaign);
    }
    traffic.channel = match from {
        _ if has_campaign || click.is_some() => channel::classify(&traffic.source, &traffic.medium, &traffic.campaign),
        Referrer::External(_) => channel::classify(&traffic.source, &traffic.medium, ""),
        Referrer::Internal => Channel::Internal,
        // An event without a page, such as an order from the shop's server, starts no visit.
        Referrer::None if !is_reported(reported.page) && !reported.starts_visit => Channel::Internal,
        Referrer::None => Channel::Direct,
    };
    traffic
}

/// The campaign that the client reports, else the one in the URL: never a mixture.
fn from_campaign<'a>(params: CampaignParams, reported: &collect::Campaign<'a>) -> Traffic<'a> {
    let is_reported = !(reported.source.is_empty() && reported.medium.is_empty() && reported.name.is_empty());
    let choose = |param: String, reported: &Cow<'a, str>| {
        if is_reported || param.is_empty() { bounded(reported) } else { Cow::Owned(param) }
    };
    let mut extra = params.extra;
    if extra.is_empty() && !reported.id.is_empty() {
        extra.push((EXTRA_PARAMS[0], Cow::Owned(bounded(&reported.id.0).into_owned())));
    }
    Traffic {
        source: choose(params.source, &reported.source.0),
        medium: choose(params.medium, &reported.medium.0),
        campaign: choose(params.campaign, &reported.name.0),
        term: choose(params.term, &reported.term.0),
        content: choose(params.content, &reported.content.0),
        campaign_params: extra,
        ..Traffic::default()
    }
}

/// Where the previous page was.
enum Referrer {
    None,
    Internal,
    /// With the source, if it is known.
    External(Option<sources::Source>),
}

impl Referrer {
    fn new(page: &Page<'_>, request: &RequestContext<'_>, referrer: &Url) -> Self {
        let host = &*page.referrer_host;
        if host.is_empty() {
            return Self::None;
        }
        let is_referrer = |host: &str| host.strip_prefix("www.").unwrap_or(host) == page.referrer_host;
        let of_site = request.site.origins.iter().any(|origin| {
            let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
            let port = referrer.port().map_or(host.len(), |_| host.rfind(':').unwrap_or(host.len()));
            is_referrer(host.get(..port).unwrap_or(host))
        });
        let is_local = matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost");
        let is_ignored = request.site.traffic_filters.ignores_referrer(host);
        if of_site || is_ignored || is_referrer(&page.host) || is_subdomain(host, &page.host) || is_local {
            Self::Internal
        } else {
            Self::External(sources::by_host(host))
        }
    }
}

/// Whether a host is a subdomain of the page's, ignoring `www.`.
fn is_subdomain(host: &str, of_page: &str) -> bool {
    let of_page = of_page.strip_prefix("www.").unwrap_or(of_page);
    !of_page.is_empty() && host.strip_suffix(of_page).is_some_and(|label| label.ends_with('.'))
}

trait SetReferrer {
    fn set_referrer(&mut self, from: &Referrer, host: &str, has_campaign: bool);
}

impl SetReferrer for Traffic<'_> {
    /// Sets the source to the referrer; the medium too, if there is no campaign.
    fn set_referrer(&mut self, from: &Referrer, host: &str, has_campaign: bool) {
        let Referrer::External(known) = from else { return };
        if AD_HOSTS.contains(&host) && !has_campaign {
            (self.source, self.medium) = (Cow::Borrowed("google"), Cow::Borrowed("cpc"));
            return;
        }
        self.source = known.map_or_else(|| Cow::Owned(host.to_owned()), |known| Cow::Borrowed(known.name));
        if !has_campaign {
            let search = known.is_some_and(|known| known.category == Category::Search);
            self.medium = Cow::Borrowed(if search { "organic" } else { "referral" });
        }
    }
}

fn search_terms<'a>(referrer: &Url) -> Cow<'a, str> {
    let is_key = |key: &str| TERM_KEYS.iter().any(|known| known.eq_ignore_ascii_case(key));
    // Terms in a legacy character encoding cannot be decoded.
    let is_text = |value: &str| !value.is_empty() && !value.contains(char::REPLACEMENT_CHARACTER);
    let found = referrer.query_pairs().find(|(key, value)| is_key(key) && is_text(value));
    found.map_or(Cow::Borrowed(""), |(_, value)| Cow::Owned(bounded(&value).into_owned()))
}
