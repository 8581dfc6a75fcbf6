//! People: found by what is known of them, by segment, by value, or as last seen; and what one of them did.

use axum::{Json, extract::State};
use serde::Deserialize;

use crate::{
    clock,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Path, Query, SitePath},
        state::AppState,
    },
    ingest::identify::{IdKind, visitor_of},
    model::{Site, VisitorId},
    reports::{ListPlace, PeopleQuestion, Reports, Search, TimelineQuestion},
    wire::{
        people::{BrowserBody, FoundBy, People, PeopleSort, TimelineKind},
        reports::Timeline,
    },
};

const LIMIT_DEFAULT: usize = 50;
const LIMIT_MAX: usize = 200;

/// Which people to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct PeopleQuery {
    /// A user id, an order id, a visitor id or anonymousId, or the SHA-256 of an e-mail address or phone number as in
    /// `customers/lookup`. Not together with `segment`, `sort` and `after`.
    #[serde(default)]
    search: Option<String>,
    /// Id of a segment: its members now, in order of visitor id. Not together with `sort`.
    #[serde(default)]
    segment: Option<String>,
    /// Order of the list; `last_seen` by default.
    #[serde(default)]
    sort: Option<PeopleSort>,
    /// The `next` of the previous answer.
    #[serde(default)]
    after: Option<String>,
    /// At most this many, 50 by default, at most 200.
    #[serde(default)]
    limit: Option<usize>,
}

/// Which events to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct TimelineQuery {
    /// Events of this kind.
    #[serde(default)]
    kind: Option<TimelineKind>,
    /// Contacts over this channel.
    #[serde(default)]
    channel: Option<String>,
    /// Text in the event's name, path, title, items or properties, in any case.
    #[serde(default)]
    search: Option<String>,
    /// The `next` of the previous answer.
    #[serde(default)]
    before: Option<String>,
    /// At most this many, 50 by default, at most 1,000.
    #[serde(default)]
    limit: Option<u32>,
}

/// People: found by `search`, the members of a segment, the best customers, or those last seen.
#[utoipa::path(get, path = "/api/v1/sites/{site}/people", tag = "visitors", params(("site" = u32, Path), PeopleQuery),
    responses((status = 200, body = People), (status = 404, description = "there is no such segment"),
        (status = 503, description = "the warehouse is starting, or too many reports are ahead: `Retry-After` says when")))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    Query(query): Query<PeopleQuery>,
) -> Result<Json<People>, ApiError> {
    caller.may_read(id)?;
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(ApiError::Unreadable(format!("`limit` must be 1 to {LIMIT_MAX}")));
    }
    let snapshot = state.catalog.site(id)?;
    let (site, reports) = (&*snapshot.site, state.reports.for_requester(&caller.queue_key()));
    let given =
        |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let (search, segment) = (given(&query.search), given(&query.segment));
    if (search.is_some() && (segment.is_some() || query.after.is_some())) || (segment.is_some() && query.sort.is_some())
    {
        return Err(ApiError::Unreadable("`search`, `segment` and `sort` are not used together".into()));
    }
    if let Some(text) = search {
        return found(&state, &reports, site, &text, !caller.is_masked()).await.map(Json);
    }
    if let Some(segment) = segment {
        let after = match given(&query.after) {
            None => VisitorId(0),
            Some(after) => after.parse().map_err(|_| wrong_place())?,
        };
        let rule = &snapshot.segments.get(&segment).ok_or(ApiError::NotFound)?.rule;
        let values = state.personalizer.values();
        let (settings, now) = (state.personalizer.settings(), clock::now());
        let question = PeopleQuestion { site: &snapshot, rule, settings, values: &*values, now };
        let members = reports.people(&question, after, limit).await?;
        let ids: Vec<VisitorId> = members.members.iter().filter_map(|member| member.visitor.parse().ok()).collect();
        return Ok(Json(shown(&state, &reports, site, &ids, members.next).await?));
    }
    let after = given(&query.after).map(|text| place_of(&text).ok_or_else(wrong_place)).transpose()?;
    // One more shows whether the list goes on.
    let mut ranked: Vec<ListPlace> = match query.sort.unwrap_or_default() {
        PeopleSort::LastSeen => reports.people_last_seen(site, after, limit + 1, clock::now()).await?,
        PeopleSort::Value => {
            let top = state.customers.values().top(id, after, limit + 1);
            top.into_iter().map(|(visitor, value)| (value.orders_value_minor, visitor)).collect()
        }
    };
    let goes_on = ranked.len() > limit;
    ranked.truncate(limit);
    let next = ranked.last().filter(|_| goes_on).map(|(value, visitor)| format!("{value}.{visitor}"));
    let ids: Vec<VisitorId> = ranked.into_iter().map(|(_, visitor)| visitor).collect();
    Ok(Json(shown(&state, &reports, site, &ids, next).await?))
}

