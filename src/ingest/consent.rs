//! What may be done with a visitor's events.

use super::{DropReason, Setting, Verdict};
use crate::{
    model::{ConsentDefault, Event, Kind, KnownBy, Site, WithoutConsent},
    wire::collect::{self, Batch},
};

/// What a visitor agreed to, after the site's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Events may be tied together under an id; without it no cookie is read or set.
    pub analytics: bool,
    /// The visitor may be answered personally.
    pub personalization: bool,
}

impl Consent {
    /// Everything is agreed to.
    pub const FULL: Self = Self { analytics: true, personalization: true };
    /// Nothing is agreed to.
    pub const NONE: Self = Self { analytics: false, personalization: false };
}

/// Settles consent. A browser's refusal signal (`Sec-GPC: 1` or `DNT: 1`) counts first where the site
/// honours it: a page's word may be its default and nobody's choice. Then what was said, then the
/// site's default.
#[must_use]
pub fn settle(site: &Site, said: collect::Consent, refusal_signal: bool) -> Consent {
    if refusal_signal && site.honour_gpc {
        return Consent::NONE;
    }
    let unsaid = site.consent_default == ConsentDefault::Granted;
    Consent { analytics: said.analytics.unwrap_or(unsaid), personalization: said.personalization.unwrap_or(unsaid) }
}

/// What was said for all events of a batch.
#[must_use]
pub fn said(batch: &Batch<'_>) -> collect::Consent {
    batch.consent.or(batch.context.consent)
}

/// The consent that an event carries itself; `None` when it carries none.
pub(super) fn of_event(setting: &Setting<'_>, batch: &Batch<'_>, call: &collect::Event<'_>) -> Option<Consent> {
    let own = call.context.consent;
    (!own.is_silent()).then(|| settle(setting.site, own.or(said(batch)), setting.refusal_signal))
}

/// Calls that do nothing but tell who somebody is have nothing left without consent, nor where no ids
/// are taken; of all others nothing stays either where the site wants it so.
pub(super) fn drop_what_may_not_be_known<'a>(event: &Event<'a>, setting: &Setting<'_>) -> Result<(), Verdict<'a>> {
    let identity_only = matches!(event.kind, Kind::Identify | Kind::Group | Kind::Alias);
    let rules = setting.site.visitors;
    if !setting.consent.analytics && (identity_only || rules.without_consent == WithoutConsent::Nothing) {
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
    fn signals_count_before_words_and_words_before_defaults() {
        let check = |default, honour, said: Option<bool>, signal, expected: bool| {
            let site = Site { consent_default: default, honour_gpc: honour, ..fixture::site() };
            let settled = settle(&site, collect::Consent { analytics: said, personalization: said }, signal);
            assert_eq!(settled, Consent { analytics: expected, personalization: expected });
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
