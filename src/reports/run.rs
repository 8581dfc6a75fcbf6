//! One run of a report: it gets a permit of its queue before its first query, and its resource limits with the permit.

use std::time::Instant;

use tokio::sync::OnceCell;

use super::{ReportError, Reports, queue::Permit};
use crate::{
    store::{Exceeded, Param, QueryLimits, RowOwned, RowRead, Statement, Store, StoreError},
    telemetry::ReportMetrics,
};

/// The kinds of reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Report {
    /// Totals and time series of a period.
    Overview,
    /// Page views by page.
    Pages,
    /// Traffic sources.
    Sources,
    /// Which sessions before conversions get the credit.
    Attribution,
    /// Goals that were reached.
    Goals,
    /// Who came back.
    Retention,
    /// Ways through the site.
    Paths,
    /// Where visitors are.
    Locations,
    /// Items that were viewed and bought.
    Products,
    /// Searches on the site.
    Searches,
    /// Speed of pages.
    Vitals,
    /// Errors of the pages' scripts.
    Errors,
    /// Links that leave the site, and downloads.
    Links,
    /// Events by name or value.
    Events,
    /// Campaigns.
    Campaigns,
    /// Attributes of visitors.
    Visitors,
    /// Conversion through the steps of a funnel.
    Funnel,
    /// Visitors who dropped out at a step of a funnel.
    Dropped,
    /// Current visitors and recent events.
    Realtime,
    /// Results of an experiment.
    Experiments,
    /// Performance of recommendations.
    Recommendations,
    /// Off-policy evaluation of another choice of models.
    WhatIf,
    /// Results of offers.
    Offers,
    /// Rehearsal of an offer.
    Rehearsal,
    /// The value of customers.
    Rfm,
    /// Schema violations and unconverted currencies.
    DataQuality,
    /// Events and their properties.
    Schema,
    /// One visitor's profile and timeline.
    Visitor,
    /// People for whom a rule holds.
    Segments,
    /// Lists of people.
    People,
    /// Surveys, complaints, feedback, and the cost of contacts.
    Satisfaction,
}

impl Report {
    /// Its name in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Whether it reads by key, or half an hour only, so that it is fast on any site.
    #[must_use]
    pub const fn is_short(self) -> bool {
        matches!(self, Self::Dropped | Self::Realtime | Self::Visitor)
    }
}

/// What a report holds while it runs.
#[derive(Debug)]
struct Admission {
    permit: Permit,
    store: Store,
}

/// A report that is being computed.
#[derive(Debug)]
pub(super) struct ReportRun<'a> {
    reports: &'a Reports,
    report: Report,
    started_at: Instant,
    /// Session of the server that all queries of the run share, if they do.
    session: Option<u128>,
    admission: OnceCell<Admission>,
}

impl ReportRun<'_> {
    pub(super) fn new(reports: &Reports, report: Report, shares_session: bool) -> ReportRun<'_> {
        let session = shares_session.then(rand::random);
        ReportRun { reports, report, started_at: Instant::now(), session, admission: OnceCell::new() }
    }

    /// Runs one query of the report.
    pub(super) async fn query<T>(
        &self,
        sql: impl Into<Statement>,
        params: &[(&str, Param)],
    ) -> Result<Vec<T>, ReportError>
    where
        T: RowOwned + RowRead,
    {
        let store = self.store().await?;
        self.finish(store.query(sql, params)).await
    }

    /// Waits for the permit and returns the store with the report's limits. Pass its futures to [`Self::finish`].
    pub(super) async fn store(&self) -> Result<&Store, ReportError> {
        Ok(&self.admission.get_or_try_init(|| self.admit()).await?.store)
    }

    async fn admit(&self) -> Result<Admission, ReportError> {
        let Reports { shared, requester, .. } = self.reports;
        let cancellation = CancellationCounter(Some(&shared.metrics));
        let permit = shared.queues.queue(self.report).acquire(requester).await;
        let limits = if permit.is_ok() {
            let limits = shared.limit_policy.limits(self.report, &shared.store).await;
            QueryLimits { session: self.session, ..limits }
        } else {
            QueryLimits::default()
        };
        cancellation.disarm();
        Ok(Admission { permit: permit?, store: shared.store.with_limits(limits) })
    }

    /// Awaits a store operation, and maps and counts its error.
    pub(super) async fn finish<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, ReportError> {
        let metrics = &self.reports.shared.metrics;
        let cancellation = CancellationCounter(Some(metrics));
        let result = work.await;
        cancellation.disarm();
        result.map_err(|error| {
            let was_contended = || self.admission.get().is_some_and(|admission| admission.permit.had_concurrency());
            let (reason, error) = match error.exceeded() {
                Some(Exceeded::Time) if was_contended() => ("crowded", ReportError::Contended),
                Some(exceeded) => ("too_large", ReportError::TooLarge(exceeded)),
                None if error.is_unknown_name() && !self.reports.shared.store.has_tables() => {
                    ("warehouse", ReportError::Store(StoreError::Preparing))
                }
                None => ("warehouse", ReportError::Store(error)),
            };
            metrics.refuse(reason);
            error
        })
    }
}

impl Drop for ReportRun<'_> {
    fn drop(&mut self) {
        if self.admission.initialized() {
            self.reports.shared.metrics.observe(self.report.as_str(), self.started_at.elapsed().as_secs_f64());
        }
    }
}

/// Counts a cancellation if it is dropped while armed.
struct CancellationCounter<'a>(Option<&'a ReportMetrics>);

impl CancellationCounter<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for CancellationCounter<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.0 {
            metrics.cancelled.inc();
        }
    }
}
