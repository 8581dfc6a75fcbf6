//! Files embedded in the binary: the tracker, the dashboard, the demo shop. Debug builds read them from the source tree,
//! so that a front-end change needs no recompilation.

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use rust_embed::{Embed, EmbeddedFile};
use serde::Deserialize;

use super::{error::ApiError, extract::Query, request_info, state::AppState};
use crate::clock;

#[derive(Embed)]
#[folder = "tracker-js/dist"]
#[allow_missing = true]
struct Tracker;

/// Every released tracker by its hash, so that pinned versions stay available.
#[derive(Embed)]
#[folder = "tracker-js/releases"]
#[allow_missing = true]
struct Releases;

#[derive(Embed)]
#[folder = "dashboard/dist"]
#[allow_missing = true]
struct Dashboard;

#[derive(Embed)]
#[folder = "demo"]
#[include = "index.html"]
#[include = "assets/*"]
#[include = "assets/**/*"]
struct DemoShop;

const TRACKER_CACHE: &str = "public, max-age=300, stale-while-revalidate=86400";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const REVALIDATE: &str = "no-cache";
const ONE_HOUR: &str = "public, max-age=3600";

/// `GET /t.js`: the tracker, cached for five minutes.
pub async fn tracker(headers: HeaderMap) -> Result<Response, ApiError> {
    let mut answer = file::<Tracker>("t.js", &headers, TRACKER_CACHE).ok_or_else(|| {
        ApiError::Unavailable(60, "the tracker was not built into this binary: run `make build`".into())
    })?;
    let any_origin = HeaderValue::from_static("*");
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any_origin.clone());
    answer.headers_mut().insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    answer.headers_mut().insert("timing-allow-origin", any_origin);
    Ok(answer)
}

/// `GET /t/HASH.js`: exactly this version of the tracker, immutable; for pinning with SRI.
pub async fn pinned_tracker(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ApiError> {
    let current = || Tracker::get("t.js").is_some_and(|file| format!("{}.js", etag_of(&file)) == name);
    let released = is_script(&name).then(|| file::<Releases>(&name, &headers, IMMUTABLE)).flatten();
    let file = released.or_else(|| current().then(|| file::<Tracker>("t.js", &headers, IMMUTABLE)).flatten());
    let mut answer = file.ok_or(ApiError::NotFound)?;
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer.headers_mut().insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    Ok(answer)
}

/// Compressed variants (`.br`, `.gz`) are not addressed directly.
fn is_script(name: &str) -> bool {
    std::path::Path::new(name).extension().is_some_and(|ending| ending == "js")
}

/// The query of the debug script.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct DebugQuery {
    ashna_debug: String,
}

/// `GET /t/debug.js`: the debug script, once for each token of the dashboard.
pub async fn debug_file(
    State(state): State<AppState>,
    Query(query): Query<DebugQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if !state.installation.checks.load(&query.ashna_debug, clock::now()) {
        return Err(ApiError::Forbidden("this check link was used already or has expired"));
    }
    let mut answer = file::<Tracker>("debug.js", &headers, "no-store").ok_or(ApiError::NotFound)?;
    answer.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(answer)
}

/// `GET /`: redirects to the dashboard.
pub async fn to_dashboard() -> Redirect {
    Redirect::temporary("/dashboard/")
}

/// `GET /dashboard/…`: a file of the dashboard, or its single page, which routes by the address itself.
pub async fn dashboard(path: Option<Path<String>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    let cache = if path.starts_with("assets/") { IMMUTABLE } else { REVALIDATE };
    if let Some(file) = file::<Dashboard>(&path, &headers, cache) {
        return Ok(file);
    }
    if path.starts_with("assets/") {
        return Err(ApiError::NotFound);
    }
    // An address of the page may have a dot: the id of a visitor.
    file::<Dashboard>("index.html", &headers, REVALIDATE).ok_or_else(|| {
        ApiError::Unavailable(60, "the dashboard was not built into this binary: run `make build`".into())
    })
}

/// `GET /demo/…`: a file of the demo shop, or its single page with the demo site's write key inserted.
pub async fn demo(
    State(state): State<AppState>,
    path: Option<Path<String>>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let path = path.map(|Path(path)| path).unwrap_or_default();
    if path.starts_with("assets/") {
        return file::<DemoShop>(&path, &headers, ONE_HOUR).ok_or(ApiError::NotFound);
    }
    let snapshot = state.catalog.snapshot();
    let site = snapshot.sites.values().find(|s| s.site.demo).ok_or(ApiError::NotFound)?;
    let page = DemoShop::get("index.html").ok_or(ApiError::NotFound)?;
    let page = String::from_utf8_lossy(&page.data).replace("{{WRITE_KEY}}", &site.site.write_key);
    Ok(([(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CACHE_CONTROL, REVALIDATE)], page)
        .into_response())
}

/// An embedded file, in a precompressed variant if the browser accepts one; 304 if the browser has it.
fn file<E: Embed>(path: &str, headers: &HeaderMap, cache: &'static str) -> Option<Response> {
    let plain = E::get(path)?;
    let etag = HeaderValue::from_str(&format!("\"{}\"", etag_of(&plain))).ok()?;
    let accepts = |encoding: &str| {
        request_info::text(headers, header::ACCEPT_ENCODING)
            .split(',')
            .any(|part| part.split(';').next().is_some_and(|name| name.trim() == encoding))
    };
    let compressed = [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(name, _)| accepts(name))
        .find_map(|(name, ending)| Some((name, E::get(&format!("{path}.{ending}"))?)));
    let mut answer = Response::new(Body::empty());
    let known = request_info::text(headers, header::IF_NONE_MATCH);
    let same = |tag: &str| tag.trim().trim_start_matches("W/").as_bytes() == etag.as_bytes();
    if known.split(',').any(same) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let content_type = HeaderValue::from_str(plain.metadata.mimetype()).ok()?;
        answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
        let (encoding, file) = compressed.map_or((None, plain), |(name, file)| (Some(name), file));
        if let Some(name) = encoding {
            answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        *answer.body_mut() = Body::from(file.data.into_owned());
    }
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, etag);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    Some(answer)
}

fn etag_of(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    blake3::Hash::from_bytes(hash).to_hex()[..24].to_owned()
}
