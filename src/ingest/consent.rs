//! What may be done with a visitor's events.

use super::{DropReason, Setting, Verdict};
use crate::{
    model::{ConsentDefault, Event, Kind, Site},
    wire::collect,
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

/// Settles consent: what the visitor said explicitly counts first, then a browser's refusal signal
/// (`Sec-GPC: 1` or `DNT: 1`) where the site honours it, then the site's default.
#[must_use]
pub fn settle(site: &Site, said: collect::Consent, refusal_signal: bool) -> Consent {
    let unsaid = match site.consent_default {
        ConsentDefault::Granted => !(refusal_signal && site.honour_gpc),
        ConsentDefault::Denied => false,
    };
    Consent { analytics: said.analytics.unwrap_or(unsaid), personalization: said.personalization.unwrap_or(unsaid) }
}

/// Calls that do nothing but tell who somebody is have nothing left without consent; all others stay,
/// tied to nobody.
pub(super) fn drop_identity_without_consent<'a>(event: &Event<'a>, setting: &Setting<'_>) -> Result<(), Verdict<'a>> {
    let identity_only = matches!(event.kind, Kind::Identify | Kind::Group | Kind::Alias);
    if identity_only && !setting.consent.analytics {
        return Err(Verdict::Drop(DropReason::NoConsent));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::fixture;

    #[test]
    fn words_count_before_signals_and_signals_before_defaults() {
        let check = |default, honour, said: Option<bool>, signal, expected: bool| {
            let site = Site { consent_default: default, honour_gpc: honour, ..fixture::site() };
            let settled = settle(&site, collect::Consent { analytics: said, personalization: said }, signal);
            assert_eq!(settled, Consent { analytics: expected, personalization: expected });
        };
        check(ConsentDefault::Granted, true, None, false, true);
        check(ConsentDefault::Granted, true, None, true, false);
        check(ConsentDefault::Granted, false, None, true, true);
        check(ConsentDefault::Granted, true, Some(true), true, true);
        check(ConsentDefault::Granted, true, Some(false), false, false);
        check(ConsentDefault::Denied, true, None, false, false);
        check(ConsentDefault::Denied, true, Some(true), false, true);
    }
}
