//! What is wrong on a page, as the tracker's second file saw it in a browser. PURE.

use super::finding::Finding;

/// The browser's clock may be this far off; beyond it events are placed by their arrival.
const CLOCK_MS: i64 = 300_000;

/// What a page reports. It is the page's own word: it is shown to the owner and used for nothing else.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one answer of a browser; they do not exclude each other")]
pub struct Seen<'r> {
    /// The tag's key.
    pub key: &'r str,
    /// The site's key.
    pub write_key: &'r str,
    /// Whether the page's origin is one of the site's; by the request's header.
    pub origin_is_listed: bool,
    /// How far the browser's clock is ahead, milliseconds.
    pub clock_ahead_ms: i64,
    /// Status and outcome of each answer to events; 0 when the request failed.
    pub answers: &'r [(u16, String)],
    /// Directives of the page's policy that were violated by the tracker.
    pub violated: &'r [String],
    /// The browser objects.
    pub objects: bool,
    /// The visitor refused, or the site asks first.
    pub refused: bool,
    /// The visitor opted out.
    pub opted_out: bool,
    /// The browser says that it is driven by a program.
    pub driven: bool,
}

/// Everything found, the most serious first; [`Finding::EventsArrive`] when events are counted.
#[must_use]
pub fn judge(seen: &Seen<'_>) -> Vec<Finding> {
    let any = |test: &dyn Fn(u16, &str) -> bool| seen.answers.iter().any(|(status, outcome)| test(*status, outcome));
    let counted = any(&|status, outcome| matches!(status, 200 | 204) && !outcome.contains("kept=0"));
    let left_out = any(&|status, outcome| matches!(status, 200 | 204) && !outcome.contains("dropped=0, rejected=0"));
    let robot = any(&|_, outcome| outcome.contains("robot="));
    [
        (seen.key.is_empty(), Finding::KeyMissing),
        (!seen.key.is_empty() && (seen.key != seen.write_key || any(&|status, _| status == 401)), Finding::WrongKey),
        (!seen.origin_is_listed || any(&|status, _| status == 403), Finding::WrongOrigin),
        (seen.violated.iter().any(|directive| directive.starts_with("script-src")), Finding::PolicyStopsScript),
        (seen.violated.iter().any(|directive| directive.starts_with("connect-src")), Finding::PolicyStopsEvents),
        (seen.violated.is_empty() && any(&|status, _| status == 0), Finding::Blocked),
        (seen.opted_out, Finding::OptedOut),
        (seen.answers.is_empty() && !seen.opted_out, Finding::NothingSent),
        (robot || (seen.driven && !counted), Finding::Robot),
        (left_out && !robot, Finding::NotCounted),
        (seen.clock_ahead_ms.abs() > CLOCK_MS, Finding::WrongClock),
        (seen.objects, Finding::PrivacySignal),
        (seen.refused && !seen.objects, Finding::NoConsent),
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
    fn what_a_browser_saw_has_a_name() {
        let kept = [(204, "kept=2, dropped=0, rejected=0".to_owned())];
        let good = || Seen { key: "k", write_key: "k", origin_is_listed: true, answers: &kept, ..Seen::default() };
        let check = |seen: Seen<'_>, expected: &[Finding]| assert_eq!(judge(&seen), expected, "{seen:?}");
        check(good(), &[Finding::EventsArrive]);
        check(Seen { key: "", answers: &[], ..good() }, &[Finding::KeyMissing, Finding::NothingSent]);
        check(Seen { key: "other", answers: &[(401, String::new())], ..good() }, &[Finding::WrongKey]);
        check(Seen { origin_is_listed: false, answers: &[(403, String::new())], ..good() }, &[Finding::WrongOrigin]);
        check(Seen { answers: &[(0, String::new())], ..good() }, &[Finding::Blocked]);
        let csp = ["connect-src".to_owned()];
        check(Seen { answers: &[(0, String::new())], violated: &csp, ..good() }, &[Finding::PolicyStopsEvents]);
        check(Seen { clock_ahead_ms: -400_000, ..good() }, &[Finding::WrongClock, Finding::EventsArrive]);
        check(
            Seen { answers: &[(204, "kept=0, dropped=1 (robot=1), rejected=0".into())], driven: true, ..good() },
            &[Finding::Robot],
        );
        check(
            Seen { answers: &[(200, "kept=1, dropped=0, rejected=1 (malformed=1)".into())], ..good() },
            &[Finding::NotCounted, Finding::EventsArrive],
        );
        check(Seen { objects: true, refused: true, ..good() }, &[Finding::PrivacySignal, Finding::EventsArrive]);
        check(Seen { refused: true, ..good() }, &[Finding::NoConsent, Finding::EventsArrive]);
        check(Seen { opted_out: true, answers: &[], ..good() }, &[Finding::OptedOut]);
    }
}
