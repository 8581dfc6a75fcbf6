//! What the tracker is told beside the answer: the site's settings, and how a visitor gets from one
//! origin of the site to another.

use axum::http::HeaderMap;
use url::Url;

use super::{connection, state::AppState};
use crate::{
    catalog::SiteSnapshot,
    clock,
    ingest::{Identity, Origin, link},
    model::{Site, VisitorId},
    wire::tracker::TrackerSettings,
};

/// The site's settings, if the tracker says that it has others. Whoever says nothing is no tracker.
#[must_use]
pub fn settings<'s>(site: &'s SiteSnapshot, has: Option<&str>, headers: &HeaderMap) -> Option<TrackerSettings<'s>> {
    let version = &site.settings_version;
    has.filter(|has| *has != &**version).map(|_| TrackerSettings::of(&site.site, version, connection::origin(headers)))
}

/// The visitor that a page's address brings along, taken only when the page before was one of the
/// site's. Whether the browser has an id of its own already is decided by the cookie.
#[must_use]
pub fn carried(state: &AppState, site: &Site, token: &str, referrer: &str) -> Option<VisitorId> {
    if token.is_empty() {
        return None;
    }
    let from = Url::parse(referrer).ok()?.origin().ascii_serialization();
    let visitor = link::open(site.id, &state.access.cookie_keys(), token, clock::now())?;
    connection::is_listed(&from, site).then_some(visitor)
}

/// A token for the visitor of this request; nobody and strangers get none.
#[must_use]
pub fn ticket(state: &AppState, site: &Site, identity: Identity) -> Option<String> {
    let known = matches!(identity.from, Origin::Cookie | Origin::Proposal);
    known.then(|| link::seal(site.id, &state.access.cookie_keys(), identity.visitor, clock::now(), rand::random()))
}
