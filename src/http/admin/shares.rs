//! Links that read one report without an account, and can be revoked.
//!
//! The token is in the answer to POST only; its hash is stored. What a link answers has no person in it: reports that list
//! people or their events cannot be shared, and texts are masked as for accounts that may not see personal data.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use futures_util::FutureExt as _;
use serde_json::Value;

use super::report_answers::{answer, refuse_personal_data, segment_source};
use crate::{
    access::{new_secret, secret_hash},
    catalog::report_documents::checked_question,
    clock,
    control::ShareRow,
    http::{
        caller::Caller,
        coalesce::{RenderedReport, ReportKey},
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    wire::{
        insights::{NewShare, Share, ShareLink, SharedReport, SharedSite},
        reports::Moment,
    },
};

/// Reports that have numbers only, so that they can be shared.
const SHAREABLE: [&str; 22] = [
    "attribution",
    "campaigns",
    "errors",
    "events",
    "experiments",
    "funnel",
    "goals",
    "links",
    "locations",
    "offers",
    "overview",
    "pages",
    "paths",
    "products",
    "recommendations",
    "retention",
    "rfm",
    "searches",
    "segments",
    "sources",
    "visitors",
    "vitals",
];
/// Fields of answers that lead to people.
const HANDLES: [&str; 2] = ["dropped_list", "converted_list"];
/// Characters of an id.
const ID_LENGTH: usize = 12;

/// The links of a site, the newest first.
#[utoipa::path(get, path = "/api/v1/sites/{site}/shares", tag = "reports", params(("site" = u32, Path)),
    responses((status = 200, body = Vec<Share>)))]
pub async fn list(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
) -> Result<Json<Vec<Share>>, ApiError> {
    caller.may_read(site)?;
    let share = |row: ShareRow| Share {
        question: serde_json::from_str(&row.question).unwrap_or_default(),
        id: row.id,
        report: row.report,
        created_at: Moment(row.created_at),
        expires_at: row.expires_at.map(Moment),
    };
    Ok(Json(state.catalog.shares(site).await?.into_iter().map(share).collect()))
}

/// Makes a link that reads one report. Its address is in this answer only.
#[utoipa::path(post, path = "/api/v1/sites/{site}/shares", tag = "reports", params(("site" = u32, Path)),
    request_body = NewShare, responses((status = 201, body = ShareLink),
        (status = 422, description = "the report cannot be shared, or the question asks for personal data")))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    JsonBody(body): JsonBody<NewShare>,
) -> Result<(StatusCode, Json<ShareLink>), ApiError> {
    caller.may_edit(site)?;
    if !SHAREABLE.contains(&body.report.as_str()) {
        return Err(ApiError::Invalid(format!("only these reports can be shared: {}", SHAREABLE.join(", "))));
    }
    let question = checked_question(&body.question).map_err(ApiError::Invalid)?;
    refuse_personal_data(question.as_bytes()).map_err(|_| {
        ApiError::Invalid("a shared report may not ask by user id, property of events or samples".into())
    })?;
    let now = clock::now();
    if body.expires_at.is_some_and(|end| end.0.0 <= now.0) {
        return Err(ApiError::Invalid("`expires_at` must be in the future".into()));
    }
    let token = new_secret("");
    let share = ShareRow {
        id: new_secret("")[..ID_LENGTH].to_owned(),
        site,
        token_hash: secret_hash(&token),
        report: body.report,
        question,
        created_at: now,
        expires_at: body.expires_at.map(|end| end.0),
    };
    state.catalog.add_share(&caller.name(), &share).await?;
    let url = format!("/dashboard/shared/{token}");
    Ok((StatusCode::CREATED, Json(ShareLink { id: share.id, url, expires_at: body.expires_at })))
}

/// Revokes a link: from then on it is not found.
#[utoipa::path(delete, path = "/api/v1/sites/{site}/shares/{share}", tag = "reports",
    params(("site" = u32, Path), ("share" = String, Path)), responses((status = 204)))]
pub async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(site): SitePath,
    path: Path<(u32, String)>,
) -> Result<StatusCode, ApiError> {
    caller.may_edit(site)?;
    let Path((_, share)) = path;
    let existed = state.catalog.delete_share(&caller.name(), site, &share).await?;
    if existed { Ok(StatusCode::NO_CONTENT) } else { Err(ApiError::NotFound) }
}

/// The report of a link, without an account.
#[utoipa::path(get, path = "/api/v1/shared/{token}", tag = "reports", params(("token" = String, Path)),
    responses((status = 200, body = SharedReport),
        (status = 404, description = "there is no such link, or it was revoked, or it has ended")))]
pub async fn shared(
    State(state): State<AppState>,
    Path(token): Path<String>,
) -> Result<([(HeaderName, HeaderValue); 2], Json<SharedReport>), ApiError> {
    let share = state.catalog.share_of_token(&secret_hash(&token), clock::now()).await?;
    let share = share.ok_or(ApiError::NotFound)?;
    let snapshot = state.catalog.site(share.site)?;
    let reports = state.reports.for_requester(&["share ", &share.id].concat());
    let reports = reports.with_segments(segment_source(&state, &snapshot));
    let bytes = share.question.clone().into_bytes();
    let key = ReportKey { site: share.site, name: share.report.clone(), as_csv: false, question: bytes.clone() };
    let (work_state, site, name) = (state.clone(), snapshot.clone(), share.report.clone());
    let work = async move { Box::pin(answer(&work_state, &reports, &site, &name, false, &bytes)).await };
    let rendered = state.report_coalescer.join(key, || work.boxed()).result.await?;
    let RenderedReport::Json(json) = rendered else { return Err(ApiError::NotFound) };
    let mut answer: Value = serde_json::from_slice(&json).map_err(|error| ApiError::Internal(error.to_string()))?;
    remove_handles(&mut answer);
    state.access.mask().json(&mut answer);
    let mut question: Value = serde_json::from_str(&share.question).unwrap_or_default();
    state.access.mask().json(&mut question);
    let site = SharedSite {
        name: snapshot.site.name.clone(),
        currency: snapshot.site.currency.as_str().to_owned(),
        timezone: snapshot.site.timezone.clone(),
    };
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    Ok((headers, Json(SharedReport { site, report: share.report, question, answer })))
}

/// Removes what leads to lists of people.
fn remove_handles(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !HANDLES.contains(&name.as_str()));
            for value in fields.values_mut() {
                remove_handles(value);
            }
        }
        Value::Array(values) => {
            for value in values {
                remove_handles(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
