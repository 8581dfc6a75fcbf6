//! The caller's own password and second factor.

use axum::{Json, extract::State, http::StatusCode};

use crate::{
    http::{caller::Caller, error::ApiError, extract::JsonBody, state::AppState},
    wire::users::{CodeBody, PasswordAndCode, PasswordBody, PasswordChange, RecoveryCodes, TwoFactorBegun},
};

/// Changes the caller's password; their other logins end.
#[utoipa::path(put, path = "/api/v1/session/password", tag = "session", request_body = PasswordChange,
    responses((status = 204), (status = 401, description = "`bad_credentials`: the present password is wrong"),
        (status = 422, description = "the new password is not accepted")))]
pub async fn change_password(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    let session = caller.person()?;
    state.access.change_password(&session.user, session.login, &body.current, &body.new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Begins to set up a second factor; a first code turns it on.
#[utoipa::path(post, path = "/api/v1/session/two-factor", tag = "session", request_body = PasswordBody,
    responses((status = 200, body = TwoFactorBegun), (status = 409, description = "it is on already")))]
pub async fn begin_two_factor(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<PasswordBody>,
) -> Result<Json<TwoFactorBegun>, ApiError> {
    let begun = state.access.begin_two_factor(&caller.person()?.user, &body.password).await?;
    Ok(Json(TwoFactorBegun { secret: begun.secret, otpauth_url: begun.otpauth_url }))
}

/// Turns the second factor on with a first code.
#[utoipa::path(put, path = "/api/v1/session/two-factor", tag = "session", request_body = CodeBody,
    responses((status = 200, body = RecoveryCodes), (status = 401, description = "`bad_code`"),
        (status = 409, description = "set-up was not begun, or it is on already")))]
pub async fn confirm_two_factor(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<CodeBody>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let recovery_codes = state.access.confirm_two_factor(&caller.person()?.user, &body.code).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}

/// Turns the second factor off.
#[utoipa::path(delete, path = "/api/v1/session/two-factor", tag = "session", request_body = PasswordAndCode,
    responses((status = 204), (status = 401, description = "`bad_credentials` or `bad_code`"),
        (status = 409, description = "it is off")))]
pub async fn end_two_factor(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<PasswordAndCode>,
) -> Result<StatusCode, ApiError> {
    state.access.end_two_factor(&caller.person()?.user, &body.password, &body.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replaces the recovery codes.
#[utoipa::path(post, path = "/api/v1/session/recovery-codes", tag = "session", request_body = PasswordAndCode,
    responses((status = 200, body = RecoveryCodes), (status = 401, description = "`bad_credentials` or `bad_code`"),
        (status = 409, description = "the second factor is off")))]
pub async fn recovery_codes(
    State(state): State<AppState>,
    caller: Caller,
    JsonBody(body): JsonBody<PasswordAndCode>,
) -> Result<Json<RecoveryCodes>, ApiError> {
    let access = &state.access;
    let recovery_codes = access.new_recovery_codes(&caller.person()?.user, &body.password, &body.code).await?;
    Ok(Json(RecoveryCodes { recovery_codes }))
}
