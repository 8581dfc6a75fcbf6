//! The installation check of a page: its HTML and headers, and the tracker in the owner's browser.

use axum::{Json, extract::State, http::StatusCode};
use url::Url;

use crate::{
    access::new_secret,
    checks::{self, CheckStatus, Finding, page::ServedPage},
    clock,
    fetch::FetchError,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path, SitePath},
        state::AppState,
    },
    model::{Site, SiteId},
    wire::checks::{CheckBody, CheckState, NewCheck},
};

/// Fetches and checks a page of the site, and creates a one-time link to check it in a browser.
#[utoipa::path(post, path = "/api/v1/sites/{site}/checks", tag = "sites", params(("site" = u32, Path)),
    request_body = NewCheck, responses((status = 201, body = CheckBody)))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(body): JsonBody<NewCheck>,
) -> Result<(StatusCode, Json<CheckBody>), ApiError> {
    caller.may_edit(id)?;
    let site = state.catalog.site(id)?.site.clone();
    let url = Url::parse(&body.url).ok().filter(|_| body.url.len() <= 2000);
    let mut url = url.ok_or_else(|| ApiError::Invalid("`url` must be the address of a page".into()))?;
    url.set_fragment(None);
    let (page, message) = check_served_page(&state, &site, &url).await?;
    let token = new_secret("")[..32].to_owned();
    state.installation.checks.open(id, token.clone(), clock::now());
    url.query_pairs_mut().append_pair("ashna_debug", &token);
    let page = page.into_iter().map(Finding::as_str).collect();
    Ok((StatusCode::CREATED, Json(CheckBody { token, open_url: url.into(), page, message })))
}

async fn check_served_page(
    state: &AppState,
    site: &Site,
    url: &Url,
) -> Result<(Vec<Finding>, Option<String>), ApiError> {
    let page = match state.installation.fetcher.page(url, &site.origins).await {
        Ok(page) => page,
        Err(error @ FetchError::ForeignOrigin(_)) if is_about_requested_page(&error, url) => {
            return Err(ApiError::Invalid(error.to_string()));
        }
        Err(error) => return Ok((vec![Finding::PageUnreachable], Some(error.to_string()))),
    };
    let policies = page.headers.get_all("content-security-policy");
    let policies: Vec<String> = policies.iter().filter_map(|v| v.to_str().ok().map(str::to_owned)).collect();
    let served = ServedPage {
        url: &page.url,
        status: page.status,
        policies: &policies,
        html: &page.html,
        write_key: &site.write_key,
    };
    Ok((checks::page::diagnose(&served), None))
}

/// Whether the foreign origin is the requested page's, not a redirect's.
fn is_about_requested_page(error: &FetchError, url: &Url) -> bool {
    matches!(error, FetchError::ForeignOrigin(origin) if *origin == url.origin().ascii_serialization())
}

/// The state of the check in the browser.
#[utoipa::path(get, path = "/api/v1/sites/{site}/checks/{token}", tag = "sites",
    params(("site" = u32, Path), ("token" = String, Path)), responses((status = 200, body = CheckState)))]
pub async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path((site, token)): Path<(u32, String)>,
) -> Result<Json<CheckState>, ApiError> {
    let id = SiteId(site);
    caller.may_edit(id)?;
    let (state, findings) =
        match state.installation.checks.status(id, &token, clock::now()).ok_or(ApiError::NotFound)? {
            CheckStatus::Waiting => ("waiting", Vec::new()),
            CheckStatus::Loaded => ("loaded", Vec::new()),
            CheckStatus::Reported(findings) => ("reported", findings),
        };
    Ok(Json(CheckState { state, findings: findings.into_iter().map(Finding::as_str).collect() }))
}
