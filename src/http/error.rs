//! The errors of the API: a status, a stable code and a one-line message each.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    access::AccessError, catalog::CatalogError, control::ControlError, membership::MembershipError,
    privacy::PrivacyError, removal::RemovalError, reports::ReportError, webhooks::WebhookError, wire::admin::ErrorBody,
};

/// Retry delay of a report that ran out of time because of others.
const CONTENDED_SECONDS: u64 = 10;

/// Longest message, characters.
const MESSAGE_CHARS_MAX: usize = 600;

/// An error response.
#[derive(Debug, Clone)]
pub enum ApiError {
    /// No such route or resource.
    NotFound,
    /// The route does not have this method.
    WrongMethod,
    /// The body or query cannot be parsed.
    Unreadable(String),
    /// No valid key or login.
    Unauthorized,
    /// Authenticated, but not allowed.
    Forbidden(&'static str),
    /// Well-formed, but invalid.
    Invalid(String),
    /// Exists already, or contradicts the present state.
    Conflict(String),
    /// Larger than the limit.
    TooLarge(&'static str),
    /// The same with the status that Segment documents.
    TooLargeForSegment(&'static str),
    /// The body did not arrive in time.
    TooSlow,
    /// Wrong e-mail address or password.
    BadCredentials,
    /// The password is right, but the account has a second factor.
    CodeNeeded,
    /// A wrong code of the second factor.
    BadCode,
    /// Too many attempts; seconds to wait.
    TooMany(u64),
    /// Over a configured rate limit; seconds to wait.
    RateLimited(u64),
    /// Temporarily unavailable; seconds to wait, and why.
    Unavailable(u64, String),
    /// Other reports are ahead in the queue; seconds to wait, and why.
    ReportsBusy(u64, String),
    /// A report that exceeds its time or memory.
    QuestionTooLarge(String),
    /// A failure of the service; the cause is logged, not sent.
    Internal(String),
}

impl ApiError {
    /// Status, stable code and message.
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is no such resource"),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this route does not have that method; `Allow` lists those it has",
            ),
            Self::Unreadable(message) => (StatusCode::BAD_REQUEST, "unreadable", message),
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "unauthorized", "a valid key or login is needed"),
            Self::Forbidden(message) => (StatusCode::FORBIDDEN, "forbidden", message),
            Self::Invalid(message) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", message),
            Self::Conflict(message) => (StatusCode::CONFLICT, "conflict", message),
            Self::TooLarge(message) => (StatusCode::PAYLOAD_TOO_LARGE, "too_large", message),
            Self::TooLargeForSegment(message) => (StatusCode::BAD_REQUEST, "too_large", message),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "too_slow", "the body did not arrive in time"),
            Self::BadCredentials => (StatusCode::UNAUTHORIZED, "bad_credentials", "wrong e-mail address or password"),
            Self::CodeNeeded => (
                StatusCode::UNAUTHORIZED,
                "code_needed",
                "a code of the authenticator, or a recovery code, is needed in addition to the password",
            ),
            Self::BadCode => {
                (StatusCode::UNAUTHORIZED, "bad_code", "that code is wrong or was used before; wait for the next one")
            }
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many", "too many attempts; wait a moment"),
            Self::RateLimited(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "over the configured rate limit; `Retry-After` says when to try again",
            ),
            Self::Unavailable(_, message) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message),
            Self::ReportsBusy(_, message) => (StatusCode::SERVICE_UNAVAILABLE, "reports_busy", message),
            Self::QuestionTooLarge(message) => (StatusCode::UNPROCESSABLE_ENTITY, "question_too_large", message),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "internal error; the cause is in the service's log")
            }
        }
    }
}

