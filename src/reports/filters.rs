//! Filters and comparison of questions: they are checked before anything is read, and the members of the segments that
//! they name are sent to the session of the report's queries.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    PeopleQuestion, Report, ReportError, ReportRun, Reports,
    conditions::{check_condition, check_event},
    invalid,
    period::Period,
};
use crate::{
    catalog::snapshot::SiteSnapshot,
    decide::Settings,
    model::{PersonValue, Profile, Site, SiteId, Timestamp},
    store::filters::{EventFilters, FilterRange, FilterSql, MemberList, QuestionPart},
    wire::reports::{Compare, Condition, FunnelStep, MemberOp, Moment, ReportFilter},
};

const FILTERS_MAX: usize = 20;
/// Stored days are counted by quarters of an hour.
const QUARTER_MS: i64 = 900_000;
/// Maximum bytes of all filters: their texts are sent in the URL of the request to the warehouse.
const BYTES_MAX: usize = 32 * 1024;
/// Most visitors in a segment that a filter names: they are sent to the warehouse.
const MEMBERS_MAX: usize = 1_000_000;

/// Finds the value of a person; `None` if it is not known.
pub type Values = Arc<dyn Fn(SiteId, &Profile) -> Option<PersonValue> + Send + Sync>;

/// What the members of segments depend on beside the stored events.
#[derive(Clone)]
pub struct SegmentSource {
    /// The site.
    pub site: Arc<SiteSnapshot>,
    /// Limits and constants of decisions.
    pub settings: Settings,
    /// Finds the value of a person.
    pub values: Values,
    /// The time as of which rules are evaluated.
    pub now: Timestamp,
}

impl std::fmt::Debug for SegmentSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentSource").field("site", &self.site.site.id).finish_non_exhaustive()
    }
}

/// A run of a report whose question has filters.
pub(super) struct FilteredRun<'a> {
    pub(super) run: ReportRun<'a>,
    reports: &'a Reports,
    /// The lists that were sent.
    lists: BTreeMap<String, MemberList>,
}

/// What questions with filters have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) from: Moment,
    pub(super) to: Moment,
    pub(super) timezone: Option<&'a str>,
    pub(super) filters: &'a [ReportFilter],
    pub(super) compare: Option<&'a Compare>,
}

/// A period and what is kept of it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) period: Period,
    pub(super) filters: &'a [ReportFilter],
}

impl<'a> Asked<'a> {
    /// What is asked for, and what it is compared with.
    pub(super) fn parts(&self, site: &Site) -> Result<(Part<'a>, Option<Part<'a>>), ReportError> {
        let part = |from, to, filters| -> Result<Part<'a>, ReportError> {
            let period = Period::check(from, to, self.timezone, site)?;
            Ok(Part { period, filters })
        };
        let own = part(self.from, self.to, self.filters)?;
        let other = self.compare.map(|compare| {
            let filters = compare.filters.as_deref().unwrap_or(self.filters);
            part(compare.from.unwrap_or(self.from), compare.to.unwrap_or(self.to), filters)
        });
        Ok((own, other.transpose()?))
    }
}

/// The common keys of a question that has all of them.
macro_rules! asked {
    ($request:expr) => {
        $crate::reports::filters::Asked {
            from: $request.from,
            to: $request.to,
            timezone: $request.timezone.as_deref(),
            filters: &$request.filters,
            compare: $request.compare.as_ref(),
        }
    };
}
pub(super) use asked;

impl Reports {
    /// Checks the filters of a question and of what it is compared with, and starts the report.
    pub(super) fn start_filtered(&self, report: Report, asked: Asked<'_>) -> Result<FilteredRun<'_>, ReportError> {
        let has_segments = self.check_filters(asked)?;
        Ok(self.start_with_lists(report, has_segments))
    }

    /// Checks the filters of a question and of what it is compared with; whether they name segments.
    pub(super) fn check_filters(&self, asked: Asked<'_>) -> Result<bool, ReportError> {
        let filters = asked.filters;
        let others = asked.compare.and_then(|compare| compare.filters.as_deref()).unwrap_or_default();
        check(filters)?;
        check(others)?;
        let mut segments = filters.iter().chain(others).filter_map(segment_of).peekable();
        let has_segments = segments.peek().is_some();
        segments.try_for_each(|segment| self.check_segment(segment))?;
        Ok(has_segments)
    }

    /// A run whose queries may use lists of members.
    pub(super) fn start_with_lists(&self, report: Report, has_lists: bool) -> FilteredRun<'_> {
        FilteredRun { run: ReportRun::new(self, report, has_lists), reports: self, lists: BTreeMap::new() }
    }

    /// Refuses a segment that does not exist.
    pub(super) fn check_segment(&self, segment: &str) -> Result<(), ReportError> {
        let exists = self.segments.as_ref().is_some_and(|source| source.site.segments.get(segment).is_some());
        if exists { Ok(()) } else { invalid(["there is no segment `", &shortened(segment), "`"].concat()) }
    }
}

