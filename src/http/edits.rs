//! Finishes changes whose client disconnects.
//!
//! A client that disconnects cancels its request. In the private API that must not leave half a change behind: a changed
//! database with an old live snapshot, or a change without its audit entry. So every request that may change something
//! runs detached, and the request waits for its response.

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use super::state::AppState;

/// POST routes that change nothing: they are cancelled with the request.
const READING_POSTS: &[&str] = &[
    "/api/v1/session",
    "/api/v1/sites/{site}/checks",
    "/api/v1/sites/{site}/customers/lookup",
    "/api/v1/sites/{site}/offers/{offer}/rehearse",
    "/api/v1/sites/{site}/recommendations/preview",
    "/api/v1/sites/{site}/reports/{report}",
    "/api/v1/sites/{site}/segments/explain",
    "/api/v1/sites/{site}/segments/preview",
];

/// Middleware: runs changes detached from their client.
pub async fn finish_edits(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if is_read(request.method(), path.unwrap_or_default()) {
        return next.run(request).await;
    }
    state.edits.run("edit", next.run(request)).await
}

fn is_read(method: &Method, path: &str) -> bool {
    method.is_safe() || (method == Method::POST && READING_POSTS.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_posts_are_existing_routes() {
        let table = crate::http::openapi();
        let table: serde_json::Value = serde_json::from_str(&table).unwrap();
        for path in READING_POSTS {
            assert!(table["paths"][path]["post"].is_object(), "{path} has no POST");
            assert!(is_read(&Method::POST, path));
        }
        assert!(!is_read(&Method::DELETE, "/api/v1/session"));
        assert!(!is_read(&Method::POST, "/api/v1/sites"));
        assert!(is_read(&Method::GET, "/api/v1/sites"));
    }
}
