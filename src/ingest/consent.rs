//! What may be done with a visitor's events.

use super::{
    types::{Consent, RequestContext},
    verdict::{DropReason, Verdict},
};
use crate::{
    model::{ConsentDefault, Event, Kind, KnownBy, Site, WithoutConsent},
    wire::collect::{self, Batch},
};

/// Resolves consent. A browser's refusal signal (`Sec-GPC: 1` or `DNT: 1`) comes first where the site honours it,
/// because what a page states may be its default and not the visitor's choice. Then what was stated, then the
/// site's default.
#[must_use]
pub fn resolve(site: &Site, stated: collect::Consent, refusal_signal: bool) -> Consent {
    if refusal_signal && site.honour_gpc {
        return Consent::NONE;
    }
    let default = site.consent_default == ConsentDefault::Granted;
    Consent {
        analytics: stated.analytics.unwrap_or(default),
        personalization: stated.personalization.unwrap_or(default),
    }
}

/// The consent stated for all events of a batch.
#[must_use]
pub fn stated(batch: &Batch<'_>) -> collect::Consent {
    batch.consent.or(batch.context.consent)
}

/// The event's own consent; `None` if it states none.
pub(super) fn event_consent(
    request: &RequestContext<'_>,
    batch: &Batch<'_>,
    call: &collect::Event<'_>,
) -> Option<Consent> {
    let own = call.context.consent;
    (!own.is_unknown()).then(|| resolve(request.site, own.or(stated(batch)), request.refusal_signal))
}

/// Drops calls that only identify a visitor if there is no consent or the site is cookieless; and everything without
/// consent if the site is configured so.
pub(super) fn drop_without_consent<'a>(event: &Event<'a>, request: &RequestContext<'_>) -> Result<(), Verdict<'a>> {
    let identity_only = matches!(event.kind, Kind::Identify | Kind::Group | Kind::Alias);
    let rules = request.site.visitors;
    if !request.consent.analytics && (identity_only || rules.without_consent == WithoutConsent::Nothing) {
        return Err(Verdict::Drop(DropReason::NoConsent));
    }
    if identity_only && rules.known_by == KnownBy::DailyHash {
        return Err(Verdict::Drop(DropReason::NoIds));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fixture;

    #[test]
    fn a_refusal_signal_beats_stated_consent_and_that_beats_the_default() {
        let check = |default, honour, stated: Option<bool>, signal, expected: bool| {
            let site = Site { consent_default: default, honour_gpc: honour, ..fixture::site() };
            let resolved = resolve(&site, collect::Consent { analytics: stated, personalization: stated }, signal);
            assert_eq!(resolved, Consent { analytics: expected, personalization: expected });
        };
        check(ConsentDefault::Granted, true, None, false, true);
        check(ConsentDefault::Granted, true, None, true, false);
        check(ConsentDefault::Granted, false, None, true, true);
        check(ConsentDefault::Granted, true, Some(true), true, false);
        check(ConsentDefault::Granted, false, Some(false), true, false);
        check(ConsentDefault::Denied, false, Some(true), true, true);
        check(ConsentDefault::Granted, true, Some(false), false, false);
        check(ConsentDefault::Denied, true, None, false, false);
        check(ConsentDefault::Denied, true, Some(true), false, true);
    }
}
