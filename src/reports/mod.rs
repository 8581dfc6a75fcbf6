//! Analytics reports as typed functions.
//!
//! A request is a struct of [`crate::wire::reports`]. It is validated here ([`ReportError::Invalid`]) and answered by
//! one or a few queries of `store/sql/reports.*.sql`. Nothing is written; only the visitor lists behind a funnel's
//! `dropped_list` are cached. Requests wait in a bounded, fair [`queue`], and each has resource limits. All reports
//! exclude robots, count visitors with an id, and derive sessions from the ordered events of the period.
//!
//! ```no_run
//! # async fn example(store: ashna::store::Store, site: ashna::model::Site)
//! # -> Result<(), Box<dyn std::error::Error>> {
//! let reports = ashna::reports::Reports::new(store, 30);
//! let request = serde_json::from_str(r#"{"from":"2026-11-01T00:00:00Z","to":"2026-11-08T00:00:00Z"}"#)?;
//! println!("{} visitors", reports.overview(&site, &request).await?.totals.visitors);
//! # Ok(()) }
//! ```

mod acquisition;
mod attribution;
mod browsers;
mod calendar;
mod conditions;
mod counterfactual;
pub mod csv;
mod data_quality;
mod events;
mod experiments;
mod filters;
pub mod funnel;
mod goals;
mod limits;
mod money;
mod offers;
mod overview;
mod pages;
mod paths;
mod people;
mod people_list;
mod period;
mod person;
pub mod queue;
mod realtime;
mod recommendations;
mod rehearsal;
mod retention;
mod rfm;
mod run;
mod satisfaction;
mod schema;
mod segments;
mod tables;
mod timeline;
mod user;
mod visitor;

use std::sync::Arc;

pub use filters::SegmentSource;
use limits::{LimitPolicy, Queues};
pub use people_list::{ListPlace, Search};
use queue::{Busy, Requester};
pub use rehearsal::RehearsalQuestion;
pub use run::Report;
use run::ReportRun;
pub use segments::PeopleQuestion;
pub use timeline::TimelineQuestion;

pub use crate::store::Exceeded;
use crate::{
    config::{self, Config},
    model::{Site, Timestamp},
    store::{ErrorKind, Fault, Param, Store, StoreError},
    telemetry::ReportMetrics,
};

/// Retry delay for faults that need an operator.
const FAULT_RETRY_SECONDS: u64 = 30;
/// Retry delay for transient faults.
const TRANSIENT_RETRY_SECONDS: u64 = 2;
/// Default number of rows of a report.
const LIMIT_DEFAULT: u32 = 50;
/// Maximum number of rows of a report.
const LIMIT_MAX: u32 = 1000;
/// Maximum number of rows of a report as a file.
pub const EXPORT_ROWS_MAX: u32 = 100_000;
/// Maximum characters of a string in a request.
const TEXT_MAX: usize = 500;

/// Runs reports for one requester. All clones, also those for other requesters, share the queues and the cached
/// drop-out lists.
#[derive(Debug, Clone)]
pub struct Reports {
    shared: Arc<Shared>,
    requester: Requester,
    is_export: bool,
    /// The segments that filters name; without it they are refused.
    segments: Option<SegmentSource>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    session_minutes: u64,
    dropouts: funnel::DropoutCache,
    queues: Queues,
    limit_policy: LimitPolicy,
    metrics: ReportMetrics,
}

/// Why a report failed.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The request is invalid.
    #[error("{0}")]
    Invalid(String),
    /// The requested object does not exist (any more).
    #[error("{0}")]
    NotFound(&'static str),
    /// The queue is full, or the wait was too long.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// It exceeded its time limit while other reports ran.
    #[error("the report exceeded its time limit while others were running; try again in a moment")]
    Contended,
    /// It exceeded the limits of one report, regardless of others.
    #[error("{}", too_large(*.0))]
    TooLarge(Exceeded),
    /// The program failed: a fault of ours, not of the request.
    #[error("the report failed: {0}")]
    Failed(String),
    /// The warehouse failed; the error's kind says whether a retry may succeed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ReportError {
    /// Whether the same request may succeed once the warehouse is available again.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Store(error) if error.kind() == ErrorKind::Retry || error.fault() != Fault::Failing)
    }

    /// If the warehouse is unavailable for all reports: seconds until a retry, and the reason in one line.
    #[must_use]
    pub fn unavailable(&self) -> Option<(u64, &'static str)> {
        let Self::Store(error) = self else { return None };
        let reason = match error.kind() {
            _ if matches!(error, StoreError::Foreign) => "the warehouse belongs to another installation",
            ErrorKind::Damaged => "the warehouse cannot read a part of its data; see the service's log",
            ErrorKind::NoSpace => "the warehouse's disk is full; reports work again once there is free space",
            _ if !error.fault().may_pass() => error.fault().advice(),
            _ if self.is_transient() => {
                let reason = "the warehouse is starting or temporarily unavailable; try again in a moment";
                return Some((TRANSIENT_RETRY_SECONDS, reason));
            }
            _ => return None,
        };
        Some((FAULT_RETRY_SECONDS, reason))
    }
}

