//! Ways through the site: from the beginning of sessions, from a step, or to a step.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use super::{
    Report, ReportError, Reports,
    conditions::check_event,
    filters::{Asked, FilteredRun, Part},
    invalid,
    overview::PASSIVE_EVENTS,
    people,
};
use crate::{
    model::Site,
    store::{
        Param, Row,
        filters::{FilterSql, QuestionPart},
        statement,
    },
    wire::reports::{PathEnd, PathLink, Paths, PathsQuestion},
};

const LINKS: &str = include_str!("../store/sql/reports.paths_links.sql");
const NAMES: &str = include_str!("../store/sql/reports.paths_names.sql");
const NODES: &str = include_str!("../store/sql/reports.paths_nodes.sql");
const STEPS_MAX: u32 = 10;
const NODES_MAX: u32 = 50;
/// All nodes of a place that are not among the most frequent, in answers and in the statement.
const OTHER: (&str, u64) = ("$other", 1);
/// The end of a path in the statement.
const END: u64 = 0;
/// What a place is multiplied with to be mixed into a node, as in the statement.
const PLACE_FACTOR: u64 = 11_400_714_819_323_198_485;

#[derive(Row, Deserialize)]
struct NodeRecord {
    place: u32,
    node: u64,
    people: u64,
}

#[derive(Row, Deserialize)]
struct LinkRecord {
    place: u32,
    origin: u64,
    target: u64,
    people: u64,
}

#[derive(Row, Deserialize)]
struct NameRecord {
    node: u64,
    label: String,
}

/// Where the paths of a question begin: a number of the statement.
#[derive(Clone, Copy)]
enum Anchor {
    Session = 0,
    From = 1,
    To = 2,
}

impl Reports {
    /// The paths of the sessions that began in a period.
    ///
    /// # Errors
    /// If the request is invalid or the warehouse fails.
    pub async fn paths(&self, site: &Site, request: &PathsQuestion) -> Result<Paths, ReportError> {
        let (anchor, step) = match (&request.from_step, &request.to_step) {
            (Some(_), Some(_)) => return invalid("paths have `from_step` or `to_step`, not both"),
            (Some(step), None) => (Anchor::From, Some(step)),
            (None, Some(step)) => (Anchor::To, Some(step)),
            (None, None) => (Anchor::Session, None),
        };
        step.map_or(Ok(()), check_event)?;
        if !(1..=STEPS_MAX).contains(&request.steps) || !(1..=NODES_MAX).contains(&request.nodes) {
            return invalid(format!("steps must be 1 to {STEPS_MAX} and nodes 1 to {NODES_MAX}"));
        }
        let asked = Asked {
            from: request.from,
            to: request.to,
            timezone: request.timezone.as_deref(),
            filters: &request.filters,
            compare: None,
        };
        let (own, _) = asked.parts(site)?;
        let mut run = self.start_filtered(Report::Paths, asked)?;
        let join_people = people::are_joined(&run.run, site.id, request.unit).await?;
        let parts = [("$ANCHOR", step.map_or(QuestionPart::Nothing, QuestionPart::Step))];
        let filter = run.sql_with(site, own.filters, &own.period, join_people, &parts).await?;
        let mut params = own.period.params(site.id);
        params.push(("session_ms", self.session_ms(site)));
        params.push(("steps", Param::U32(request.steps + 1)));
        params.push(("nodes", Param::U32(request.nodes)));
        params.push(("anchor", Param::U8(anchor as u8)));
        params.push(("passive", Param::ArrayStr(PASSIVE_EVENTS.map(str::to_owned).to_vec())));
        let is_backwards = matches!(anchor, Anchor::To);
        answer(&run, (site, &own), &Read { filter, params, join_people, is_backwards }).await
    }
}

/// The statements of a question, filled.
struct Read {
    filter: FilterSql,
    params: Vec<(&'static str, Param)>,
    join_people: bool,
    is_backwards: bool,
}

async fn answer(run: &FilteredRun<'_>, (site, part): (&Site, &Part<'_>), read: &Read) -> Result<Paths, ReportError> {
    let mut fragments = vec![("$PATHS", statement::PATHS)];
    fragments.extend(statement::people(read.join_people));
    let nodes = read.filter.statement(NODES, &fragments);
    let nodes: Vec<NodeRecord> = run.run.query(nodes, &read.filter.with_params(&read.params)).await?;
    let sessions = nodes.iter().find(|record| record.place == 0).map_or(0, |record| record.people);
    let shown = nodes.iter().filter(|record| record.place != 0);
    let shown = shown.map(|record| record.node ^ u64::from(record.place).wrapping_mul(PLACE_FACTOR)).collect();
    let mut params = read.params.clone();
    params.push(("shown", Param::ArrayU64(shown)));
    let links = read.filter.statement(LINKS, &fragments);
    let records: Vec<LinkRecord> = run.run.query(links, &read.filter.with_params(&params)).await?;
    let used: BTreeSet<u64> =
        records.iter().flat_map(|record| [record.origin, record.target]).filter(|node| *node > OTHER.1).collect();
    let names = names(run, (site, part), used).await?;
    let name = |node: u64| if node == OTHER.1 { OTHER.0.into() } else { names.get(&node).cloned().unwrap_or_default() };
    let (ends, links): (Vec<_>, Vec<_>) = records.into_iter().partition(|record| record.target == END);
    let link = |record: LinkRecord| {
        let (mut source, mut target) = (name(record.origin), name(record.target));
        if read.is_backwards {
            std::mem::swap(&mut source, &mut target);
        }
        PathLink { step: record.place, source, target, people: record.people }
    };
    let end = |record: LinkRecord| PathEnd { step: record.place, node: name(record.origin), people: record.people };
    Ok(Paths { links: links.into_iter().map(link).collect(), ends: ends.into_iter().map(end).collect(), sessions })
}

async fn names(
    run: &FilteredRun<'_>,
    (site, part): (&Site, &Part<'_>),
    nodes: BTreeSet<u64>,
) -> Result<HashMap<u64, String>, ReportError> {
    if nodes.is_empty() {
        return Ok(HashMap::new());
    }
    let mut params = part.period.params(site.id);
    params.push(("limit", Param::U32(u32::try_from(nodes.len()).unwrap_or(u32::MAX))));
    params.push(("nodes", Param::ArrayU64(nodes.into_iter().collect())));
    let names: Vec<NameRecord> = run.run.query(NAMES, &params).await?;
    Ok(names.into_iter().map(|record| (record.node, record.label)).collect())
}
