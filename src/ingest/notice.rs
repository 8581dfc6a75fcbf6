//! What the tracker noticed by itself: which event that is, and whether the site wants it.
//!
//! The tracker sends the type of what happened and plain facts of the element, with the names that
//! browsers give them; how reports call it is decided here, so that it weighs nothing on the page.
//! Example: `{"type":"click","properties":{"href":"https://other.example/"}}` is the `track` event
//! `Link Clicked` with `outbound`. Names of the Google tag and of the tracker's one-liners become
//! those of Segment's e-commerce specification.

use std::borrow::Cow;

use serde::Deserialize;

use super::{DropReason, Setting, Verdict, properties};
use crate::{
    model::{Action, Capture, Event},
    wire::collect::{self, Text},
};

/// Facts that decide what a click was.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Facts<'a> {
    #[serde(borrow)]
    href: Text<'a>,
    #[serde(borrow)]
    download: Text<'a>,
    #[serde(borrow, rename = "localName")]
    local_name: Text<'a>,
}

/// Endings of files that are fetched, not read in the browser; a page's own endings are none.
const FILES: &[&str] = &[
    "pdf", "zip", "rar", "7z", "tar", "gz", "tgz", "dmg", "pkg", "exe", "msi", "apk", "iso", "doc", "docx", "xls",
    "xlsx", "ppt", "pptx", "odt", "ods", "odp", "csv", "txt", "epub", "mp3", "mp4", "mov", "avi", "wav", "mkv",
];

/// The Google tag's e-commerce events and Segment's.
const GTAG: &[(&str, &str)] = &[
    ("view_item", "Product Viewed"),
    ("view_item_list", "Product List Viewed"),
    ("select_item", "Product Clicked"),
    ("add_to_cart", "Product Added"),
    ("remove_from_cart", "Product Removed"),
    ("view_cart", "Cart Viewed"),
    ("begin_checkout", "Checkout Started"),
    ("add_shipping_info", "Checkout Step Completed"),
    ("add_payment_info", "Payment Info Entered"),
    ("purchase", "Order Completed"),
    ("refund", "Order Refunded"),
    ("add_to_wishlist", "Product Added to Wishlist"),
    ("view_promotion", "Promotion Viewed"),
    ("select_promotion", "Promotion Clicked"),
    ("search", "Products Searched"),
    ("view_search_results", "Products Searched"),
];

/// The tracker's one-liners.
const SHOP: &[(&str, &str)] = &[
    ("productsSearched", "Products Searched"),
    ("productListViewed", "Product List Viewed"),
    ("productListFiltered", "Product List Filtered"),
    ("promotionViewed", "Promotion Viewed"),
    ("promotionClicked", "Promotion Clicked"),
    ("productClicked", "Product Clicked"),
    ("productViewed", "Product Viewed"),
    ("productAdded", "Product Added"),
    ("productRemoved", "Product Removed"),
    ("cartViewed", "Cart Viewed"),
    ("checkoutStarted", "Checkout Started"),
    ("checkoutStepViewed", "Checkout Step Viewed"),
    ("checkoutStepCompleted", "Checkout Step Completed"),
    ("paymentInfoEntered", "Payment Info Entered"),
    ("orderUpdated", "Order Updated"),
    ("orderCompleted", "Order Completed"),
    ("orderRefunded", "Order Refunded"),
    ("orderCancelled", "Order Cancelled"),
    ("couponEntered", "Coupon Entered"),
    ("couponApplied", "Coupon Applied"),
    ("couponDenied", "Coupon Denied"),
    ("couponRemoved", "Coupon Removed"),
    ("productAddedToWishlist", "Product Added to Wishlist"),
    ("productRemovedFromWishlist", "Product Removed from Wishlist"),
    ("wishlistProductAddedToCart", "Wishlist Product Added to Cart"),
    ("productShared", "Product Shared"),
    ("cartShared", "Cart Shared"),
    ("productReviewed", "Product Reviewed"),
];

