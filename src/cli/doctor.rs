//! `ashna doctor URL`: opens a page in a Chromium of this machine and says what is wrong with its tracker.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::{Common, tell};
use crate::{
    browser::{self, Chromium, Exchange, Visit},
    checks::{
        Finding,
        browser::{Seen, judge},
    },
    clock, config,
};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The page.
    url: url::Url,
    /// The Chromium to drive; looked for on the PATH otherwise.
    #[arg(long, value_name = "FILE")]
    chromium: Option<PathBuf>,
}

pub(super) async fn run(common: &Common, options: Options) -> anyhow::Result<()> {
    anyhow::ensure!(matches!(options.url.scheme(), "http" | "https"), "the address of a page begins with http(s)://");
    let program = options.chromium.or_else(|| browser::find(&config::search_path()));
    let program = program.context(
        "there is no Chromium on this machine: install one, or name it with --chromium FILE; \
         the check in the dashboard needs none",
    )?;
    let visit = Chromium::launch(&program)?.visit(options.url.as_str()).await?;
    let findings = diagnose(&visit);
    let lines: Vec<String> = findings.iter().map(|f| format!("{:<20} {}", f.as_str(), f.advice())).collect();
    let answer = json!({
        "url": options.url.as_str(),
        "findings": findings.iter().map(|f| f.as_str()).collect::<Vec<_>>(),
        "requests": visit.exchanges.iter().map(|e| json!({
            "url": e.url, "status": e.status, "outcome": e.outcome, "failure": e.failure,
        })).collect::<Vec<_>>(),
    });
    tell(common, &answer, &lines.join("\n"))?;
    anyhow::ensure!(findings.contains(&Finding::EventsArrive), "no event of this page was counted");
    Ok(())
}

/// What the visit says, by the rules of the check in a browser.
fn diagnose(visit: &Visit) -> Vec<Finding> {
    let Some((_, key)) = visit.tags.first() else { return vec![Finding::TagMissing] };
    let stopped = |exchange: &&Exchange| exchange.failure.eq_ignore_ascii_case("csp");
    let is_events = |exchange: &&Exchange| exchange.url.split('?').next().is_some_and(|url| url.ends_with("/e"));
    let script: Vec<&Exchange> =
        visit.exchanges.iter().filter(|e| e.url.contains("/t")).filter(|e| !is_events(e)).collect();
    let events: Vec<&Exchange> = visit.exchanges.iter().filter(is_events).collect();
    let mut violated = Vec::new();
    if script.iter().any(stopped) {
        violated.push("script-src".to_owned());
    }
    if events.iter().any(stopped) {
        violated.push("connect-src".to_owned());
    }
    let answers: Vec<(u16, String)> = events.iter().map(|e| (e.status, e.outcome.clone())).collect();
    let clock_ahead_ms = events.iter().find_map(|e| ahead_of(&e.date)).unwrap_or(0);
    let mut found = Vec::new();
    if visit.tags.len() > 1 {
        found.push(Finding::TagTwice);
    }
    if !visit.runs && violated.is_empty() {
        found.push(Finding::Blocked);
    }
    let seen = Seen {
        key,
        write_key: key,
        origin_is_listed: true,
        clock_ahead_ms,
        answers: &answers,
        violated: &violated,
        ..Seen::default()
    };
    found.extend(judge(&seen).into_iter().filter(|finding| visit.runs || *finding != Finding::NothingSent));
    found
}

/// How far this machine's clock is ahead of the service's, by an answer's `Date`.
fn ahead_of(date: &str) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?;
    Some(clock::now().0 - theirs.as_millisecond())
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
    fn a_visit_is_read_as_a_doctor_reads_it() {
        let check = |visit: Visit, expected: &[Finding]| assert_eq!(diagnose(&visit), expected, "{visit:?}");
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
