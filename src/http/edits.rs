//! Changes are finished once begun.
//!
//! A client that hangs up ends its request. On the private side that must not leave half a change behind: a changed
//! database with an old live snapshot, or a change without its line in the audit log. So everything there that is not a
//! question runs detached; the request waits for its answer.

use axum::{
    extract::{MatchedPath, Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use super::state::AppState;

/// Asked by POST, changing nothing: their work ends with the request.
const QUESTIONS: &[&str] = &[
    "/api/v1/session",
    "/api/v1/sites/{site}/checks",
    "/api/v1/sites/{site}/recommendations/preview",
    "/api/v1/sites/{site}/reports/{report}",
];

/// Lets a change go on without its client.
pub async fn finish(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    if is_question(request.method(), path.unwrap_or_default()) {
        return next.run(request).await;
    }
    state.edits.finish("edit", next.run(request)).await
}

fn is_question(method: &Method, path: &str) -> bool {
    method.is_safe() || (method == Method::POST && QUESTIONS.contains(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_what_they_are_called() {
        let table = crate::http::openapi();
        let table: serde_json::Value = serde_json::from_str(&table).unwrap();
        for path in QUESTIONS {
            assert!(table["paths"][path]["post"].is_object(), "{path} takes no POST");
            assert!(is_question(&Method::POST, path));
        }
        assert!(!is_question(&Method::DELETE, "/api/v1/session"));
        assert!(!is_question(&Method::POST, "/api/v1/sites"));
        assert!(is_question(&Method::GET, "/api/v1/sites"));
    }
}
