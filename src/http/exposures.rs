//! Queues the exposures of a request to experiments.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};

use super::{key::SiteKey, request_info, state::AppState};
use crate::{
    collect::{ExposureBatch, ShownVariant},
    ingest::{Consent, Identity, Sender},
    personalize::Evaluated,
};

/// Who was shown variants, and where.
pub(super) struct Audience<'r> {
    pub(super) key: SiteKey<'r>,
    pub(super) headers: &'r HeaderMap,
    pub(super) peer: SocketAddr,
    pub(super) identity: Identity,
    /// The user id; empty if there is none.
    pub(super) user_id: &'r str,
    /// The proof of the user id; empty with a server key.
    pub(super) signature: &'r str,
    /// Address of the page; empty if unknown.
    pub(super) url: &'r str,
    pub(super) consent: Consent,
}

/// Queues what was not counted today. Without consent to analytics nothing is stored.
pub(super) fn count_shown(state: &AppState, audience: &Audience<'_>, evaluated: &[Evaluated<'_>]) {
    if !audience.consent.analytics {
        return;
    }
    let shown = |evaluated: &Evaluated<'_>| {
        let variant = evaluated.variant.ok()?;
        let message_id = evaluated.exposure.clone()?;
        Some(ShownVariant {
            experiment: evaluated.experiment.key.to_string(),
            variant: variant.key.to_string(),
            message_id,
        })
    };
    let shown: Vec<ShownVariant> = evaluated.iter().filter_map(shown).collect();
    if shown.is_empty() {
        return;
    }
    let from_browser = request_info::origin(audience.headers).is_some();
    let address = || request_info::client_address(audience.peer, audience.headers, &state.server.trusted_proxies);
    let user_agent = if from_browser { request_info::text(audience.headers, header::USER_AGENT) } else { "" };
    state.exposures.push(ExposureBatch {
        site: audience.key.site.site.clone(),
        identity: audience.identity,
        user_id: audience.user_id.to_owned(),
        signature: audience.signature.to_owned(),
        url: audience.url.to_owned(),
        sender: if from_browser { Sender::Browser } else { Sender::Server },
        user_agent: user_agent.to_owned(),
        address: from_browser.then(address),
        server_key: audience.key.is_server(),
        consent: audience.consent,
        shown,
    });
}
