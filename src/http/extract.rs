//! Extractors of the private side, with our own one-line errors.

use axum::{
    extract::{self, FromRequest, FromRequestParts, Request},
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;

use super::{body, error::ApiError, state::Doors};
use crate::model::SiteId;

/// A JSON body of any content type, bounded.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Doors> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, ApiError> {
        let (parts, stream) = request.into_parts();
        let bytes = body::read(stream, &parts.headers, &doors.server, &doors.bodies).await?;
        // An empty body stands for an empty question.
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes[..] };
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|e| ApiError::Unreadable(format!("the body is not usable JSON: {e}")))
    }
}

/// The query of the address, or one clear line on what is wrong with it.
#[derive(Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(&parts.uri)
    }
}

impl<T: DeserializeOwned> Query<T> {
    /// Reads it from an address. What is wrong is looked for only where something is.
    pub fn of(uri: &Uri) -> Result<Self, ApiError> {
        if let Ok(query) = serde_urlencoded::from_str(uri.query().unwrap_or_default()) {
            return Ok(Self(query));
        }
        extract::Query::try_from_uri(uri)
            .map(|extract::Query(query)| Self(query))
            .map_err(|error| ApiError::Unreadable(format!("the query is not usable: {}", error.body_text())))
    }
}

/// The variable parts of the path; what cannot be one of ours is not there.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let found = extract::Path::<T>::from_request_parts(parts, state).await;
        found.map(|extract::Path(found)| Self(found)).map_err(|_| ApiError::NotFound)
    }
}

/// The `{site}` of a path, known to exist.
#[derive(Debug, Clone, Copy)]
pub struct SitePath(pub SiteId);

impl FromRequestParts<Doors> for SitePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, ApiError> {
        let Path(names) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, doors).await?;
        let number = names.get("site").and_then(|text| text.parse().ok()).ok_or(ApiError::NotFound)?;
        let id = SiteId(number);
        if doors.catalog.snapshot().sites.contains_key(&id) { Ok(Self(id)) } else { Err(ApiError::NotFound) }
    }
}
