//! Every error a client can see: one status, one stable code, one clear line.

use std::borrow::Cow;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    access::AccessError, catalog::CatalogError, control::ControlError, privacy::PrivacyError, removal::RemovalError,
    reports::ReportError, wire::admin::ErrorBody,
};

/// When it is worth asking again what was not ready in time beside others.
const CROWDED_SECONDS: u64 = 10;

/// Characters of a message that a client sees.
const MESSAGE_CHARS_MAX: usize = 600;

/// An answer that is not a success.
#[derive(Debug, Clone)]
pub enum ApiError {
    /// No such thing here.
    NotFound,
    /// There is something here, but not for this method.
    WrongMethod,
    /// The body or query cannot be read.
    Unreadable(String),
    /// No or wrong key or login.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden(&'static str),
    /// Understood, but unusable.
    Invalid(String),
    /// Exists already.
    Conflict(String),
    /// Larger than the limit.
    TooLarge(&'static str),
    /// The same where Segment's clients expect the status that Segment documents.
    TooLargeForSegment(&'static str),
    /// The body did not arrive in time.
    TooSlow,
    /// Wrong e-mail address or password.
    BadCredentials,
    /// The password is right; a code is asked for besides.
    CodeNeeded,
    /// A wrong code of the second factor.
    BadCode,
    /// Too often; seconds to wait.
    TooMany(u64),
    /// More events than the owner allows; seconds to wait.
    RateLimited(u64),
    /// Not now; seconds to wait and why.
    Unavailable(u64, String),
    /// Other questions are ahead; seconds to wait and why.
    ReportsBusy(u64, String),
    /// More work than one question may be.
    QuestionTooLarge(String),
    /// Our fault; logged, not told.
    Internal(String),
}

impl ApiError {
    /// Status, stable code and message.
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "there is nothing here by that name"),
            Self::WrongMethod => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this address does not take that method; `Allow` names those it takes",
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
                "a code of the authenticator, or a recovery code, is needed besides the password",
            ),
            Self::BadCode => {
                (StatusCode::UNAUTHORIZED, "bad_code", "that code is wrong or was used before; wait for the next one")
            }
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "too_many", "too many attempts; wait a moment"),
            Self::RateLimited(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "rate_limited",
                "more than the owner allows; `Retry-After` says when there is room again",
            ),
            Self::Unavailable(_, message) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message),
            Self::ReportsBusy(_, message) => (StatusCode::SERVICE_UNAVAILABLE, "reports_busy", message),
            Self::QuestionTooLarge(message) => (StatusCode::UNPROCESSABLE_ENTITY, "question_too_large", message),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here; the log tells what")
            }
        }
    }
}

/// A message may quote what was sent, which may be long, or several lines.
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
            ControlError::Taken(_) => Self::Conflict(error.to_string()),
            ControlError::MissingReference => Self::Invalid(error.to_string()),
            ControlError::Unreadable { .. } | ControlError::Migration(_) | ControlError::Sqlite(_) => {
                Self::Internal(error.to_string())
            }
        }
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NoSuchSite(_) => Self::NotFound,
            CatalogError::Invalid(message) => Self::Invalid(message),
            CatalogError::AlreadyExists(message) => Self::Conflict(message),
            CatalogError::HtmlNotAllowed => Self::Invalid(error.to_string()),
            CatalogError::Control(error) => error.into(),
        }
    }
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        if let Some((seconds, why)) = error.unavailable() {
            if error.is_passing() {
                tracing::info!(%error, "a report must wait");
            } else {
                tracing::error!(%error, "a report cannot be answered");
            }
            return Self::Unavailable(seconds, why.into());
        }
        match error {
            ReportError::Busy(busy) => Self::ReportsBusy(busy.retry_after.as_secs(), busy.to_string()),
            ReportError::Crowded => Self::ReportsBusy(CROWDED_SECONDS, error.to_string()),
            ReportError::TooLarge(_) => Self::QuestionTooLarge(error.to_string()),
            ReportError::Question(message) => Self::Invalid(message),
            ReportError::NotFound(_) => Self::NotFound,
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
            PrivacyError::Evidence(_) => Self::Internal(error.to_string()),
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
                "this set-up link is used up or from an earlier start; the service prints a new one when it starts",
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
    fn reports_that_were_not_answered_say_what_to_do() {
        let told = |error: ReportError| {
            let error = ApiError::from(error);
            let (status, code, message) = error.parts();
            let (status, code, message) = (status.as_u16(), code, message.to_owned());
            let retry =
                error.into_response().headers().get(header::RETRY_AFTER).map(|v| v.to_str().unwrap().to_owned());
            (status, code, message, retry)
        };
        let busy = Busy { ahead: 3, retry_after: Duration::from_secs(7) };
        let message = "busy: 3 questions are ahead of this one; ask again in 7 s";
        assert_eq!(told(ReportError::Busy(busy)), (503, "reports_busy", message.into(), Some("7".into())));
        let (status, code, _, retry) = told(ReportError::Crowded);
        assert_eq!((status, code, retry), (503, "reports_busy", Some("10".into())));
        for exceeded in [Exceeded::Memory, Exceeded::Time] {
            let (status, code, message, retry) = told(ReportError::TooLarge(exceeded));
            assert_eq!((status, code, retry), (422, "question_too_large", None));
            assert!(message.contains("shorter period") && !message.contains('\n'), "{message}");
        }
    }
}
