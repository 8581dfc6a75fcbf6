//! Coupons of an offer.

use axum::{
    Json,
    extract::{Request, State},
};
use tokio::sync::mpsc::{Receiver, channel};

use super::file_body::receive_file;
use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{Path, SitePath},
        state::AppState,
    },
    model::SiteId,
    wire::offers::{CouponPool, CouponsAdded},
};

/// Longest code, bytes.
const CODE_BYTES_MAX: usize = 100;
/// Most lines of a file.
const LINES_MAX: u64 = 1_000_000;
/// Codes stored at once.
const CHUNK: usize = 5000;

/// Adds coupons to an offer's pool: a text, one code a line.
#[utoipa::path(post, path = "/api/v1/sites/{site}/offers/{offer}/coupons", tag = "offers",
    params(("site" = u32, Path), ("offer" = String, Path)), request_body(content = String, content_type = "text/plain"),
    responses((status = 200, body = CouponsAdded), (status = 404, description = "there is no such offer"),
        (status = 422, description = "the file has too many lines; those before were added")))]
pub async fn add(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
    request: Request,
) -> Result<Json<CouponsAdded>, ApiError> {
    caller.may_edit(id)?;
    let Path((_, offer)) = path;
    check_offer(&state, id, &offer).await?;
    let (sender, receiver) = channel(16);
    let receiving = receive_file(request.into_body(), state.feeds.limits(), sender);
    let (transfer, added) = tokio::join!(receiving, store(&state, id, &offer, receiver));
    let added = added?;
    state.catalog.audit(&caller.name(), id, "add coupons", &format!("{} to {offer}", added.added)).await?;
    transfer?;
    Ok(Json(added))
}

/// How many coupons an offer has, and how many are left.
#[utoipa::path(get, path = "/api/v1/sites/{site}/offers/{offer}/coupons", tag = "offers",
    params(("site" = u32, Path), ("offer" = String, Path)),
    responses((status = 200, body = CouponPool), (status = 404, description = "there is no such offer")))]
pub async fn count(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    path: Path<(u32, String)>,
) -> Result<Json<CouponPool>, ApiError> {
    caller.may_read(id)?;
    let Path((_, offer)) = path;
    check_offer(&state, id, &offer).await?;
    let counts = state.offers.coupon_counts(id, &offer).await?;
    let left = counts.total.saturating_sub(counts.given);
    Ok(Json(CouponPool { total: counts.total, left, given: counts.given, seen: counts.seen }))
}

async fn check_offer(state: &AppState, site: SiteId, id: &str) -> Result<(), ApiError> {
    let exists = state.catalog.offers(site).await?.iter().any(|offer| offer.id == id);
    if exists { Ok(()) } else { Err(ApiError::NotFound) }
}

/// Stores the codes of a file while it arrives.
async fn store(
    state: &AppState,
    site: SiteId,
    offer: &str,
    mut receiver: Receiver<axum::body::Bytes>,
) -> Result<CouponsAdded, ApiError> {
    let mut counts = CouponsAdded { read: 0, added: 0, duplicates: 0, refused: 0 };
    let (mut line, mut codes) = (Vec::new(), Vec::new());
    loop {
        let piece = receiver.recv().await;
        let is_end = piece.is_none();
        for byte in piece.iter().flatten().copied().chain(is_end.then_some(b'\n')) {
            if byte != b'\n' {
                // One byte more shows that it is too long.
                if line.len() <= CODE_BYTES_MAX + 2 {
                    line.push(byte);
                }
                continue;
            }
            read_line(&line, counts.read == 0, &mut counts, &mut codes);
            line.clear();
            if counts.read > LINES_MAX {
                return Err(ApiError::Invalid(format!(
                    "the file has more than {LINES_MAX} lines; those before were added"
                )));
            }
        }
        if codes.len() >= CHUNK || is_end {
            let added = state.offers.add_coupons(site, offer, &codes).await?;
            counts.added += added;
            counts.duplicates += codes.len() as u64 - added;
            codes.clear();
        }
        if is_end {
            return Ok(counts);
        }
    }
}

fn read_line(line: &[u8], is_first: bool, counts: &mut CouponsAdded, codes: &mut Vec<String>) {
    let line = if is_first { line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line) } else { line };
    let line = line.trim_ascii();
    if line.is_empty() {
        return;
    }
    counts.read += 1;
    match std::str::from_utf8(line) {
        Ok(code) if code.len() <= CODE_BYTES_MAX && !code.chars().any(char::is_control) => codes.push(code.to_owned()),
        _ => counts.refused += 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_codes_or_refused() {
        let mut counts = CouponsAdded { read: 0, added: 0, duplicates: 0, refused: 0 };
        let mut codes = Vec::new();
        let long = "x".repeat(101);
        for line in [&b"\xef\xbb\xbfA-1\r"[..], b"", b" B 2 ", long.as_bytes(), b"\xff", b"a\tb"] {
            let is_first = counts.read == 0;
            read_line(line, is_first, &mut counts, &mut codes);
        }
        assert_eq!((codes, counts.read, counts.refused), (vec!["A-1".to_owned(), "B 2".to_owned()], 5, 3));
    }
}
