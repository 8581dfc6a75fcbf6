//! What responses to the tracker contain in addition: the site's settings, and tokens that link a visitor across the
//! site's origins.

use axum::http::HeaderMap;
use url::Url;

use super::{request_info, state::AppState};
use crate::{
    catalog::SiteSnapshot,
    clock,
    ingest::{Identity, Origin, link},
    model::{Site, VisitorId},
    wire::tracker::TrackerSettings,
};

/// The site's settings, if the tracker has another version (`has`). Clients other than the tracker send none.
#[must_use]
pub fn settings<'s>(site: &'s SiteSnapshot, has: Option<&str>, headers: &HeaderMap) -> Option<TrackerSettings<'s>> {
    let version = &site.settings_version;
    has.filter(|has| *has != &**version)
        .map(|_| TrackerSettings::for_origin(&site.site, version, request_info::origin(headers)))
}

/// The visitor of a link token in a page's address, accepted only if the previous page is one of the site's. A valid
/// cookie takes precedence over it.
#[must_use]
pub fn linked_visitor(state: &AppState, site: &Site, token: &str, referrer: &str) -> Option<VisitorId> {
    if token.is_empty() {
        return None;
    }
    let from = Url::parse(referrer).ok()?.origin().ascii_serialization();
    let visitor = link::verify(site.id, &state.access.cookie_keys(), token, clock::now())?;
    request_info::is_listed(&from, site).then_some(visitor)
}

/// A link token for the request's visitor, if the id comes from the browser.
#[must_use]
pub fn link_token(state: &AppState, site: &Site, identity: Identity) -> Option<String> {
    let known = matches!(identity.from, Origin::Cookie | Origin::Proposal);
    known.then(|| link::sign(site.id, &state.access.cookie_keys(), identity.visitor, clock::now(), rand::random()))
}
