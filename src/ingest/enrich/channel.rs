//! Traffic channel by the rules of GA4's default channel group, extended by AI assistants.

use super::sources::{self, Category};
use crate::model::Channel;

/// Returns the channel of a campaign or an external referrer. The order of the rules is Google's.
#[must_use]
pub fn classify(source: &str, medium: &str, campaign: &str) -> Channel {
    let medium = &medium.trim().to_ascii_lowercase();
    let campaign = &campaign.to_ascii_lowercase();
    let source = &source.trim().to_ascii_lowercase();
    let category = sources::by_name(source).map(|known| known.category);
    let shopping = category == Some(Category::Shopping) || is_shopping(campaign);

    let any = |names: &[&str], text: &str| names.contains(&text);
    let mails = ["email", "e-mail", "e_mail", "e mail"];

    if source == "(direct)" && matches!(medium.as_str(), "" | "(none)" | "(not set)") {
        Channel::Direct
    } else if campaign.contains("cross-network") {
        Channel::CrossNetwork
    } else if is_paid(medium)
        && (shopping || matches!(category, Some(Category::Search | Category::Social | Category::Video)))
    {
        match category {
            _ if shopping => Channel::PaidShopping,
            Some(Category::Search) => Channel::PaidSearch,
            Some(Category::Social) => Channel::PaidSocial,
            _ => Channel::PaidVideo,
        }
    } else if any(&["display", "banner", "expandable", "interstitial", "cpm"], medium) {
        Channel::Display
    } else if is_paid(medium) {
        Channel::PaidOther
    } else if category == Some(Category::Ai) {
        Channel::AiAssistant
    } else if shopping {
        Channel::OrganicShopping
    } else if category == Some(Category::Social)
        || any(&["social", "social-network", "social-media", "sm", "social network", "social media"], medium)
    {
        Channel::OrganicSocial
    } else if category == Some(Category::Video) || medium.contains("video") {
        Channel::OrganicVideo
    } else if category == Some(Category::Search) || medium == "organic" {
        Channel::OrganicSearch
    } else if any(&["referral", "app", "link"], medium) {
        Channel::Referral
    } else if any(&mails, source) || any(&mails, medium) {
        Channel::Email
    } else if any(&["affiliate", "affiliates"], medium) {
        Channel::Affiliates
    } else if medium == "audio" {
        Channel::Audio
    } else if source == "sms" || medium == "sms" {
        Channel::Sms
    } else if medium.ends_with("push")
        || medium.contains("mobile")
        || medium.contains("notification")
        || source == "firebase"
    {
        Channel::Push
    } else {
        Channel::Unassigned
    }
}

/// Google's expression is `^(.*cp.*|ppc|retargeting|paid.*)$`.
fn is_paid(medium: &str) -> bool {
    medium.contains("cp") || matches!(medium, "ppc" | "retargeting") || medium.starts_with("paid")
}

/// Google's expression is `^(.*(([^a-df-z]|^)shop|shopping).*)$`: "shop" not after a letter, except "e".
fn is_shopping(campaign: &str) -> bool {
    campaign.contains("shopping")
        || campaign.match_indices("shop").any(|(at, _)| {
            let before = campaign[..at].bytes().next_back();
            before.is_none_or(|b| b == b'e' || !b.is_ascii_lowercase())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn campaigns_are_classified_as_in_google_analytics() {
        let check = |source: &str, medium: &str, campaign: &str, expected: Channel| {
            assert_eq!(classify(source, medium, campaign), expected, "{source} / {medium} / {campaign}");
        };
        check("google", "cpc", "spring", Channel::PaidSearch);
        check("Google", "CPC", "spring", Channel::PaidSearch);
        check("google", "cpc", "eshop-sale", Channel::PaidShopping);
        check("google", "cpc", "workshop", Channel::PaidSearch);
        check("google", "organic", "", Channel::OrganicSearch);
        check("facebook", "paid_social", "", Channel::PaidSocial);
        check("facebook", "paidsocial", "", Channel::PaidSocial);
        check("youtube", "cpv", "", Channel::PaidVideo);
        check("youtube", "referral", "", Channel::OrganicVideo);
        check("youtube", "ppc", "", Channel::PaidVideo);
        check("partner", "cpm", "", Channel::Display);
        check("google", "cpm", "", Channel::PaidSearch);
        check("google", "display", "", Channel::Display);
        check("partner", "cpa-cpc", "", Channel::PaidOther);
        check("google", "cpc", "summer Cross-Network", Channel::CrossNetwork);
        check("google", "", "cross-network", Channel::CrossNetwork);
        check("(direct)", "(none)", "", Channel::Direct);
        check("(direct)", "(not set)", "", Channel::Direct);
        check("(direct)", "email", "", Channel::Email);
        check("partner", "retargeting", "", Channel::PaidOther);
        check("buffer", "sm", "", Channel::OrganicSocial);
        check("buffer", "social network", "", Channel::OrganicSocial);
        check("partner", "video-ad", "", Channel::OrganicVideo);
        check("partner", "link", "", Channel::Referral);
        check("partner", "banner", "", Channel::Display);
        check("partner", "interstitial", "", Channel::Display);
        check("partner", "expandable", "", Channel::Display);
        check("", "e mail", "", Channel::Email);
        check("e_mail", "", "", Channel::Email);
        check("crm", "sms", "", Channel::Sms);
        check("app", "mobile", "", Channel::Push);
        check("app", "in-app notification", "", Channel::Push);
        check("", "", "online shopping week", Channel::OrganicShopping);
        check("news", "paid", "shopping", Channel::PaidShopping);
        check("perplexity", "", "", Channel::AiAssistant);
        check("amazon", "referral", "", Channel::OrganicShopping);
        check("facebook", "referral", "", Channel::OrganicSocial);
        check("buffer", "social", "", Channel::OrganicSocial);
        check("newsletter", "email", "", Channel::Email);
        check("e-mail", "", "", Channel::Email);
        check("partner", "affiliate", "", Channel::Affiliates);
        check("spotify", "audio", "", Channel::Audio);
        check("sms", "", "", Channel::Sms);
        check("app", "web_push", "", Channel::Push);
        check("firebase", "", "", Channel::Push);
        check("blog.example", "referral", "", Channel::Referral);
        check("chatgpt.com", "", "", Channel::AiAssistant);
        check("chatgpt.com", "referral", "", Channel::AiAssistant);
        check("chatgpt.com", "cpc", "", Channel::PaidOther);
        check("flyer", "qr", "", Channel::Unassigned);
        check("", "", "summer", Channel::Unassigned);
    }
}
