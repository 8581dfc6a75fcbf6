//! Finds the site of a public request by its key.

use axum::http::{HeaderMap, HeaderName, header};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{caller, error::ApiError, request_info, state::AppState};
use crate::{
    catalog::{SiteSnapshot, Snapshot},
    control::Scope,
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Bytes of an `Authorization: Basic` header's credentials.
const BASIC_BYTES_MAX: usize = 1000;

/// Accepts base64 without padding, which some clients omit.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The site and scope of a request's key.
#[derive(Debug, Clone, Copy)]
pub struct SiteKey<'s> {
    /// The site.
    pub site: &'s SiteSnapshot,
    /// The scope of an API key; `None` for the public write key.
    pub scope: Option<Scope>,
}

impl SiteKey<'_> {
    /// Whether the sender is the site's own server: its user ids are verified, and it may see explanations.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.scope.is_some_and(|scope| scope >= Scope::Server)
    }
}

/// Resolves the key in the headers (`Authorization: Bearer` or `Basic`, `X-API-Key`), or else the write key in the query
/// or body. An invalid key in the headers is refused even if the request has a valid write key: its sender would
/// wrongly believe to have the key's rights.
///
/// # Errors
/// 401 without a valid key.
pub fn resolve<'s>(
    state: &AppState,
    snapshot: &'s Snapshot,
    headers: &HeaderMap,
    write_key: Option<&str>,
) -> Result<SiteKey<'s>, ApiError> {
    let public = |key: &str| snapshot.site_of_key(key).map(|site| SiteKey { site, scope: None });
    let Some(key) = header_key(headers) else {
        return write_key.and_then(public).ok_or(ApiError::Unauthorized);
    };
    if let Some(key) = public(&key) {
        return Ok(key);
    }
    let row = state.access.key(&key).ok_or(ApiError::Unauthorized)?;
    let site = snapshot.sites.get(&row.site).ok_or(ApiError::Unauthorized)?;
    Ok(SiteKey { site, scope: Some(row.scope) })
}

fn header_key(headers: &HeaderMap) -> Option<String> {
    let bearer = caller::bearer(headers).map(str::to_owned);
    let api_key = || headers.get(API_KEY)?.to_str().ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    bearer.or_else(|| basic_user(headers).filter(|key| !key.is_empty())).or_else(api_key)
}

/// The user name of Basic authorization, which is the write key; the password is ignored.
fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = request_info::text(headers, header::AUTHORIZATION);
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > BASIC_BYTES_MAX {
        return None;
    }
    let decoded = LENIENT.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}
