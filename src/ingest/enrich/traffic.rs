//! Where a visit came from: campaign marks first, then advertising click ids, then the referrer.

use std::borrow::Cow;

use url::{Url, form_urlencoded};

use super::{
    channel,
    mask::mask,
    page::Way,
    sources::{self, Category},
};
use crate::{
    ingest::{Setting, limits, text},
    model::{Channel, Event, Kind, Traffic},
};

/// Advertising click ids: the parameter, the source it implies, and the medium.
const CLICK_IDS: [(&str, &str, &str); 10] = [
    ("gclid", "google", "cpc"),
    ("gbraid", "google", "cpc"),
    ("wbraid", "google", "cpc"),
    ("dclid", "google", "display"),
    ("msclkid", "bing", "cpc"),
    ("ttclid", "tiktok", "cpc"),
    ("twclid", "twitter", "cpc"),
    ("li_fat_id", "linkedin", "cpc"),
    ("yclid", "yandex", "cpc"),
    // Put on every link out of Facebook, paid or not.
    ("fbclid", "facebook", "referral"),
];

/// Parameters in which search engines pass the words on, where they still do.
const WORDS: [&str; 8] = ["q", "query", "p", "text", "wd", "word", "search", "searchfor"];

/// What the parameters of an address tell.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    source: String,
    medium: String,
    campaign: String,
    term: String,
    content: String,
    click: Option<(&'static str, &'static str, &'static str)>,
}

impl Marks {
    /// Takes the marks out of a query and gives back what of the rest may be kept.
    pub(crate) fn read<'a>(&mut self, query: &str, kept_keys: &[String]) -> Cow<'a, str> {
        if query.is_empty() {
            return Cow::Borrowed("");
        }
        let mut kept = form_urlencoded::Serializer::new(String::new());
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            let mark = match &*key {
                "utm_source" => &mut self.source,
                "utm_medium" => &mut self.medium,
                "utm_campaign" => &mut self.campaign,
                "utm_term" => &mut self.term,
                "utm_content" => &mut self.content,
                _ => {
                    if let Some(click) = CLICK_IDS.iter().find(|(name, ..)| *name == key) {
                        self.click.get_or_insert(*click);
                    } else if kept_keys.iter().any(|kept| *kept == key) {
                        let value = text::clean(&value, limits::CAMPAIGN);
                        kept.append_pair(&key, &mask(value));
                    }
                    continue;
                }
            };
            if mark.is_empty() {
                *mark = bounded(&value).into_owned();
            }
        }
        let mut kept = kept.finish();
        // A query cut inside a value would say something else; the last pairs go as a whole.
        while kept.len() > limits::QUERY {
            kept.truncate(kept.rfind('&').unwrap_or(0));
        }
        Cow::Owned(kept)
    }
}

pub(crate) fn put_traffic<'a>(event: &mut Event<'a>, setting: &Setting<'_>, way: Way<'a>) {
    let Way { marks, referrer, page_known, told } = way;
    let or_told = |mark: String, told: &Cow<'a, str>| if mark.is_empty() { bounded(told) } else { Cow::Owned(mark) };
    let mut traffic = Traffic {
        source: or_told(marks.source, &told.source.0),
        medium: or_told(marks.medium, &told.medium.0),
        campaign: or_told(marks.campaign, &told.name.0),
        term: or_told(marks.term, &told.term.0),
        content: or_told(marks.content, &told.content.0),
        click_id: marks.click.filter(|_| setting.consent.analytics).map_or("", |(name, ..)| name),
        channel: Channel::Direct,
    };
    let has_campaign = !(traffic.source.is_empty() && traffic.medium.is_empty() && traffic.campaign.is_empty());
    let from = referrer.as_ref().map_or(From::Nowhere, |url| From::of(event, setting, url));

    if let (From::Outside(Some(known)), Some(url)) = (&from, &referrer)
        && known.category == Category::Search
        && traffic.term.is_empty()
    {
        traffic.term = words(url);
    }
    if let (false, Some((_, source, medium))) = (has_campaign, marks.click) {
        (traffic.source, traffic.medium) = (Cow::Borrowed(source), Cow::Borrowed(medium));
    } else if !has_campaign || traffic.source.is_empty() {
        traffic.put_referrer(&from, &event.page.referrer_host, has_campaign);
    }
    traffic.channel = match from {
        _ if has_campaign || marks.click.is_some() => {
            channel::of_campaign(&traffic.source, &traffic.medium, &traffic.campaign)
        }
        From::Outside(_) => channel::of_campaign(&traffic.source, &traffic.medium, ""),
        From::Inside => Channel::Internal,
        // An event that tells of no page, such as an order from the shop's server, begins no visit.
        From::Nowhere if !page_known && !matches!(event.kind, Kind::Page | Kind::Screen) => Channel::Internal,
        From::Nowhere => Channel::Direct,
    };
    event.traffic = traffic;
}

/// Where the page before was.
enum From {
    Nowhere,
    Inside,
    Outside(Option<sources::Source>),
}

impl From {
    fn of(event: &Event<'_>, setting: &Setting<'_>, referrer: &Url) -> Self {
        let host = &*event.page.referrer_host;
        if host.is_empty() {
            return Self::Nowhere;
        }
        let bare = |host: &str| host.strip_prefix("www.").unwrap_or(host) == event.page.referrer_host;
        let of_site = setting.site.origins.iter().any(|origin| {
            let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
            let port = referrer.port().map_or(host.len(), |_| host.rfind(':').unwrap_or(host.len()));
            bare(host.get(..port).unwrap_or(host))
        });
        if of_site || bare(&event.page.host) { Self::Inside } else { Self::Outside(sources::of_host(host)) }
    }
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
    let found = referrer.query_pairs().find(|(key, value)| WORDS.contains(&&**key) && !value.is_empty());
    found.map_or(Cow::Borrowed(""), |(_, value)| Cow::Owned(bounded(&value).into_owned()))
}

fn bounded<'a>(mark: &Cow<'a, str>) -> Cow<'a, str> {
    let masked = mask(text::clean(mark, limits::CAMPAIGN));
    if masked.len() <= limits::CAMPAIGN { masked } else { Cow::Owned(text::cut(&masked, limits::CAMPAIGN).to_owned()) }
}
