//! Extracts campaign parameters (UTM) and advertising click ids from a query string.

use std::borrow::Cow;

use url::form_urlencoded;

use super::mask::mask;
use crate::ingest::{limits, text};

/// An advertising click id: the parameter, the source it implies, and the medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClickId {
    pub(super) name: &'static str,
    pub(super) source: &'static str,
    pub(super) medium: &'static str,
}

/// Parameters as the advertising networks document them.
const CLICK_IDS: [ClickId; 20] = [
    paid("gclid", "google"),
    paid("gbraid", "google"),
    paid("wbraid", "google"),
    ClickId { name: "dclid", source: "google", medium: "display" },
    paid("msclkid", "bing"),
    paid("ttclid", "tiktok"),
    paid("twclid", "twitter"),
    paid("li_fat_id", "linkedin"),
    paid("yclid", "yandex"),
    paid("epik", "pinterest"),
    paid("sccid", "snapchat"),
    paid("rdt_cid", "reddit"),
    paid("qclid", "quora"),
    paid("obclid", "outbrain"),
    paid("tblci", "taboola"),
    paid("vmcid", "yahoo"),
    ClickId { name: "irclickid", source: "impact", medium: "affiliate" },
    ClickId { name: "cjevent", source: "cj", medium: "affiliate" },
    ClickId { name: "awc", source: "awin", medium: "affiliate" },
    // On every link from Facebook, paid or not.
    ClickId { name: "fbclid", source: "facebook", medium: "referral" },
];

const fn paid(name: &'static str, source: &'static str) -> ClickId {
    ClickId { name, source, medium: "cpc" }
}

/// Campaign parameters that are kept without a column of their own.
pub(super) const EXTRA_PARAMS: [&str; 4] =
    ["utm_id", "utm_source_platform", "utm_creative_format", "utm_marketing_tactic"];

/// The campaign parameters of a URL.
#[derive(Debug, Default)]
pub(crate) struct CampaignParams {
    pub(super) source: String,
    pub(super) medium: String,
    pub(super) campaign: String,
    pub(super) term: String,
    pub(super) content: String,
    pub(super) extra: Vec<(&'static str, Cow<'static, str>)>,
    pub(super) click: Option<ClickId>,
}

impl CampaignParams {
    /// Extracts the campaign parameters of a query and returns those of the others that may be kept. The first value of a
    /// parameter counts; names are case-insensitive, because campaign builders vary.
    pub(crate) fn extract<'a>(&mut self, query: &str, kept_keys: &[String]) -> Cow<'a, str> {
        if query.is_empty() {
            return Cow::Borrowed("");
        }
        let mut kept = form_urlencoded::Serializer::new(String::new());
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            // Some mail tools escape `&` twice.
            let key = key.strip_prefix("amp;").unwrap_or(&key);
            if self.add(key, &value) {
                continue;
            }
            if let Some(click) = CLICK_IDS.iter().find(|click| click.name.eq_ignore_ascii_case(key)) {
                // A paid one takes precedence over Facebook's, which is on every link.
                if self.click.is_none_or(|known| known.medium == "referral") && !value.is_empty() {
                    self.click = Some(*click);
                }
            } else if kept_keys.iter().any(|kept| *kept == key) {
                kept.append_pair(key, &mask(text::clean(&value, limits::CAMPAIGN)));
            }
        }
        let mut kept = kept.finish();
        // The last pairs are removed whole: a cut value would have another meaning.
        while kept.len() > limits::QUERY {
            kept.truncate(kept.rfind('&').unwrap_or(0));
        }
        Cow::Owned(kept)
    }

    /// Adds a campaign parameter; false if it is another parameter.
    fn add(&mut self, key: &str, value: &str) -> bool {
        let Some(name) = key.get(..4).filter(|start| start.eq_ignore_ascii_case("utm_")).and(key.get(4..)) else {
            return false;
        };
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        let param = if is("source") {
            &mut self.source
        } else if is("medium") {
            &mut self.medium
        } else if is("campaign") {
            &mut self.campaign
        } else if is("term") {
            &mut self.term
        } else if is("content") {
            &mut self.content
        } else {
            if let Some(extra) = EXTRA_PARAMS.iter().find(|known| is(&known[4..])) {
                self.add_extra(extra, value);
            }
            // Any `utm_` parameter belongs to a campaign, known or not.
            return true;
        };
        if param.is_empty() {
            *param = bounded(&Cow::Borrowed(value)).into_owned();
        }
        true
    }

    fn add_extra(&mut self, name: &'static str, value: &str) {
        if self.extra.iter().all(|(known, _)| *known != name) {
            let value = bounded(&Cow::Borrowed(value));
            if !value.is_empty() {
                self.extra.push((name, Cow::Owned(value.into_owned())));
            }
        }
    }
}

/// A parameter as it may be stored: cleaned, masked, cut.
pub(super) fn bounded<'a>(param: &Cow<'a, str>) -> Cow<'a, str> {
    let masked = mask(text::clean(param, limits::CAMPAIGN));
    if masked.len() <= limits::CAMPAIGN { masked } else { Cow::Owned(text::cut(&masked, limits::CAMPAIGN).to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract(query: &str) -> (CampaignParams, String) {
        let mut params = CampaignParams::default();
        let kept = params.extract(query, &["q".to_owned(), "page".to_owned()]).into_owned();
        (params, kept)
    }

    #[test]
    fn every_campaign_parameter_is_extracted_once() {
        let (params, kept) = extract(
            "utm_source=news&UTM_Medium=email&utm_campaign=spring&utm_term=a+b&utm_content=top&utm_id=c7\
             &utm_source_platform=Mailer&utm_creative_format=image&utm_marketing_tactic=retention\
             &utm_source=second&utm_other=x&page=2&session=secret",
        );
        let five = [&*params.source, &*params.medium, &*params.campaign, &*params.term, &*params.content];
        assert_eq!(five, ["news", "email", "spring", "a b", "top"]);
        let extra: Vec<_> = params.extra.iter().map(|(name, value)| (*name, &**value)).collect();
        let expected = [
            ("utm_id", "c7"),
            ("utm_source_platform", "Mailer"),
            ("utm_creative_format", "image"),
            ("utm_marketing_tactic", "retention"),
        ];
        assert_eq!(extra, expected);
        assert_eq!(kept, "page=2");
    }

    #[test]
    fn click_ids_imply_a_source_and_paid_ones_win() {
        let check = |query: &str, expected: Option<(&str, &str)>| {
            let click = extract(query).0.click.map(|click| (click.name, click.medium));
            assert_eq!(click, expected, "{query}");
        };
        for ClickId { name, medium, .. } in CLICK_IDS {
            check(&format!("{name}=x"), Some((name, medium)));
        }
        check("fbclid=x&gclid=y", Some(("gclid", "cpc")));
        check("gclid=y&fbclid=x", Some(("gclid", "cpc")));
        check("ScCid=x", Some(("sccid", "cpc")));
        check("gclid=", None);
        check("q=gclid", None);
    }

    #[test]
    fn only_listed_parameters_are_kept_and_masked() {
        assert_eq!(extract("q=jo@example.com&page=1&token=abc").1, "q=%5Bemail%5D&page=1");
        assert!(extract(&format!("q={}&page=2", "a%20".repeat(2000))).1.len() <= limits::QUERY);
        assert_eq!(extract("").1, "");
        let (params, kept) = extract("utm_source=post&amp;utm_medium=email&amp;utm_campaign=sept&amp;page=2");
        assert_eq!([&*params.source, &*params.medium, &*params.campaign, &kept], ["post", "email", "sept", "page=2"]);
    }
}