/// Events of a person, newest first: of one kind or channel, with a text.
#[utoipa::path(get, path = "/api/v1/sites/{site}/visitors/{visitor}/timeline", tag = "visitors",
    params(("site" = u32, Path), ("visitor" = String, Path), TimelineQuery), responses((status = 200, body = Timeline)))]
pub async fn timeline(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(query): Query<TimelineQuery>,
) -> Result<Json<Timeline>, ApiError> {
    caller.may_read(id)?;
    let Path((_, visitor)) = path;
    let site = state.catalog.site(id)?;
    let visitor = visitor_of(&site.site, IdKind::Anonymous, &visitor);
    let question = TimelineQuestion {
        kind: query.kind.unwrap_or_default(),
        channel: query.channel.unwrap_or_default(),
        search: query.search.unwrap_or_default(),
        before: query.before.unwrap_or_default(),
        limit: query.limit,
        // It would confirm a guess at masked data.
        in_properties: !caller.is_masked(),
    };
    Ok(Json(state.reports.for_requester(&caller.queue_key()).timeline(&site.site, visitor, &question).await?))
}

/// The browsers and devices of a person, last seen first, and which of them the site vouched for.
#[utoipa::path(get, path = "/api/v1/sites/{site}/visitors/{visitor}/browsers", tag = "visitors",
    params(("site" = u32, Path), ("visitor" = String, Path)), responses((status = 200, body = Vec<BrowserBody>)))]
pub async fn browsers(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<Vec<BrowserBody>>, ApiError> {
    caller.may_read(id)?;
    let Path((_, visitor)) = path;
    let site = state.catalog.site(id)?;
    let visitor = visitor_of(&site.site, IdKind::Anonymous, &visitor);
    let reports = state.reports.for_requester(&caller.queue_key());
    let visitors = reports.visitors_of_person(&site.site, visitor).await?;
    Ok(Json(reports.browsers(&site.site, &visitors).await?))
}

async fn found(
    state: &AppState,
    reports: &Reports,
    site: &Site,
    text: &str,
    personal: bool,
) -> Result<People, ApiError> {
    let visitor = visitor_of(site, IdKind::Anonymous, text);
    let matches = reports.search_people(site, Search { text, visitor, personal }).await?;
    let ids: Vec<VisitorId> = matches.iter().map(|(visitor, _)| *visitor).collect();
    let mut list = shown(state, reports, site, &ids, None).await?;
    for row in &mut list.people {
        row.found_by = found_by(&matches, &row.visitor);
    }
    Ok(list)
}

fn found_by(matches: &[(VisitorId, FoundBy)], visitor: &str) -> Option<FoundBy> {
    let visitor = visitor.parse().ok()?;
    matches.iter().find(|(found, _)| *found == visitor).map(|(_, by)| *by)
}

/// The people with their values, in this order.
async fn shown(
    state: &AppState,
    reports: &Reports,
    site: &Site,
    visitors: &[VisitorId],
    next: Option<String>,
) -> Result<People, ApiError> {
    let mut people = reports.person_rows(site, visitors).await?;
    let values = state.customers.values();
    for row in &mut people {
        row.value = values.of(site.id, None, row.visitor.parse().ok());
    }
    Ok(People { people, next })
}

fn place_of(text: &str) -> Option<ListPlace> {
    let (value, visitor) = text.split_once('.')?;
    Some((value.parse().ok()?, visitor.parse().ok()?))
}

fn wrong_place() -> ApiError {
    ApiError::Unreadable("`after` is the `next` of the previous answer".into())
}
