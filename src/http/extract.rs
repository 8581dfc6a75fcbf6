//! Request extractors with the service's own one-line errors.

use axum::{
    extract::{self, FromRequest, FromRequestParts, Request},
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{
    body::{self, BufferedBody},
    error::ApiError,
    state::AppState,
};
use crate::model::SiteId;

/// A body with one JSON object, of any content type and limited size.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<AppState> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        object(&read(request, state).await?).map(Self)
    }
}

/// The same, where an empty body means the defaults: for questions and actions, never for something to store.
#[derive(Debug)]
pub struct OptionalJsonBody<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for OptionalJsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, ApiError> {
        let bytes = read(request, state).await?;
        if bytes.trim_ascii().is_empty() { Ok(Self(T::default())) } else { object(&bytes).map(Self) }
    }
}

async fn read(request: Request, state: &AppState) -> Result<BufferedBody, ApiError> {
    let (parts, stream) = request.into_parts();
    body::read(stream, &parts.headers, &state.server, &state.bodies).await
}

/// Parses a JSON object. serde would accept an array as a struct's fields in order, and an empty body for a change
/// would reset what is stored.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let unreadable = |why: &dyn std::fmt::Display| ApiError::Unreadable(format!("the body is not usable JSON: {why}"));
    match bytes.trim_ascii_start() {
        [] => return Err(ApiError::Unreadable("a JSON object is needed as the body; it is empty".into())),
        [b'{', ..] => {}
        _ => return Err(unreadable(&"it must be an object")),
    }
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error))
}

/// The query string, or one line that says what is wrong with it.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(&parts.uri)
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// Parses the query of an address. A second, slower parse finds the field to blame.
    pub fn parse(uri: &Uri) -> Result<Self, ApiError> {
        if let Ok(query) = serde_urlencoded::from_str(uri.query().unwrap_or_default()) {
            return Ok(Self(query));
        }
        extract::Query::try_from_uri(uri)
            .map(|extract::Query(query)| Self(query))
            .map_err(|error| ApiError::Unreadable(format!("the query is not usable: {}", error.body_text())))
    }
}

/// The variable parts of the path; values that cannot be parsed give 404.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|extract::Path(values)| Self(values)).map_err(|_| ApiError::NotFound)
    }
}

/// The `{site}` of a path; 404 if there is no such site.
#[derive(Debug, Clone, Copy)]
pub struct SitePath(pub SiteId);

impl FromRequestParts<AppState> for SitePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, ApiError> {
        let Path(names) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, state).await?;
        let number = names.get("site").and_then(|text| text.parse().ok()).ok_or(ApiError::NotFound)?;
        let id = SiteId(number);
        if state.catalog.snapshot().sites.contains_key(&id) { Ok(Self(id)) } else { Err(ApiError::NotFound) }
    }
}
