//! Segments: groups of people by rule.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    catalog::{SiteSnapshot, compile::compile_segment_rule, condition::Condition},
    clock,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, Query, SitePath},
        state::AppState,
    },
    ingest::identify::{IdKind, visitor_of},
    model::{Rule, VisitorId},
    reports::{PeopleQuestion, csv},
    segments::Explanation,
    wire::{
        reports::Moment,
        segments::{
            ExplainQuestion, ListedSegment, SegmentBody, SegmentCount, SegmentExplanation, SegmentMembers,
            SegmentQuestion,
        },
    },
};

const MEMBERS_DEFAULT: usize = 100;
const MEMBERS_MAX: usize = 1000;
/// Members of one CSV file.
const CSV_MEMBERS_MAX: usize = 100_000;
/// Longest visitor id in a question, bytes.
const VISITOR_BYTES_MAX: usize = 500;

/// Which members to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct MemberQuery {
    /// At most this many, 100 by default, at most 1,000; in a CSV file at most 100,000, which is its default.
    #[serde(default)]
    limit: Option<usize>,
    /// The `next` of the previous answer.
    #[serde(default)]
    after: Option<String>,
    /// `csv` or `json`, which is the default.
    #[serde(default)]
    format: Option<String>,
}

/// The segments of a site.
#[utoipa::path(get, path = "/api/v1/sites/{site}/segments", tag = "segments", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<ListedSegment>)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
) -> Result<Json<Vec<ListedSegment>>, ApiError> {
    caller.may_read(id)?;
    Ok(Json(state.catalog.segments(id).await?))
}

/// Adds a segment.
#[utoipa::path(post, path = "/api/v1/sites/{site}/segments", tag = "segments", params(("site" = u32, Path)),
    request_body = SegmentBody, responses((status = 201, body = SegmentBody),
        (status = 409, description = "there is a segment with that id"), (status = 422, description = "the rule is invalid")))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(segment): JsonBody<SegmentBody>,
) -> Result<(StatusCode, Json<SegmentBody>), ApiError> {
    caller.may_edit(id)?;
    state.catalog.add_segment(&caller.name(), id, segment.clone()).await?;
    follow(&state).await;
    Ok((StatusCode::CREATED, Json(segment)))
}

/// Adds or replaces a segment.
#[utoipa::path(put, path = "/api/v1/sites/{site}/segments/{segment}", tag = "segments",
    params(("site" = u32, Path), ("segment" = String, Path)), request_body = SegmentBody,
    responses((status = 200, body = SegmentBody), (status = 422, description = "the rule is invalid")))]
pub async fn put(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    JsonBody(mut body): JsonBody<SegmentBody>,
) -> Result<Json<SegmentBody>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, segment)) = path;
    if !body.id.is_empty() && body.id != segment {
        return Err(ApiError::Invalid("`id` differs from the id in the address".into()));
    }
    body.id = segment;
    state.catalog.put_segment(&caller.name(), id, body.clone()).await?;
    follow(&state).await;
    Ok(Json(body))
}

/// Removes a segment.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/segments/{segment}", tag = "segments",
    params(("site" = u32, Path), ("segment" = String, Path)),
    responses((status = 204), (status = 409, description = "it is in use: the message says by what")))]
pub async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(id)?;
    let Path((_, segment)) = path;
    let existed = state.catalog.delete_segment(&caller.name(), id, &segment).await?;
    follow(&state).await;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

/// From now on events change what was stored. If that cannot be stored now, it is tried again in the background.
async fn follow(state: &AppState) {
    if let Err(error) = state.membership.sync().await {
        tracing::warn!(%error, "a changed segment is not followed yet; trying again");
    }
}

/// Counts the people for whom a rule holds now, over the stored past.
#[utoipa::path(post, path = "/api/v1/sites/{site}/segments/preview", tag = "segments", params(("site" = u32, Path)),
    request_body = SegmentQuestion, responses((status = 200, body = SegmentCount),
        (status = 422, description = "the rule is invalid"),
        (status = 503, description = "the warehouse is starting, or too many reports are ahead: `Retry-After` says when")))]
pub async fn preview(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(question): JsonBody<SegmentQuestion>,
) -> Result<Json<SegmentCount>, ApiError> {
    caller.may_read(id)?;
    let site = state.catalog.site(id)?;
    if caller.is_masked() {
        refuse_personal_data(&question.rule)?;
    }
    let rule = compiled(&question.rule, &site)?;
    let values = state.personalizer.values();
    let question = people_question(&state, &site, &rule, &*values);
    Ok(Json(state.reports.for_requester(&caller.queue_key()).count_people(&question).await?))
}

/// The members of a segment now, over the stored past.
#[utoipa::path(get, path = "/api/v1/sites/{site}/segments/{segment}/members", tag = "segments",
    params(("site" = u32, Path), ("segment" = String, Path), MemberQuery), responses((status = 200, body = SegmentMembers),
        (status = 503, description = "the warehouse is starting, or too many reports are ahead: `Retry-After` says when")))]
