//! Where a visit came from: campaign marks first, then advertising click ids, then the referrer.

use std::borrow::Cow;

use url::Url;

use super::{
    campaign::{Marks, RARER, bounded},
    channel,
    page::{Way, is_told},
    page_context::Told,
    sources::{self, Category},
};
use crate::{
    ingest::Setting,
    model::{Channel, Page, Traffic},
    wire::collect,
};

/// Parameters in which search engines pass the words on, where they still do.
const WORDS: [&str; 16] = [
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

/// Reads where a visit to this page came from.
pub(super) fn read<'a>(setting: &Setting<'_>, page: &Page<'a>, way: Way, told: Told<'_, 'a>) -> Traffic<'a> {
    let Way { marks, referrer } = way;
    let click = marks.click;
    let mut traffic = of_campaign(marks, told.campaign);
    traffic.click_id = click.filter(|_| setting.consent.analytics).map_or("", |click| click.name);
    let has_campaign = !(traffic.source.is_empty() && traffic.medium.is_empty() && traffic.campaign.is_empty());
    let from = referrer.as_ref().map_or(From::Nowhere, |url| From::of(page, setting, url));

    if let (From::Outside(Some(known)), Some(url)) = (&from, &referrer)
        && known.category == Category::Search
        && traffic.term.is_empty()
    {
        traffic.term = words(url);
    }
    // Facebook's id is on links out of its other networks too: the referrer knows better which.
    let click = click.filter(|click| click.medium != "referral" || !matches!(from, From::Outside(Some(_))));
    if let Some(click) = click {
        // It says what the marks leave open, unless they name another source.
        if traffic.source.is_empty() {
            traffic.source = Cow::Borrowed(click.source);
        }
        if traffic.medium.is_empty() && traffic.source.eq_ignore_ascii_case(click.source) {
            traffic.medium = Cow::Borrowed(click.medium);
        }
    } else if !has_campaign || traffic.source.is_empty() {
        traffic.put_referrer(&from, &page.referrer_host, has_campaign);
    }
    traffic.channel = match from {
        _ if has_campaign || click.is_some() => {
            channel::of_campaign(&traffic.source, &traffic.medium, &traffic.campaign)
        }
        From::Outside(_) => channel::of_campaign(&traffic.source, &traffic.medium, ""),
        From::Inside => Channel::Internal,
        // An event that tells of no page, such as an order from the shop's server, begins no visit.
        From::Nowhere if !is_told(told.page) && !told.begins_visit => Channel::Internal,
        From::Nowhere => Channel::Direct,
    };
    traffic
}

/// The campaign as the client told it, else as the address marks it: never a mixture of two.
fn of_campaign<'a>(marks: Marks, told: &collect::Campaign<'a>) -> Traffic<'a> {
    let is_told = !(told.source.is_empty() && told.medium.is_empty() && told.name.is_empty());
    let or_told =
        |mark: String, told: &Cow<'a, str>| if is_told || mark.is_empty() { bounded(told) } else { Cow::Owned(mark) };
    let mut rarer = marks.rarer;
    if rarer.is_empty() && !told.id.is_empty() {
        rarer.push((RARER[0], Cow::Owned(bounded(&told.id.0).into_owned())));
    }
    Traffic {
        source: or_told(marks.source, &told.source.0),
        medium: or_told(marks.medium, &told.medium.0),
        campaign: or_told(marks.campaign, &told.name.0),
        term: or_told(marks.term, &told.term.0),
        content: or_told(marks.content, &told.content.0),
        marks: rarer,
        ..Traffic::default()
    }
}

/// Where the page before was.
enum From {
    Nowhere,
    Inside,
    Outside(Option<sources::Source>),
}

impl From {
    fn of(page: &Page<'_>, setting: &Setting<'_>, referrer: &Url) -> Self {
        let host = &*page.referrer_host;
        if host.is_empty() {
            return Self::Nowhere;
        }
        let bare = |host: &str| host.strip_prefix("www.").unwrap_or(host) == page.referrer_host;
        let of_site = setting.site.origins.iter().any(|origin| {
            let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
            let port = referrer.port().map_or(host.len(), |_| host.rfind(':').unwrap_or(host.len()));
            bare(host.get(..port).unwrap_or(host))
        });
        let of_own_machine = matches!(host, "localhost" | "127.0.0.1" | "[::1]") || host.ends_with(".localhost");
        if of_site || bare(&page.host) || is_below(host, &page.host) || of_own_machine {
            Self::Inside
        } else {
            Self::Outside(sources::of_host(host))
        }
    }
}

/// Whether a host is a subdomain of a page's.
fn is_below(host: &str, of_page: &str) -> bool {
    let of_page = of_page.strip_prefix("www.").unwrap_or(of_page);
    !of_page.is_empty() && host.strip_suffix(of_page).is_some_and(|label| label.ends_with('.'))
}

trait PutReferrer {
    fn put_referrer(&mut self, from: &From, host: &str, has_campaign: bool);
}

impl PutReferrer for Traffic<'_> {
    /// Names the source by the referrer; the medium too, unless a campaign has a say in it.
    fn put_referrer(&mut self, from: &From, host: &str, has_campaign: bool) {
        let From::Outside(known) = from else { return };
        self.source = known.map_or_else(|| Cow::Owned(host.to_owned()), |known| Cow::Borrowed(known.name));
        if !has_campaign {
            let search = known.is_some_and(|known| known.category == Category::Search);
            self.medium = Cow::Borrowed(if search { "organic" } else { "referral" });
        }
    }
}

fn words<'a>(referrer: &Url) -> Cow<'a, str> {
    let is_key = |key: &str| WORDS.iter().any(|word| word.eq_ignore_ascii_case(key));
    // Words in the alphabet of another age cannot be read any more.
    let is_text = |value: &str| !value.is_empty() && !value.contains(char::REPLACEMENT_CHARACTER);
    let found = referrer.query_pairs().find(|(key, value)| is_key(key) && is_text(value));
    found.map_or(Cow::Borrowed(""), |(_, value)| Cow::Owned(bounded(&value).into_owned()))
}
