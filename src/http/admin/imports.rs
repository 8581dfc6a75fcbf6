//! Import of files of customers, orders and consents.

use axum::{
    Json,
    extract::{Request, State},
};
use serde::Deserialize;
use tokio::sync::mpsc::channel;

use super::file_body::receive_file;
use crate::{
    clock,
    feed::ReadOptions,
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Path, Query, SitePath},
        state::AppState,
    },
    import::{Counts, items::ChunkReader, people::RecordKind, records},
};

/// How to import.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct ImportQuery {
    /// Only reads and checks the file.
    #[serde(default)]
    dry_run: bool,
}

/// Imports a file of `customers`, `orders` or `consents`: CSV with a header, or NDJSON, detected by its content.
#[utoipa::path(post, path = "/api/v1/sites/{site}/import/{kind}", tag = "import",
    params(("site" = u32, Path), ("kind" = String, Path), ImportQuery), request_body = String,
    responses((status = 200, body = Counts), (status = 422, description = "not such a file, or a column is missing")))]
pub async fn import(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    Query(query): Query<ImportQuery>,
    request: Request,
) -> Result<Json<Counts>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, name)) = path;
    let kind = RecordKind::parse(&name).ok_or(ApiError::NotFound)?;
    let site = state.catalog.site(id)?;
    let limits = state.feeds.limits();
    let options = ReadOptions { currency: site.site.currency, now: clock::now(), bytes_max: limits.bytes_max };
    let (sender, receiver) = channel(16);
    let in_time = receive_file(request.into_body(), limits, sender);
    let how = (kind, options, query.dry_run);
    let importing = records::import(&state.collector, &site, ChunkReader::from(receiver), how);
    let (sent, imported) = tokio::join!(in_time, importing);
    let imported = imported.map_err(|error| ApiError::Unavailable(5, error.to_string()))?;
    if !query.dry_run {
        let subject = format!("{} {name} of site {id}", imported.counts.read);
        state.access.audit_site(id, &caller.name(), "import records", &subject).await?;
    }
    sent?;
    match imported.error {
        Some(error) => Err(ApiError::Invalid(format!("{error}; {} rows before it were read", imported.counts.read))),
        None => Ok(Json(imported.counts)),
    }
}
