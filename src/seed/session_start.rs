//! Traffic sources: the landing page of a session, and its referrer.

use super::{
    rng::Rng,
    shop::{Campaign, Shop},
};

const CODE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How a session starts.
#[derive(Debug, Default)]
pub(super) struct SessionStart {
    /// Path and query of the first page.
    pub(super) target: String,
    /// Referrer URL; empty when there was none.
    pub(super) referrer: &'static str,
    /// Name of the campaign; empty when there was none.
    pub(super) campaign: String,
}

/// Kinds of traffic sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Direct,
    Search,
    Social,
    Assistant,
    Referral,
    Campaign,
}

const FIRST: [(Source, f64); 6] = [
    (Source::Search, 0.30),
    (Source::Campaign, 0.29),
    (Source::Direct, 0.19),
    (Source::Social, 0.09),
    (Source::Assistant, 0.07),
    (Source::Referral, 0.06),
];
const LATER: [(Source, f64); 6] = [
    (Source::Direct, 0.55),
    (Source::Search, 0.24),
    (Source::Campaign, 0.10),
    (Source::Social, 0.04),
    (Source::Assistant, 0.03),
    (Source::Referral, 0.04),
];

/// Referrers with the click-id parameter they add to links, if any, and their weight.
type Referrers = [(&'static str, &'static str, f64)];

const SEARCH: &Referrers = &[
    ("https://www.google.com/", "", 0.82),
    ("https://www.bing.com/", "", 0.08),
    ("https://duckduckgo.com/", "", 0.06),
    ("https://www.ecosia.org/", "", 0.04),
];
const SOCIAL: &Referrers = &[
    ("https://l.instagram.com/", "", 0.36),
    ("https://www.pinterest.com/", "", 0.24),
    ("https://l.facebook.com/", "fbclid", 0.2),
    ("https://www.reddit.com/", "", 0.14),
    ("https://t.co/", "", 0.06),
];
const ASSISTANTS: &Referrers = &[
    ("https://chatgpt.com/", "", 0.62),
    ("https://www.perplexity.ai/", "", 0.18),
    ("https://gemini.google.com/", "", 0.1),
    ("https://copilot.microsoft.com/", "", 0.06),
    ("https://claude.ai/", "", 0.04),
];
const REFERRALS: &Referrers = &[
    ("https://slow-kitchen.example/letters/what-we-cook-with", "", 0.4),
    ("https://paper-and-ink.example/best-notebooks", "", 0.35),
    ("https://balcony-forest.example/autumn", "", 0.25),
];

/// A random source; `main` is the visitor's preferred category.
pub(super) fn random(rng: &mut Rng, shop: &Shop, main: usize, first: bool) -> SessionStart {
    let (source, _) = *rng.pick(if first { &FIRST } else { &LATER }, |(_, weight)| *weight);
    let from = |rng: &mut Rng, places: &Referrers, item: f64, list: f64| {
        let (referrer, click_id, _) = *rng.pick(places, |(.., weight)| *weight);
        let mut target = landing(rng, shop, main, item, list);
        if !click_id.is_empty() {
            target = format!("{target}?{click_id}={}", rng.code(CODE, 40));
        }
        SessionStart { target, referrer, campaign: String::new() }
    };
    match source {
        Source::Direct => SessionStart { target: landing(rng, shop, main, 0.05, 0.08), ..SessionStart::default() },
        Source::Search => from(rng, SEARCH, 0.2, 0.2),
        Source::Social => from(rng, SOCIAL, 0.35, 0.1),
        Source::Assistant => from(rng, ASSISTANTS, 0.35, 0.2),
        Source::Referral => from(rng, REFERRALS, 0.2, 0.2),
        Source::Campaign => {
            let running: Vec<&Campaign> = shop.campaigns.iter().filter(|campaign| campaign.sent.is_empty()).collect();
            if running.is_empty() {
                return SessionStart { target: "/demo/".into(), ..SessionStart::default() };
            }
            let campaign = rng.pick(&running, |campaign| {
                // Advertising reaches its target group.
                let reach = match shop.category_of_landing(campaign) {
                    None => 0.35,
                    Some(category) if category == main => 1.0,
                    Some(_) => 0.12,
                };
                campaign.weight * reach
            });
            from_campaign(rng, campaign)
        }
    }
}

/// The start of a session that came from a campaign.
pub(super) fn from_campaign(rng: &mut Rng, campaign: &Campaign) -> SessionStart {
    let Campaign { utm_source, utm_medium, name, landing, .. } = campaign;
    let mut target = format!("{landing}?utm_source={utm_source}&utm_medium={utm_medium}&utm_campaign={name}");
    let referrer = match (utm_source.as_str(), utm_medium.as_str()) {
        ("google", "cpc") => {
            target = format!("{target}&gclid={}", rng.code(CODE, 54));
            "https://www.google.com/"
        }
        ("bing", "cpc") => {
            target = format!("{target}&msclkid={}", rng.code(b"0123456789abcdef", 32));
            "https://www.bing.com/"
        }
        ("instagram", _) => "https://l.instagram.com/",
        _ => "",
    };
    SessionStart { target, referrer, campaign: name.clone() }
}

/// Landing page of an external link: an item, a category, or the home page.
fn landing(rng: &mut Rng, shop: &Shop, main: usize, item: f64, list: f64) -> String {
    let kind = rng.share();
    let category = &shop.categories[main];
    if kind < item {
        let liked = *rng.pick(&category.items, |item| shop.items[*item].appeal());
        shop.items[liked].url.clone()
    } else if kind < item + list {
        format!("/demo/c/{}", category.slug)
    } else {
        "/demo/".into()
    }
}
