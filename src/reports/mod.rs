//! The marketers' questions as typed functions.
//!
//! A question arrives as a struct of [`crate::wire::reports`], is checked here — what the asker must mend is a
//! [`ReportError::Question`] — and becomes one or a few questions of `store/sql/reports.*.sql`. Nothing is
//! written, nothing is cached but the lists behind a funnel's `dropped_list`. Questions wait for their turn in a bounded
//! [`queue`], and each has its share of the warehouse. In every report robots are kept
//! aside, visitors are those with an id, and sessions are derived from the ordered events of the period.
//!
//! ```no_run
//! # async fn example(store: ashna::store::Store, site: ashna::model::Site)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let reports = ashna::reports::Reports::new(store, 30);
//! let question = serde_json::from_str(r#"{"from":"2026-11-01T00:00:00Z","to":"2026-11-08T00:00:00Z"}"#)?;
//! println!("{} visitors", reports.overview(&site, &question).await?.totals.visitors);
//! # Ok(()) }
//! ```

mod acquisition;
mod counterfactual;
pub mod csv;
mod data_quality;
pub mod funnel;
mod money;
mod overview;
mod pages;
mod period;
mod person;
pub mod queue;
mod realtime;
mod recommendations;
mod request;
mod schema;
mod share;
mod visitor;

use std::sync::Arc;

use queue::{Asker, Busy};
use request::Asked;
pub use request::Report;
use share::{Queues, Shares};

pub use crate::store::Exceeded;
use crate::{
    config::{self, Config},
    model::{Site, Timestamp},
    store::{ErrorKind, Fault, Param, Store, StoreError},
    telemetry::ReportMetrics,
};

/// When to ask again what somebody must mend first.
const LASTING_SECONDS: u64 = 30;
/// Rows of a report when the question does not say.
const LIMIT_DEFAULT: u32 = 50;
/// Rows of a report at most.
const LIMIT_MAX: u32 = 1000;
/// Characters of a text in a question.
const TEXT_MAX: usize = 500;

/// Answers the questions of one asker. Clones of it, and those of other askers, share the queue in front of the
/// warehouse and the lists behind a funnel's handles.
#[derive(Debug, Clone)]
pub struct Reports {
    shared: Arc<Shared>,
    asker: Asker,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    session_minutes: u64,
    shelf: funnel::DropoutCache,
    queues: Queues,
    shares: Shares,
    metrics: ReportMetrics,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The asker must mend the question.
    #[error("{0}")]
    Question(String),
    /// There is no such thing (any more).
    #[error("{0}")]
    NotFound(&'static str),
    /// Others are before it.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// It was not ready in time, but others ran beside it.
    #[error("the question was not ready in time, because others ran beside it; ask again in a moment")]
    Crowded,
    /// It needs more than one question may have, whoever else asks.
    #[error("{}", too_large(*.0))]
    TooLarge(Exceeded),
    /// The warehouse did not answer; its kind says whether to try again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReportError {
    /// Whether the same question may be answered in a moment, once the warehouse is there.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Store(error) if error.kind() == ErrorKind::Retry || error.fault() != Fault::Failing)
    }

    /// When the warehouse cannot answer anybody: seconds after which to ask again, and why, in one line.
    #[must_use]
    pub fn unavailable(&self) -> Option<(u64, &'static str)> {
        let Self::Store(error) = self else { return None };
        let why = match error.kind() {
            _ if matches!(error, StoreError::Foreign) => "the warehouse belongs to another installation",
            ErrorKind::Damaged => "the warehouse cannot read a part of its data; the service's log names it",
            ErrorKind::NoSpace => "the warehouse's disk is full; reports are back when there is room",
            _ if !error.fault().may_pass() => error.fault().advice(),
            _ if self.is_passing() => {
                return Some((2, "the warehouse is starting or cannot answer just now; reports are back in a moment"));
            }
            _ => return None,
        };
        Some((LASTING_SECONDS, why))
    }
}

const fn too_large(exceeded: Exceeded) -> &'static str {
    match exceeded {
        Exceeded::Memory => {
            "the question needs more memory than one report may use: ask for a shorter period, or with fewer steps or \
             values; the owner can raise reports.memory_bytes_max"
        }
        Exceeded::Time => {
            "the question takes longer than one report may: ask for a shorter period, or with fewer steps or \
             conditions; the owner can raise clickhouse.query_timeout_ms"
        }
    }
}

impl Reports {
    /// Reports from this store; a session ends after `session_minutes` without an event where a site does not
    /// say otherwise. The queue is that of the default settings.
    #[must_use]
    pub fn new(store: Store, session_minutes: u64) -> Self {
        Self::with_queue(store, session_minutes, &Config::defaults().reports, ReportMetrics::default())
    }

    /// The same with a queue as configured, counted in these metrics.
    #[must_use]
    pub fn with_queue(store: Store, session_minutes: u64, config: &config::Reports, metrics: ReportMetrics) -> Self {
        let queues = Queues::new(config, &metrics);
        let (shelf, shares) = (funnel::DropoutCache::default(), Shares::new(config));
        Self {
            shared: Arc::new(Shared { store, session_minutes, shelf, queues, shares, metrics }),
            asker: Asker::from(""),
        }
    }

    /// The same for questions of this asker, a person or a program, who takes turns with others.
    #[must_use]
    pub fn asked_by(&self, asker: &str) -> Self {
        Self { shared: Arc::clone(&self.shared), asker: asker.into() }
    }

    fn ask(&self, report: Report) -> Asked<'_> {
        Asked::new(self, report)
    }

    /// The silence that ends a session of this site, as a parameter.
    fn session_ms(&self, site: &Site) -> Param {
        Param::I64(site.visitors.session_ms(self.shared.session_minutes))
    }
}

fn refuse<T>(message: impl Into<String>) -> Result<T, ReportError> {
    Err(ReportError::Question(message.into()))
}

fn limit(asked: Option<u32>) -> Result<Param, ReportError> {
    match asked.unwrap_or(LIMIT_DEFAULT) {
        limit @ 1..=LIMIT_MAX => Ok(Param::U32(limit)),
        _ => refuse(["limit must be 1 to ", &LIMIT_MAX.to_string()].concat()),
    }
}

/// Refuses texts that are too long or hold control characters, which no stored text does.
fn check_text(what: &str, text: &str) -> Result<(), ReportError> {
    if text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
        return refuse(
            [what, " must be at most ", &TEXT_MAX.to_string(), " characters without control characters"].concat(),
        );
    }
    Ok(())
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// What an event is called in lists: its name, or what kind of call it was.
fn event_name(kind: u8, name: String) -> String {
    match (kind, name.is_empty()) {
        (2, _) => "page".into(),
        (3, true) => "screen".into(),
        (4, true) => "identify".into(),
        (5, true) => "group".into(),
        (6, true) => "alias".into(),
        _ => name,
    }
}

const fn moment(ms: i64) -> crate::wire::reports::Moment {
    crate::wire::reports::Moment(Timestamp(ms))
}
