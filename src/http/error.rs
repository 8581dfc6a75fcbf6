//! Every error a client can see: one status, one stable code, one clear line.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{
    access::AccessError,
    catalog::CatalogError,
    control::ControlError,
    privacy::PrivacyError,
    removal::RemovalError,
    reports::ReportError,
    store::{ErrorKind, StoreError},
    wire::admin::ErrorBody,
};

/// An answer that is not a success.
#[derive(Debug)]
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
                "more events than the owner allows; `Retry-After` says when there is room again",
            ),
            Self::Unavailable(_, message) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", message),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal", "something went wrong here; the log tells what")
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Internal(cause) = &self {
            tracing::error!(%cause, "a request failed");
        }
        let (status, code, message) = self.parts();
        let mut answer = (status, Json(ErrorBody { status: status.as_u16(), code, message })).into_response();
        match &self {
            Self::TooMany(seconds) | Self::RateLimited(seconds) | Self::Unavailable(seconds, _) => {
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
            CatalogError::Taken(message) => Self::Conflict(message),
            CatalogError::Control(error) => error.into(),
        }
    }
}

impl From<ReportError> for ApiError {
    fn from(error: ReportError) -> Self {
        if error.is_passing() {
            tracing::info!(%error, "a report must wait");
            return Self::Unavailable(2, "the warehouse is starting or busy; reports are back in a moment".into());
        }
        if let ReportError::Store(cause) = &error {
            let why = match cause.kind() {
                _ if matches!(cause, StoreError::Foreign) => "the warehouse belongs to another installation",
                ErrorKind::Damaged => "the warehouse cannot read a part of its data; the service's log names it",
                ErrorKind::NoSpace => "the warehouse's disk is full; reports are back when there is room",
                _ => "",
            };
            if !why.is_empty() {
                tracing::error!(error = %cause, "a report cannot be answered");
                return Self::Unavailable(30, why.into());
            }
        }
        match error {
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