pub async fn members(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(query): Query<MemberQuery>,
) -> Result<Response, ApiError> {
    caller.may_read(id)?;
    let Path((_, segment)) = path;
    let as_csv = match query.format.as_deref() {
        None | Some("json") => false,
        Some("csv") => true,
        Some(_) => return Err(ApiError::Unreadable("`format` must be csv or json".into())),
    };
    if as_csv {
        // User ids in a file would not be masked.
        caller.may_see_people(id)?;
    }
    let (default, most) = if as_csv { (CSV_MEMBERS_MAX, CSV_MEMBERS_MAX) } else { (MEMBERS_DEFAULT, MEMBERS_MAX) };
    let limit = query.limit.unwrap_or(default);
    if !(1..=most).contains(&limit) {
        return Err(ApiError::Unreadable(format!("`limit` must be 1 to {most}")));
    }
    let after = match query.after.as_deref().filter(|after| !after.is_empty()) {
        None => VisitorId(0),
        Some(after) => {
            after.parse().map_err(|_| ApiError::Unreadable("`after` is the `next` of the previous answer".into()))?
        }
    };
    let site = state.catalog.site(id)?;
    let rule = &site.segments.get(&segment).ok_or(ApiError::NotFound)?.rule;
    let values = state.personalizer.values();
    let question = people_question(&state, &site, rule, &*values);
    let members = state.reports.for_requester(&caller.queue_key()).people(&question, after, limit).await?;
    if !as_csv {
        return Ok(Json(members).into_response());
    }
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"ashna-segment-{segment}.csv\""))
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let content_type = HeaderValue::from_static("text/csv; charset=utf-8");
    let headers = [(header::CONTENT_TYPE, content_type), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, csv::write(&members).bytes).into_response())
}

/// Says which parts of a rule hold for a visitor, and why.
#[utoipa::path(post, path = "/api/v1/sites/{site}/segments/explain", tag = "segments", params(("site" = u32, Path)),
    request_body = ExplainQuestion, responses((status = 200, body = SegmentExplanation),
        (status = 404, description = "nothing is known of the visitor"), (status = 422, description = "the rule is invalid")))]
pub async fn explain(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(question): JsonBody<ExplainQuestion>,
) -> Result<Json<SegmentExplanation>, ApiError> {
    caller.may_see_people(id)?;
    let site = state.catalog.site(id)?;
    if question.visitor.is_empty() || question.visitor.len() > VISITOR_BYTES_MAX {
        return Err(ApiError::Invalid("`visitor` is a visitor's id, or an anonymousId".into()));
    }
    let rule = compiled(&question.rule, &site)?;
    let visitor = visitor_of(&site.site, IdKind::Anonymous, &question.visitor);
    let explanation = state.personalizer.explain_rule(&site, visitor, &rule).await.ok_or(ApiError::NotFound)?;
    Ok(Json(explained(explanation)))
}

fn explained(explanation: Explanation) -> SegmentExplanation {
    SegmentExplanation {
        rule: explanation.rule,
        holds: explanation.holds,
        why: explanation.why,
        since: explanation.since.map(Moment),
        until: explanation.until.map(Moment),
        parts: explanation.parts.into_iter().map(explained).collect(),
    }
}

fn compiled(rule: &Rule, site: &SiteSnapshot) -> Result<Condition, ApiError> {
    compile_segment_rule(rule, &site.segments).map_err(ApiError::Invalid)
}

fn people_question<'a>(
    state: &AppState,
    site: &'a SiteSnapshot,
    rule: &'a Condition,
    values: &'a (
            dyn Fn(crate::model::SiteId, &crate::model::Profile) -> Option<crate::model::PersonValue> + Send + Sync
        ),
) -> PeopleQuestion<'a> {
    PeopleQuestion { site, rule, settings: state.personalizer.settings(), values, now: clock::now() }
}

/// Refuses rules whose count could confirm a guess at masked data.
fn refuse_personal_data(rule: &Rule) -> Result<(), ApiError> {
    let text = serde_json::to_value(rule).map_err(|error| ApiError::Internal(error.to_string()))?;
    if asks_for_people(&text) {
        return Err(ApiError::Forbidden(
            "personal data is masked for your account: rules may not ask by user id or trait",
        ));
    }
    Ok(())
}

fn asks_for_people(rule: &serde_json::Value) -> bool {
    match rule {
        serde_json::Value::Array(parts) => parts.iter().any(asks_for_people),
        serde_json::Value::Object(fields) => fields.iter().any(|(name, value)| match (name.as_str(), value.as_str()) {
            ("field", Some(field)) => field == "user_id" || field.starts_with("trait."),
            ("property", Some("$user_id")) => true,
            _ => asks_for_people(value),
        }),
        _ => false,
    }
}
