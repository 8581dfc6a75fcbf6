//! Which site a public request is for, by the key that it carries.

use axum::http::{HeaderMap, HeaderName, header};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::{caller, connection, error::ApiError, state::AppState};
use crate::{
    catalog::{SiteSnapshot, Snapshot},
    control::Scope,
};

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// Bytes of an `Authorization: Basic` header's credentials.
const BASIC_BYTES_MAX: usize = 1000;

/// Some clients leave out the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A request's site, and what its key allows.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'s> {
    /// The site of the key.
    pub site: &'s SiteSnapshot,
    /// The scope of a program's key; `None` for the public write key.
    pub scope: Option<Scope>,
}

impl Asker<'_> {
    /// Whether the site's own server asks: what it says of people is proved, and it may see explanations.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.scope.is_some_and(|scope| scope >= Scope::Server)
    }
}

/// The site of the key in the headers (`Authorization: Bearer` or `Basic`, `X-API-Key`), or else of the
/// write key in the address or body. A key in the headers that is not valid is refused, whatever else the
/// request carries: its sender would believe in rights that it does not have.
///
/// # Errors
/// 401 without a valid key.
pub fn asker<'s>(
    state: &AppState,
    snapshot: &'s Snapshot,
    headers: &HeaderMap,
    in_request: Option<&str>,
) -> Result<Asker<'s>, ApiError> {
    let public = |key: &str| snapshot.site_of_key(key).map(|site| Asker { site, scope: None });
    let Some(key) = of_headers(headers) else {
        return in_request.and_then(public).ok_or(ApiError::Unauthorized);
    };
    if let Some(asker) = public(&key) {
        return Ok(asker);
    }
    let row = state.access.key(&key).ok_or(ApiError::Unauthorized)?;
    let site = snapshot.sites.get(&row.site).ok_or(ApiError::Unauthorized)?;
    Ok(Asker { site, scope: Some(row.scope) })
}

fn of_headers(headers: &HeaderMap) -> Option<String> {
    let bearer = caller::bearer(headers).map(str::to_owned);
    let api_key = || headers.get(API_KEY)?.to_str().ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
    bearer.or_else(|| basic_user(headers).filter(|key| !key.is_empty())).or_else(api_key)
}

/// The user name of Basic authorization, which is the write key; there is no password.
fn basic_user(headers: &HeaderMap) -> Option<String> {
    let value = connection::text(headers, header::AUTHORIZATION);
    let (scheme, packed) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || packed.len() > BASIC_BYTES_MAX {
        return None;
    }
    let plain = LENIENT.decode(packed.trim()).ok()?;
    let text = String::from_utf8(plain).ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}
