//! Events that the tracker captures automatically: their names, and whether the site has them enabled.
//!
//! The tracker sends the type of interaction and plain facts of the element, with the browser's names; the event names of
//! reports are set here, so that they add nothing to the script's size.
//! Example: `{"type":"click","properties":{"href":"https://other.example/"}}` is the `track` event `Link Clicked` with
//! `outbound`. Event names of the Google tag and of the tracker's shortcuts are mapped to those of Segment's e-commerce
//! specification.

use std::borrow::Cow;

use serde::Deserialize;

use super::{
    properties,
    types::RequestContext,
    verdict::{DropReason, Verdict},
};
use crate::{
    model::{Action, Capture, Event},
    wire::{
        collect::{self, Text},
        foreign::ga4::ECOMMERCE_NAMES as GTAG_NAMES,
    },
};

/// Facts of an element that classify an interaction.
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

/// Extensions of files that are downloaded, not shown as pages.
const DOWNLOADS: &[&str] = &[
    "pdf", "zip", "rar", "7z", "tar", "gz", "tgz", "dmg", "pkg", "exe", "msi", "apk", "iso", "doc", "docx", "xls",
    "xlsx", "ppt", "pptx", "odt", "ods", "odp", "csv", "txt", "epub", "mp3", "mp4", "mov", "avi", "wav", "mkv",
];

/// The tracker's shortcuts, and Segment's names.
const SHORTCUTS: &[(&str, &str)] = &[
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

/// Sets the event name of an automatic capture, and maps known names of `track` calls. Returns the kind of capture;
/// `None` for explicit calls.
pub(super) fn set_event_name(call: &mut collect::Event<'_>) -> Option<Capture> {
    let kind = call.kind.as_str();
    if kind == "track" {
        // Custom names usually contain spaces or capitals; only these first letters need a lookup.
        let sent = call.event.as_str();
        let name = match sent.as_bytes().first() {
            Some(b'a'..=b'z') => standard_name(SHORTCUTS, sent),
            Some(b'A' | b'C' | b'R' | b'V') => standard_name(FIRST_VERSION, sent),
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
        _ => standard_name(GTAG_NAMES, call.event.as_str()).unwrap_or_default(),
    };
    if !name.is_empty() {
        call.event = Text::from(name);
    }
    call.kind = Text::from(if capture == Capture::Pages { "page" } else { "track" });
    Some(capture)
}

/// Segment's names for video or else audio.
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

fn standard_name(names: &[(&'static str, &'static str)], name: &str) -> Option<&'static str> {
    names.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

/// Drops disabled kinds of capture: a page with older settings may still send them.
pub(super) fn drop_disabled<'a>(request: &RequestContext<'_>, capture: Option<Capture>) -> Result<(), Verdict<'a>> {
    match capture {
        Some(kind) if !request.site.captures.has(kind) => Err(Verdict::Drop(DropReason::SwitchedOff)),
        _ => Ok(()),
    }
}

/// Adds what follows from the facts: whether a link is outbound or a download, and whether a view is a site search.
pub(super) fn add_capture_facts(event: &mut Event<'_>, request: &RequestContext<'_>, capture: Option<Capture>) {
    match capture {
        Some(Capture::Clicks) => add_link_facts(event),
        Some(Capture::Pages) if request.site.captures.has(Capture::Searches) && is_search(&event.page.query) => {
            event.action = Action::Searched;
        }
        _ => {}
    }
}

fn add_link_facts(event: &mut Event<'_>) {
    let facts: Facts<'_> = serde_json::from_str(&event.properties).unwrap_or_default();
    let Ok(url) = url::Url::parse(facts.href.as_str()) else { return };
    let outbound = url.host_str().is_some_and(|host| host != event.page.host);
    let extension = url.path().rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    let download = !facts.download.is_empty() || extension.is_some_and(|extension| DOWNLOADS.contains(&&*extension));
    for (name, holds) in [("outbound", outbound), ("download", download)] {
        if holds {
            event.properties = Cow::Owned(properties::with_raw_member(&event.properties, name, "true"));
        }
    }
}

/// Whether the kept part of a page's query has search terms.
fn is_search(query: &str) -> bool {
    query.split('&').filter_map(|pair| pair.split_once('=')).any(|(name, terms)| {
        matches!(name.trim_start_matches('?'), "q" | "query" | "s" | "search") && !terms.is_empty()
    })
}
