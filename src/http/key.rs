//! Finds the site of a public request by its key.

use axum::http::{HeaderMap, HeaderName, header};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use serde::Deserialize;

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

/// The key in the query of a public route.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct KeyQuery {
    key: String,
    #[serde(rename = "writeKey")]
    write_key: String,
}

impl KeyQuery {
    /// The key; empty if there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        if self.key.is_empty() { &self.write_key } else { &self.key }
    }
}

/// Keys outside of the headers; empty if there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct GivenKeys<'r> {
    /// In the address. Addresses are logged, so only write keys are accepted there.
    pub address: &'r str,
    /// In the body.
    pub body: &'r str,
}

/// Resolves the key of a request to any public route: in the headers (`Authorization: Bearer` or `Basic`, `X-API-Key`),
/// else in the address, else in the body. An invalid key in the headers is refused even if the request has another, valid
/// one: its sender would wrongly believe to have the key's rights. Only Basic credentials with a password may belong to
/// a proxy in front of the service.
///
/// # Errors
/// 401 without a valid key.
pub fn resolve<'s>(
    state: &AppState,
    snapshot: &'s Snapshot,
    headers: &HeaderMap,
    given: GivenKeys<'_>,
) -> Result<SiteKey<'s>, ApiError> {
    let public = |key: &str| snapshot.site_of_key(key).map(|site| SiteKey { site, scope: None });
    let any = |key: &str| {
        public(key).or_else(|| {
            let row = state.access.key(key)?;
            Some(SiteKey { site: snapshot.sites.get(&row.site)?, scope: Some(row.scope) })
        })
    };
    if let Some(credential) = header_credential(headers) {
        match any(&credential.key) {
            Some(key) => return Ok(key),
            None if credential.has_password => {}
            None => return Err(ApiError::Unauthorized),
        }
    }
    let found = if given.address.is_empty() { any(given.body) } else { public(given.address) };
    found.ok_or(ApiError::Unauthorized)
}

/// Resolves the key of a request that sends events, and counts a refusal.
///
/// # Errors
/// 401 without a valid key, 403 with a `read` key.
pub fn resolve_sender<'s>(
    state: &AppState,
    snapshot: &'s Snapshot,
    headers: &HeaderMap,
    given: GivenKeys<'_>,
) -> Result<SiteKey<'s>, ApiError> {
    let key = resolve(state, snapshot, headers, given).map_err(|error| state.refuse("unknown_key", error))?;
    if key.scope.is_some_and(|scope| scope < Scope::Server) {
        let forbidden = ApiError::Forbidden("a `read` key may not send events; use a `server` key or the write key");
        return Err(state.refuse("unknown_key", forbidden));
    }
    Ok(key)
}

/// A key in the headers.
struct Credential {
    key: String,
    has_password: bool,
}

fn header_credential(headers: &HeaderMap) -> Option<Credential> {
    if headers.contains_key(header::AUTHORIZATION) {
        if let Some(key) = caller::bearer(headers) {
            return Some(Credential { key: key.to_owned(), has_password: false });
        }
        if let Some(basic) = basic(headers).filter(|basic| !basic.key.is_empty()) {
            return Some(basic);
        }
    }
    let key = headers.get(API_KEY)?.to_str().ok()?.trim();
    (!key.is_empty()).then(|| Credential { key: key.to_owned(), has_password: false })
}

/// Basic authorization: the user name is the key.
fn basic(headers: &HeaderMap) -> Option<Credential> {
    let value = request_info::text(headers, header::AUTHORIZATION);
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > BASIC_BYTES_MAX {
        return None;
    }
    let decoded = LENIENT.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':').unwrap_or((&text, ""));
    Some(Credential { key: user.to_owned(), has_password: !password.is_empty() })
}