impl FilteredRun<'_> {
    /// The filters for a statement's range, their segments resolved into people.
    pub(super) async fn sql(
        &mut self,
        site: &Site,
        filters: &[ReportFilter],
        period: &Period,
        join_people: bool,
    ) -> Result<FilterSql, ReportError> {
        self.sql_with(site, filters, period, join_people, &[]).await
    }

    /// Like [`Self::sql`], with other parts of the question by the names of their placeholders.
    pub(super) async fn sql_with(
        &mut self,
        site: &Site,
        filters: &[ReportFilter],
        period: &Period,
        join_people: bool,
        parts: &[(&'static str, QuestionPart<'_>)],
    ) -> Result<FilterSql, ReportError> {
        let range = self.range(site, period);
        let sql = FilterSql::with_parts(&self.resolve(filters).await?, parts, range, join_people);
        Ok(sql.materializing(self.run.store().await?))
    }

    /// As [`Self::sql`], for a statement that can use stored days; `steps`: the beginnings of the intervals that it
    /// groups by.
    pub(super) async fn sql_of_stored(
        &mut self,
        site: &Site,
        (filters, period): (&[ReportFilter], &Period),
        steps: &[i64],
        join_people: bool,
    ) -> Result<FilterSql, ReportError> {
        let are_whole_quarters = |ms: i64| ms % QUARTER_MS == 0;
        let times = [period.from, period.to].into_iter().chain(steps.iter().copied());
        if !filters.is_empty() || !times.into_iter().all(are_whole_quarters) {
            return self.sql(site, filters, period, join_people).await;
        }
        let range = self.range(site, period);
        let store = self.run.store().await?;
        let days = self.run.finish(store.stored_days(site.id, range)).await?;
        Ok(FilterSql::of_stored_days(range, &days))
    }

    fn range(&self, site: &Site, period: &Period) -> FilterRange {
        let session_ms = site.visitors.session_ms(self.reports.shared.session_minutes);
        FilterRange { from_ms: period.from, to_ms: period.to, session_ms }
    }

    /// The filters, their segments resolved into people.
    pub(super) async fn resolve(&mut self, filters: &[ReportFilter]) -> Result<EventFilters, ReportError> {
        let mut resolved = EventFilters::default();
        for filter in filters {
            match filter {
                ReportFilter::Property(condition) => resolved.conditions.push(condition.clone()),
                ReportFilter::Event(event) => resolved.events.push(event.clone()),
                ReportFilter::Segment(filter) => {
                    let list = self.members(&filter.segment).await?;
                    resolved.members.push((list, filter.op == MemberOp::In));
                }
            }
        }
        Ok(resolved)
    }

    /// The members of a segment now, as a list in the session of the run.
    pub(super) async fn members(&mut self, segment: &str) -> Result<MemberList, ReportError> {
        if let Some(known) = self.lists.get(segment) {
            return Ok(*known);
        }
        self.reports.check_segment(segment)?;
        let Some(source) = &self.reports.segments else { return invalid("reports of this kind take no segments") };
        let Some(found) = source.site.segments.get(segment) else { return invalid("there is no such segment") };
        let question = PeopleQuestion {
            site: &source.site,
            rule: &found.rule,
            settings: source.settings,
            values: &*source.values,
            now: source.now,
        };
        let Some(members) = self.reports.members(&self.run, &question, MEMBERS_MAX).await? else {
            let max = MEMBERS_MAX.to_string();
            return invalid(
                ["segment `", segment, "` has more than ", &max, " browsers: too many for a filter"].concat(),
            );
        };
        let list = MemberList(u32::try_from(self.lists.len()).unwrap_or(u32::MAX));
        let store = self.run.store().await?;
        self.run.finish(store.send_members(list, &members)).await?;
        self.lists.insert(segment.to_owned(), list);
        Ok(list)
    }
}

fn segment_of(filter: &ReportFilter) -> Option<&str> {
    if let ReportFilter::Segment(filter) = filter { Some(&filter.segment) } else { None }
}

fn shortened(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// Refuses filters that cannot be applied, with the reason.
pub(super) fn check(filters: &[ReportFilter]) -> Result<(), ReportError> {
    if filters.len() > FILTERS_MAX {
        return invalid("a question has at most 20 filters");
    }
    let mut bytes = 0;
    for filter in filters {
        match filter {
            ReportFilter::Property(condition) => {
                check_condition(condition)?;
                bytes += size_of_condition(condition);
            }
            ReportFilter::Event(event) => {
                check_event(event)?;
                bytes += size_of_event(event);
            }
            ReportFilter::Segment(_) => {}
        }
    }
    if bytes > BYTES_MAX { invalid("the filters' strings are too long in total") } else { Ok(()) }
}

fn size_of_condition(condition: &Condition) -> usize {
    condition.property.len() + condition.value.to_string().len()
}

pub(super) fn size_of_event(event: &FunnelStep) -> usize {
    event.event.len() + event.conditions.iter().map(size_of_condition).sum::<usize>()
}