/// A message on one line and of limited length: it may quote what the client sent.
fn one_line(message: &str) -> Cow<'_, str> {
    if message.len() <= MESSAGE_CHARS_MAX && !message.chars().any(char::is_control) {
        return message.into();
    }
    let mut line: String =
        message.chars().take(MESSAGE_CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if message.len() > line.len() {
        line.push('…');
    }
    line.into()
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(cause) = &self {
            tracing::error!(%cause, "a request failed");
        }
        let (status, code, message) = self.parts();
        let message = &one_line(message);
        let mut answer = (status, Json(ErrorBody { status: status.as_u16(), code, message })).into_response();
        match &self {
            Self::TooMany(seconds)
            | Self::RateLimited(seconds)
            | Self::Unavailable(seconds, _)
            | Self::ReportsBusy(seconds, _) => {
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            Self::Unauthorized => {
                answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            _ => {}
        }
        answer
    }
}

impl From<ControlError> for ApiError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::AlreadyExists(_) => Self::Conflict(error.to_string()),
            ControlError::MissingReference => Self::Invalid(error.to_string()),
            ControlError::Unreadable { .. }
            | ControlError::Migration(_)
            | ControlError::TooNew(_)
            | ControlError::Copy(_)
            | ControlError::DiskFull
            | ControlError::Sqlite(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NoSuchSite(_) => Self::NotFound,
            CatalogError::Invalid(message) => Self::Invalid(message),
            CatalogError::AlreadyExists(message) | CatalogError::InUse(message) => Self::Conflict(message),
            CatalogError::HtmlNotAllowed => Self::Invalid(error.to_string()),
            CatalogError::Control(error) => error.into(),
        }
    }
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        if let Some((seconds, why)) = error.unavailable() {
            if error.is_transient() {
                tracing::info!(%error, "a report is delayed");
            } else {
                tracing::error!(%error, "a report cannot be answered");
            }
            return Self::Unavailable(seconds, why.into());
        }
        match error {
            ReportError::Busy(busy) => Self::ReportsBusy(busy.retry_after.as_secs(), busy.to_string()),
            ReportError::Contended => Self::ReportsBusy(CONTENDED_SECONDS, error.to_string()),
            ReportError::TooLarge(_) => Self::QuestionTooLarge(error.to_string()),
            ReportError::Invalid(message) => Self::Invalid(message),
            ReportError::NotFound(_) => Self::NotFound,
            ReportError::Failed(_) => Self::Internal(error.to_string()),
            ReportError::Store(error) => Self::Internal(error.to_string()),
        }
    }
}

impl From<PrivacyError> for ApiError {
    fn from(error: PrivacyError) -> Self {
        match error {
            PrivacyError::NotDelivered | PrivacyError::Erasing => Self::Unavailable(5, error.to_string()),
            PrivacyError::Store(error) => ReportError::Store(error).into(),
            PrivacyError::Quarantine(error) => Self::Internal(error.to_string()),
            PrivacyError::Webhooks(error) => error.into(),
            PrivacyError::Control(error) => error.into(),
            PrivacyError::Evidence(_) | PrivacyError::Tombstone(_) => Self::Internal(error.to_string()),
        }
    }
}

impl From<WebhookError> for ApiError {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Missing(_) => Self::NotFound,
            WebhookError::Invalid(message) => Self::Invalid(message),
            WebhookError::Conflict(message) => Self::Conflict(message),
            WebhookError::Control(error) => error.into(),
        }
    }
}

impl From<MembershipError> for ApiError {
    fn from(error: MembershipError) -> Self {
        match error {
            MembershipError::Missing => Self::NotFound,
            MembershipError::Control(error) => error.into(),
        }
    }
}

impl From<RemovalError> for ApiError {
    fn from(error: RemovalError) -> Self {
        match error {
            RemovalError::Catalog(error) => error.into(),
            RemovalError::Access(error) => error.into(),
        }
    }
}

impl From<AccessError> for ApiError {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::BadCredentials => Self::BadCredentials,
            AccessError::CodeNeeded => Self::CodeNeeded,
            AccessError::BadCode => Self::BadCode,
            AccessError::Paused(seconds) => Self::TooMany(seconds),
            AccessError::Busy(seconds) => {
                Self::Unavailable(seconds, "too many logins at once; try again in a moment".into())
            }
            AccessError::Missing(_) => Self::NotFound,
            AccessError::Conflict(message) => Self::Conflict(message.into()),
            AccessError::SetupClosed => Self::Forbidden(
                "this set-up link was used, or belongs to an earlier start; the service prints a new one at each start",
            ),
            AccessError::Unusable(message) => Self::Invalid(message.into()),
            AccessError::Control(error) => error.into(),
            AccessError::Hashing(cause) => Self::Internal(cause),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reports::{Exceeded, queue::Busy};

    #[test]
    fn unanswered_reports_have_a_clear_error() {
        let response = |error: ReportError| {
            let error = ApiError::from(error);
            let (status, code, message) = error.parts();
            let (status, code, message) = (status.as_u16(), code, message.to_owned());
            let retry =
                error.into_response().headers().get(header::RETRY_AFTER).map(|v| v.to_str().unwrap().to_owned());
            (status, code, message, retry)
        };
        let busy = Busy { ahead: 3, retry_after: Duration::from_secs(7) };
        let message = "busy: 3 reports are ahead of this one; try again in 7 s";
        assert_eq!(response(ReportError::Busy(busy)), (503, "reports_busy", message.into(), Some("7".into())));
        let (status, code, _, retry) = response(ReportError::Contended);
        assert_eq!((status, code, retry), (503, "reports_busy", Some("10".into())));
        let (status, code, ..) = response(ReportError::Failed("a panic".into()));
        assert_eq!((status, code), (500, "internal"));
        for exceeded in [Exceeded::Memory, Exceeded::Time] {
            let (status, code, message, retry) = response(ReportError::TooLarge(exceeded));
            assert_eq!((status, code, retry), (422, "question_too_large", None));
            assert!(message.contains("shorter period") && !message.contains('\n'), "{message}");
        }
    }
}
