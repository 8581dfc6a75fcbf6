//! `ashna doctor URL`: opens a page in an installed Chromium and reports problems of its tracker.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::{Common, print_answer};
use crate::{
    browser::{self, Chromium, Exchange, Visit},
    checks::{
        Finding,
        browser::{Observations, diagnose},
    },
    clock, config,
};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// URL of the page.
    url: url::Url,
    /// The Chromium to use; otherwise searched for on the PATH.
    #[arg(long, value_name = "FILE")]
    chromium: Option<PathBuf>,
}

pub(super) async fn run(common: &Common, options: Options) -> anyhow::Result<()> {
    anyhow::ensure!(matches!(options.url.scheme(), "http" | "https"), "the URL must start with http:// or https://");
    let program = options.chromium.or_else(|| browser::find(&config::search_path()));
    let program = program.context(
        "no Chromium was found: install one, or specify it with --chromium FILE; \
         the check in the dashboard does not need one",
    )?;
    let visit = Chromium::launch(&program)?.visit(options.url.as_str()).await?;
    let findings = diagnose_visit(&visit);
    let lines: Vec<String> = findings.iter().map(|f| format!("{:<20} {}", f.as_str(), f.advice())).collect();
    let answer = json!({
        "url": options.url.as_str(),
        "findings": findings.iter().map(|f| f.as_str()).collect::<Vec<_>>(),
        "requests": visit.exchanges.iter().map(|e| json!({
            "url": e.url, "status": e.status, "outcome": e.outcome, "failure": e.failure,
        })).collect::<Vec<_>>(),
    });
    print_answer(common, &answer, &lines.join("\n"))?;
    anyhow::ensure!(findings.contains(&Finding::EventsArrive), "no event of this page was counted");
    Ok(())
}

/// Returns the findings of a visit, by the rules of the browser check.
fn diagnose_visit(visit: &Visit) -> Vec<Finding> {
    let Some((_, key)) = visit.tags.first() else { return vec![Finding::TagMissing] };
    let blocked_by_csp = |exchange: &&Exchange| exchange.failure.eq_ignore_ascii_case("csp");
    let is_events = |exchange: &&Exchange| exchange.url.split('?').next().is_some_and(|url| url.ends_with("/e"));
    let script: Vec<&Exchange> =
        visit.exchanges.iter().filter(|e| e.url.contains("/t")).filter(|e| !is_events(e)).collect();
    let events: Vec<&Exchange> = visit.exchanges.iter().filter(is_events).collect();
    let mut violated = Vec::new();
    if script.iter().any(blocked_by_csp) {
        violated.push("script-src".to_owned());
    }
    if events.iter().any(blocked_by_csp) {
        violated.push("connect-src".to_owned());
    }
    let answers: Vec<(u16, String)> = events.iter().map(|e| (e.status, e.outcome.clone())).collect();
    let clock_ahead_ms = events.iter().find_map(|e| clock_ahead_ms_of(&e.date)).unwrap_or(0);
    let mut found = Vec::new();
    if visit.tags.len() > 1 {
        found.push(Finding::TagTwice);
    }
    if !visit.runs && violated.is_empty() {
        found.push(Finding::Blocked);
    }
    let seen = Observations {
        key,
        write_key: key,
        origin_is_listed: true,
        clock_ahead_ms,
        answers: &answers,
        violated: &violated,
        ..Observations::default()
    };
    found.extend(diagnose(&seen).into_iter().filter(|finding| visit.runs || *finding != Finding::NothingSent));
    found
}

/// Returns how far this machine's clock is ahead of the service's, by a response's `Date`, in milliseconds.
fn clock_ahead_ms_of(date: &str) -> Option<i64> {
    let service_time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(clock::now().0 - service_time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(exchanges: &[(&str, u16, &str, &str)], runs: bool) -> Visit {
        let exchange = |(url, status, outcome, failure): &(&str, u16, &str, &str)| Exchange {
            url: format!("https://stats.example{url}"),
            status: *status,
            outcome: (*outcome).into(),
            failure: (*failure).into(),
            ..Exchange::default()
        };
        let tags = vec![("https://stats.example/t.js".into(), "k".into())];
        Visit { exchanges: exchanges.iter().map(exchange).collect(), tags, runs }
    }

    #[test]
    fn a_visit_leads_to_findings() {
        let check = |visit: Visit, expected: &[Finding]| assert_eq!(diagnose_visit(&visit), expected, "{visit:?}");
        let script = ("/t.js", 200, "", "");
        check(Visit::default(), &[Finding::TagMissing]);
        check(visit(&[script, ("/e", 200, "kept=1, dropped=0, rejected=0", "")], true), &[Finding::EventsArrive]);
        check(visit(&[("/t.js", 0, "", "csp")], false), &[Finding::PolicyStopsScript]);
        check(visit(&[("/t.js", 0, "", "net::ERR_BLOCKED_BY_CLIENT")], false), &[Finding::Blocked]);
        check(visit(&[script, ("/e", 0, "", "csp")], true), &[Finding::PolicyStopsEvents]);
        check(visit(&[script, ("/e", 401, "", "")], true), &[Finding::WrongKey]);
        check(visit(&[script, ("/e", 403, "", "")], true), &[Finding::WrongOrigin]);
        check(visit(&[script], true), &[Finding::NothingSent]);
    }
}