/// Names of the first version of the e-commerce specification, which old plug-ins still send.
const FIRST_VERSION: &[(&str, &str)] = &[
    ("Viewed Product", "Product Viewed"),
    ("Viewed Product Category", "Product List Viewed"),
    ("Added Product", "Product Added"),
    ("Removed Product", "Product Removed"),
    ("Viewed Cart", "Cart Viewed"),
    ("Started Order", "Checkout Started"),
    ("Viewed Checkout Step", "Checkout Step Viewed"),
    ("Completed Checkout Step", "Checkout Step Completed"),
    ("Completed Order", "Order Completed"),
    ("Refunded Order", "Order Refunded"),
    ("Cancelled Order", "Order Cancelled"),
];

/// Names what was noticed, in place; `None` for what somebody told.
pub(super) fn put_name(call: &mut collect::Event<'_>) -> Option<Capture> {
    let kind = call.kind.as_str();
    if kind == "track" {
        // Names of people have blanks or capitals; nothing else is looked up.
        let said = call.event.as_str();
        let name = match said.as_bytes().first() {
            Some(b'a'..=b'z') => known(SHOP, said),
            Some(b'A' | b'C' | b'R' | b'V') => known(FIRST_VERSION, said),
            _ => None,
        };
        if let Some(name) = name {
            call.event = Text::from(name);
        }
        return None;
    }
    let capture = Capture::ALL.into_iter().find(|capture| capture.types().contains(&kind))?;
    let facts =
        || -> Facts<'_> { call.properties.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default() };
    let name = match kind {
        "engage" => "Page Engaged",
        "vitals" => "Web Vitals",
        "click" if facts().href.is_empty() => "Button Clicked",
        "click" => "Link Clicked",
        "rage" => "Rage Clicked",
        "input" => "Form Started",
        "submit" => "Form Submitted",
        "abandon" => "Form Abandoned",
        "error" => "Error Occurred",
        "play" | "pause" | "ended" => playback(kind, facts().local_name.as_str() == "video"),
        "copy" => "Text Copied",
        _ => known(GTAG, call.event.as_str()).unwrap_or_default(),
    };
    if !name.is_empty() {
        call.event = Text::from(name);
    }
    call.kind = Text::from(if capture == Capture::Pages { "page" } else { "track" });
    Some(capture)
}

/// Segment's names; what is no film is a sound.
fn playback(kind: &str, is_video: bool) -> &'static str {
    match (kind, is_video) {
        ("play", true) => "Video Playback Started",
        ("pause", true) => "Video Playback Paused",
        (_, true) => "Video Playback Completed",
        ("play", false) => "Audio Playback Started",
        ("pause", false) => "Audio Playback Paused",
        (_, false) => "Audio Playback Completed",
    }
}

fn known(names: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    names.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

/// What is switched off is not kept, even if a page that does not know it yet sends it.
pub(super) fn drop_switched_off<'a>(setting: &Setting<'_>, noticed: Option<Capture>) -> Result<(), Verdict<'a>> {
    match noticed {
        Some(capture) if !setting.site.captures.has(capture) => Err(Verdict::Drop(DropReason::SwitchedOff)),
        _ => Ok(()),
    }
}

/// Adds what follows from the facts: whether a link leads away or fetches a file, and whether a view
/// shows what was searched for.
pub(super) fn put_facts(event: &mut Event<'_>, setting: &Setting<'_>, noticed: Option<Capture>) {
    match noticed {
        Some(Capture::Clicks) => put_direction(event),
        Some(Capture::Pages) if setting.site.captures.has(Capture::Searches) && is_search(&event.page.query) => {
            event.action = Action::Searched;
        }
        _ => {}
    }
}

fn put_direction(event: &mut Event<'_>) {
    let facts: Facts<'_> = serde_json::from_str(&event.properties).unwrap_or_default();
    let Ok(url) = url::Url::parse(facts.href.as_str()) else { return };
    let outbound = url.host_str().is_some_and(|host| host != event.page.host);
    let ending = url.path().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let download = !facts.download.is_empty() || ending.is_some_and(|ending| FILES.contains(&&*ending));
    for (name, holds) in [("outbound", outbound), ("download", download)] {
        if holds {
            event.properties = Cow::Owned(properties::with_raw_member(&event.properties, name, "true"));
        }
    }
}

/// Whether the kept part of a page's query holds search words.
fn is_search(query: &str) -> bool {
    query.split('&').filter_map(|pair| pair.split_once('=')).any(|(name, words)| {
        matches!(name.trim_start_matches('?'), "q" | "query" | "s" | "search") && !words.is_empty()
    })
}
