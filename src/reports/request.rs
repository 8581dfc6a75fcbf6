//! One question on its way: it gets a place in the queue before its first word to the warehouse, and with the place
//! its share of the warehouse.

use std::time::Instant;

use tokio::sync::OnceCell;

use super::{ReportError, Reports, queue::Place};
use crate::{
    store::{Exceeded, Param, RowOwned, RowRead, Share, Store, StoreError},
    telemetry::ReportMetrics,
};

/// The kinds of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// What happened in a period.
    Overview,
    /// Which pages were looked at.
    Pages,
    /// Where visits came from.
    Sources,
    /// Who came.
    Visitors,
    /// How far visitors came along a way.
    Funnel,
    /// The people behind a step of a funnel.
    Dropped,
    /// What goes on right now.
    Realtime,
    /// What recommendations brought.
    Recommendations,
    /// What another choice of models would have brought.
    WhatIf,
    /// What is wrong with the data.
    DataQuality,
    /// Which events there are.
    Schema,
    /// One visitor.
    Visitor,
}

impl Report {
    /// Its name in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Pages => "pages",
            Self::Sources => "sources",
            Self::Visitors => "visitors",
            Self::Funnel => "funnel",
            Self::Dropped => "dropped",
            Self::Realtime => "realtime",
            Self::Recommendations => "recommendations",
            Self::WhatIf => "what-if",
            Self::DataQuality => "flaws",
            Self::Schema => "schema",
            Self::Visitor => "visitor",
        }
    }

    /// Whether it reads by key, or half an hour only, however large the site is.
    #[must_use]
    pub const fn is_short(self) -> bool {
        matches!(self, Self::Dropped | Self::Realtime | Self::Visitor)
    }
}

/// What a report was given.
#[derive(Debug)]
struct Given {
    place: Place,
    store: Store,
}

/// A question that is being answered.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    reports: &'a Reports,
    report: Report,
    begun: Instant,
    given: OnceCell<Given>,
}

impl Asked<'_> {
    pub(super) fn new(reports: &Reports, report: Report) -> Asked<'_> {
        Asked { reports, report, begun: Instant::now(), given: OnceCell::new() }
    }

    /// One of its questions to the warehouse.
    pub(super) async fn query<T>(&self, question: &'static str, params: &[(&str, Param)]) -> Result<Vec<T>, ReportError>
    where
        T: RowOwned + RowRead,
    {
        let store = self.store().await?;
        self.finish(store.query(question, params)).await
    }

    /// The warehouse, once it is this question's turn. What it is asked goes through [`Self::finish`].
    pub(super) async fn store(&self) -> Result<&Store, ReportError> {
        Ok(&self.given.get_or_try_init(|| self.enter()).await?.store)
    }

    async fn enter(&self) -> Result<Given, ReportError> {
        let Reports { shared, asker } = self.reports;
        let waits = GivenUp(Some(&shared.metrics));
        let entered = shared.queues.of(self.report).enter(asker).await;
        let share = if entered.is_ok() { shared.shares.of(self.report, &shared.store).await } else { Share::default() };
        waits.end();
        Ok(Given { place: entered?, store: shared.store.with_share(share) })
    }

    /// Waits for an answer of the warehouse, and says what its failure means to the asker.
    pub(super) async fn finish<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, ReportError> {
        let metrics = &self.reports.shared.metrics;
        let works = GivenUp(Some(metrics));
        let answered = work.await;
        works.end();
        answered.map_err(|error| {
            let had_company = || self.given.get().is_some_and(|given| given.place.had_company());
            let (reason, error) = match error.exceeded() {
                Some(Exceeded::Time) if had_company() => ("crowded", ReportError::Crowded),
                Some(exceeded) => ("too_large", ReportError::TooLarge(exceeded)),
                None => ("warehouse", ReportError::Store(error)),
            };
            metrics.refuse(reason);
            error
        })
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.given.initialized() {
            self.reports.shared.metrics.took(self.report.as_str(), self.begun.elapsed().as_secs_f64());
        }
    }
}

/// Counts work that was given up, unless it is over.
struct GivenUp<'a>(Option<&'a ReportMetrics>);

impl GivenUp<'_> {
    fn end(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp<'_> {
    fn drop(&mut self) {
        if let Some(metrics) = self.0 {
            metrics.cancelled.inc();
        }
    }
}