const fn too_large(exceeded: Exceeded) -> &'static str {
    match exceeded {
        Exceeded::Memory => {
            "the report needs more memory than allowed: choose a shorter period, or fewer steps or values; the owner \
             can raise reports.memory_bytes_max"
        }
        Exceeded::Time => {
            "the report takes longer than allowed: choose a shorter period, or fewer steps or conditions; the owner \
             can raise clickhouse.query_timeout_ms"
        }
    }
}

impl Reports {
    /// Reports from this store, with the default queue settings. A session ends after `session_minutes` without an
    /// event, unless the site has its own setting.
    #[must_use]
    pub fn new(store: Store, session_minutes: u64) -> Self {
        Self::with_queue(store, session_minutes, &Config::defaults().reports, ReportMetrics::default())
    }

    /// Like [`Self::new`], with configured queues and limits, and with metrics.
    #[must_use]
    pub fn with_queue(store: Store, session_minutes: u64, config: &config::Reports, metrics: ReportMetrics) -> Self {
        let shared = Shared {
            store,
            session_minutes,
            dropouts: funnel::DropoutCache::default(),
            queues: Queues::new(config, &metrics),
            limit_policy: LimitPolicy::new(config),
            metrics,
        };
        Self { shared: Arc::new(shared), requester: Requester::from(""), is_export: false, segments: None }
    }

    /// The same reports for this requester (a user or an API key), which shares the queue fairly with others.
    #[must_use]
    pub fn for_requester(&self, requester: &str) -> Self {
        Self { requester: requester.into(), ..self.clone() }
    }

    /// The same reports, whose filters may name these segments.
    #[must_use]
    pub fn with_segments(self, segments: SegmentSource) -> Self {
        Self { segments: Some(segments), ..self }
    }

    /// The same reports for a file: all rows, at most [`EXPORT_ROWS_MAX`].
    #[must_use]
    pub fn for_export(self) -> Self {
        Self { is_export: true, ..self }
    }

    /// The maximum number of rows of an answer, as a query parameter.
    fn row_limit(&self, requested: Option<u32>) -> Result<Param, ReportError> {
        // One row more shows that a file is cut.
        let (default, max) =
            if self.is_export { (EXPORT_ROWS_MAX + 1, EXPORT_ROWS_MAX) } else { (LIMIT_DEFAULT, LIMIT_MAX) };
        match requested {
            None => Ok(Param::U32(default)),
            Some(limit) if (1..=max).contains(&limit) => Ok(Param::U32(limit)),
            Some(_) => invalid(format!("limit must be 1 to {max}")),
        }
    }

    fn start(&self, report: Report) -> ReportRun<'_> {
        ReportRun::new(self, report, false)
    }

    /// The inactivity that ends a session of this site, milliseconds, as a query parameter.
    fn session_ms(&self, site: &Site) -> Param {
        Param::I64(site.visitors.session_ms(self.shared.session_minutes))
    }
}

fn invalid<T>(message: impl Into<String>) -> Result<T, ReportError> {
    Err(ReportError::Invalid(message.into()))
}

/// Rejects strings that are too long or contain control characters, which no stored string does.
fn check_text(what: &str, text: &str) -> Result<(), ReportError> {
    if text.chars().count() > TEXT_MAX || text.chars().any(char::is_control) {
        return invalid(
            [what, " must be at most ", &TEXT_MAX.to_string(), " characters without control characters"].concat(),
        );
    }
    Ok(())
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

/// The name of an event in lists: its own, or the kind of call.
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
