//! Diagnosis of a page from observations of the tracker's debug script in a browser. Pure.

use crate::model::Finding;

/// Tolerated error of the browser's clock; beyond it events get their time of arrival.
const CLOCK_MS: i64 = 300_000;

/// What a page reports. It is not verified: it is shown to the user and used for nothing else.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent observations of a browser")]
pub struct Observations<'r> {
    /// Write key in the tag.
    pub key: &'r str,
    /// Write key of the site.
    pub write_key: &'r str,
    /// Whether the request's `Origin` is one of the site's origins.
    pub origin_is_listed: bool,
    /// How far the browser's clock is ahead of the service's, in milliseconds.
    pub clock_ahead_ms: i64,
    /// Status and outcome of each response to events; status 0 if the request failed.
    pub answers: &'r [(u16, String)],
    /// Directives of the page's content security policy that the tracker violated.
    pub violated: &'r [String],
    /// The browser sends a privacy signal (GPC or DNT).
    pub privacy_signal: bool,
    /// There is no consent: denied, or required and not yet given.
    pub consent_denied: bool,
    /// The visitor opted out.
    pub opted_out: bool,
    /// The browser is automated (`navigator.webdriver`).
    pub automated: bool,
}

/// Returns all findings, most serious first; [`Finding::EventsArrive`] if events are counted.
#[must_use]
pub fn diagnose(seen: &Observations<'_>) -> Vec<Finding> {
    let any = |test: &dyn Fn(u16, &str) -> bool| seen.answers.iter().any(|(status, outcome)| test(*status, outcome));
    let counted = any(&|status, outcome| matches!(status, 200 | 204) && !outcome.contains("kept=0"));
    let not_counted = any(&|status, outcome| matches!(status, 200 | 204) && !outcome.contains("dropped=0, rejected=0"));
    let is_bot = any(&|_, outcome| outcome.contains("robot="));
    [
        (seen.key.is_empty(), Finding::KeyMissing),
        (!seen.key.is_empty() && (seen.key != seen.write_key || any(&|status, _| status == 401)), Finding::WrongKey),
        (!seen.origin_is_listed || any(&|status, _| status == 403), Finding::WrongOrigin),
        (seen.violated.iter().any(|directive| directive.starts_with("script-src")), Finding::PolicyStopsScript),
        (seen.violated.iter().any(|directive| directive.starts_with("connect-src")), Finding::PolicyStopsEvents),
        (seen.violated.is_empty() && any(&|status, _| status == 0), Finding::Blocked),
        (seen.opted_out, Finding::OptedOut),
        (seen.answers.is_empty() && !seen.opted_out, Finding::NothingSent),
        (is_bot || (seen.automated && !counted), Finding::Robot),
        (not_counted && !is_bot, Finding::NotCounted),
        (seen.clock_ahead_ms.abs() > CLOCK_MS, Finding::WrongClock),
        (seen.privacy_signal, Finding::PrivacySignal),
        (seen.consent_denied && !seen.privacy_signal, Finding::NoConsent),
        (counted, Finding::EventsArrive),
    ]
    .into_iter()
    .filter_map(|(holds, finding)| holds.then_some(finding))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observations_lead_to_findings() {
        let kept = [(204, "kept=2, dropped=0, rejected=0".to_owned())];
        let good = || Observations {
            key: "k",
            write_key: "k",
            origin_is_listed: true,
            answers: &kept,
            ..Observations::default()
        };
        let check = |seen: Observations<'_>, expected: &[Finding]| assert_eq!(diagnose(&seen), expected, "{seen:?}");
        check(good(), &[Finding::EventsArrive]);
        check(Observations { key: "", answers: &[], ..good() }, &[Finding::KeyMissing, Finding::NothingSent]);
        check(Observations { key: "other", answers: &[(401, String::new())], ..good() }, &[Finding::WrongKey]);
        check(
            Observations { origin_is_listed: false, answers: &[(403, String::new())], ..good() },
            &[Finding::WrongOrigin],
        );
        check(Observations { answers: &[(0, String::new())], ..good() }, &[Finding::Blocked]);
        let csp = ["connect-src".to_owned()];
        check(Observations { answers: &[(0, String::new())], violated: &csp, ..good() }, &[Finding::PolicyStopsEvents]);
        check(Observations { clock_ahead_ms: -400_000, ..good() }, &[Finding::WrongClock, Finding::EventsArrive]);
        check(
            Observations {
                answers: &[(204, "kept=0, dropped=1 (robot=1), rejected=0".into())],
                automated: true,
                ..good()
            },
            &[Finding::Robot],
        );
        check(
            Observations { answers: &[(200, "kept=1, dropped=0, rejected=1 (malformed=1)".into())], ..good() },
            &[Finding::NotCounted, Finding::EventsArrive],
        );
        check(
            Observations { privacy_signal: true, consent_denied: true, ..good() },
            &[Finding::PrivacySignal, Finding::EventsArrive],
        );
        check(Observations { consent_denied: true, ..good() }, &[Finding::NoConsent, Finding::EventsArrive]);
        check(Observations { opted_out: true, answers: &[], ..good() }, &[Finding::OptedOut]);
    }
}
