//! Extractors of the private side, with our own one-line errors.

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use serde::de::DeserializeOwned;

use super::{body, connection, error::ApiError, state::Doors};
use crate::model::SiteId;

/// A JSON body of any content type, bounded.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Doors> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, doors: &Doors) -> Result<Self, ApiError> {
        let encoding = connection::text(request.headers(), axum::http::header::CONTENT_ENCODING).to_owned();
        let bytes = body::read(request.into_body(), Some(&encoding), &doors.server).await?;
        // An empty body stands for an empty question.
        let bytes = if bytes.is_empty() { &b"{}"[..] } else { &bytes[..] };
        serde_json::from_slice(bytes)
            .map(Self)
            .map_err(|e| ApiError::Unreadable(format!("the body is not usable JSON: {e}")))
    }
}

/// The `{site}` of a path, known to exist.
#[derive(Debug, Clone, Copy)]
pub struct SitePath(pub SiteId);

impl FromRequestParts<Doors> for SitePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, doors: &Doors) -> Result<Self, ApiError> {
        let Path(names) = Path::<std::collections::HashMap<String, String>>::from_request_parts(parts, doors)
            .await
            .map_err(|_| ApiError::NotFound)?;
        let number = names.get("site").and_then(|text| text.parse().ok()).ok_or(ApiError::NotFound)?;
        let id = SiteId(number);
        if doors.catalog.snapshot().sites.contains_key(&id) { Ok(Self(id)) } else { Err(ApiError::NotFound) }
    }
}
