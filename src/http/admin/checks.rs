//! The installation check: the page as it is served, and the page in the owner's own browser.

use axum::{Json, extract::State, http::StatusCode};
use url::Url;

use crate::{
    access::new_secret,
    checks::{self, Finding, page::Served},
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

/// Reads a page of the site and opens a one-time link to check it in a browser.
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
    let (page, message) = as_served(&state, &site, &url).await?;
    let token = new_secret("")[..32].to_owned();
    state.installation.checks.open(id, token.clone(), clock::now());
    url.query_pairs_mut().append_pair("ashna_debug", &token);
    let page = page.into_iter().map(Finding::as_str).collect();
    Ok((StatusCode::CREATED, Json(CheckBody { token, open_url: url.into(), page, message })))
}

async fn as_served(state: &AppState, site: &Site, url: &Url) -> Result<(Vec<Finding>, Option<String>), ApiError> {
    let page = match state.installation.fetcher.page(url, &site.origins).await {
        Ok(page) => page,
        Err(error @ FetchError::ForeignOrigin(_)) if error_is_about(&error, url) => {
            return Err(ApiError::Invalid(error.to_string()));
        }
        Err(error) => return Ok((vec![Finding::PageUnreachable], Some(error.to_string()))),
    };
    let policies = page.headers.get_all("content-security-policy");
    let policies: Vec<String> = policies.iter().filter_map(|v| v.to_str().ok().map(str::to_owned)).collect();
    let served = Served {
        url: &page.url,
        status: page.status,
        policies: &policies,
        html: &page.html,
        write_key: &site.write_key,
    };
    Ok((checks::page::judge(&served), None))
}

/// Whether it is the asked page itself that is foreign, and not one it redirects to.
fn error_is_about(error: &FetchError, url: &Url) -> bool {
    matches!(error, FetchError::ForeignOrigin(origin) if *origin == url.origin().ascii_serialization())
}

/// How far the check in the browser is.
#[utoipa::path(get, path = "/api/v1/sites/{site}/checks/{token}", tag = "sites",
    params(("site" = u32, Path), ("token" = String, Path)), responses((status = 200, body = CheckState)))]
pub async fn one(
    State(state): State<AppState>,
    caller: Caller,
    Path((site, token)): Path<(u32, String)>,
) -> Result<Json<CheckState>, ApiError> {
    let id = SiteId(site);
    caller.may_edit(id)?;
    let (state, findings) = match state.installation.checks.state(id, &token, clock::now()).ok_or(ApiError::NotFound)? {
        checks::State::Waiting => ("waiting", Vec::new()),
        checks::State::Loaded => ("loaded", Vec::new()),
        checks::State::BufferedEvent(findings) => ("heard", findings),
    };
    Ok(Json(CheckState { state, findings: findings.into_iter().map(Finding::as_str).collect() }))
}
