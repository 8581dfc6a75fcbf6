//! Ways into the shop: the address a visit begins at, and the page it came from.

use super::{
    chance::Chance,
    shop::{Campaign, Shop},
};

const CODE: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// How a visit begins.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// Path and query of the first page.
    pub(super) target: String,
    /// Whole address of the page before; empty when there was none.
    pub(super) referrer: &'static str,
    /// Name of the campaign; empty when there was none.
    pub(super) campaign: String,
}

/// Kinds of ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Direct,
    Search,
    Social,
    Assistant,
    Referral,
    Campaign,
}

const FIRST: [(Way, f64); 6] = [
    (Way::Search, 0.30),
    (Way::Campaign, 0.29),
    (Way::Direct, 0.19),
    (Way::Social, 0.09),
    (Way::Assistant, 0.07),
    (Way::Referral, 0.06),
];
const LATER: [(Way, f64); 6] = [
    (Way::Direct, 0.55),
    (Way::Search, 0.24),
    (Way::Campaign, 0.10),
    (Way::Social, 0.04),
    (Way::Assistant, 0.03),
    (Way::Referral, 0.04),
];

/// Referrers, with the mark that the place puts on its links, if it does, and their weight.
type Places = [(&'static str, &'static str, f64)];

const SEARCH: &Places = &[
    ("https://www.google.com/", "", 0.82),
    ("https://www.bing.com/", "", 0.08),
    ("https://duckduckgo.com/", "", 0.06),
    ("https://www.ecosia.org/", "", 0.04),
];
const SOCIAL: &Places = &[
    ("https://l.instagram.com/", "", 0.36),
    ("https://www.pinterest.com/", "", 0.24),
    ("https://l.facebook.com/", "fbclid", 0.2),
    ("https://www.reddit.com/", "", 0.14),
    ("https://t.co/", "", 0.06),
];
const ASSISTANTS: &Places = &[
    ("https://chatgpt.com/", "", 0.62),
    ("https://www.perplexity.ai/", "", 0.18),
    ("https://gemini.google.com/", "", 0.1),
    ("https://copilot.microsoft.com/", "", 0.06),
    ("https://claude.ai/", "", 0.04),
];
const REFERRALS: &Places = &[
    ("https://slow-kitchen.example/letters/what-we-cook-with", "", 0.4),
    ("https://paper-and-ink.example/best-notebooks", "", 0.35),
    ("https://balcony-forest.example/autumn", "", 0.25),
];

/// Any way in; `main` is the category that the visitor likes best.
pub(super) fn any(chance: &mut Chance, shop: &Shop, main: usize, first: bool) -> Arrival {
    let (way, _) = *chance.pick(if first { &FIRST } else { &LATER }, |(_, weight)| *weight);
    let from = |chance: &mut Chance, places: &Places, item: f64, list: f64| {
        let (referrer, mark, _) = *chance.pick(places, |(.., weight)| *weight);
        let mut target = landing(chance, shop, main, item, list);
        if !mark.is_empty() {
            target = format!("{target}?{mark}={}", chance.code(CODE, 40));
        }
        Arrival { target, referrer, campaign: String::new() }
    };
    match way {
        Way::Direct => Arrival { target: landing(chance, shop, main, 0.05, 0.08), ..Arrival::default() },
        Way::Search => from(chance, SEARCH, 0.2, 0.2),
        Way::Social => from(chance, SOCIAL, 0.35, 0.1),
        Way::Assistant => from(chance, ASSISTANTS, 0.35, 0.2),
        Way::Referral => from(chance, REFERRALS, 0.2, 0.2),
        Way::Campaign => {
            let running: Vec<&Campaign> = shop.campaigns.iter().filter(|campaign| campaign.sent.is_empty()).collect();
            if running.is_empty() {
                return Arrival { target: "/demo/".into(), ..Arrival::default() };
            }
            let of = chance.pick(&running, |campaign| {
                // Advertising finds those it was made for.
                let finds = match shop.category_of_landing(campaign) {
                    None => 0.35,
                    Some(category) if category == main => 1.0,
                    Some(_) => 0.12,
                };
                campaign.weight * finds
            });
            by(chance, of)
        }
    }
}

/// The way of a campaign.
pub(super) fn by(chance: &mut Chance, campaign: &Campaign) -> Arrival {
    let Campaign { utm_source, utm_medium, name, landing, .. } = campaign;
    let mut target = format!("{landing}?utm_source={utm_source}&utm_medium={utm_medium}&utm_campaign={name}");
    let referrer = match (utm_source.as_str(), utm_medium.as_str()) {
        ("google", "cpc") => {
            target = format!("{target}&gclid={}", chance.code(CODE, 54));
            "https://www.google.com/"
        }
        ("bing", "cpc") => {
            target = format!("{target}&msclkid={}", chance.code(b"0123456789abcdef", 32));
            "https://www.bing.com/"
        }
        ("instagram", _) => "https://l.instagram.com/",
        _ => "",
    };
    Arrival { target, referrer, campaign: name.clone() }
}

/// Where links from outside lead: an item, a category, or home.
fn landing(chance: &mut Chance, shop: &Shop, main: usize, item: f64, list: f64) -> String {
    let kind = chance.share();
    let category = &shop.categories[main];
    if kind < item {
        let liked = *chance.pick(&category.items, |item| shop.items[*item].appeal());
        shop.items[liked].url.clone()
    } else if kind < item + list {
        format!("/demo/c/{}", category.slug)
    } else {
        "/demo/".into()
    }
}
