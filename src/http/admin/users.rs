//! Users and invitations.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use crate::{
    access::{InvitationRequest, UserEdit},
    control::{Membership, Role},
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, Path},
        login_cookies, request_info,
        state::AppState,
    },
    model::SiteId,
    wire::{
        admin::SessionBody,
        users::{
            AcceptBody, InvitationBody, InvitationMade, LoggedOut, NewInvitationBody, UserChangeBody, UserEntry,
            UsersBody,
        },
    },
};

/// All users and open invitations.
#[utoipa::path(get, path = "/api/v1/users", tag = "people", responses((status = 200, body = UsersBody)))]
pub async fn list(State(state): State<AppState>, caller: Caller) -> Result<Json<UsersBody>, ApiError> {
    caller.may_own()?;
    let users = state.access.users().await?.iter().map(Into::into).collect();
    let invitations = state.access.invitations().await?.iter().map(Into::into).collect();
    Ok(Json(UsersBody { users, invitations }))
}

/// Changes a user's role, sites and masking.
#[utoipa::path(patch, path = "/api/v1/users/{user}", tag = "people", params(("user" = i64, Path)),
    request_body = UserChangeBody, responses((status = 200, body = UserEntry),
        (status = 409, description = "the last owner must stay an owner")))]
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Path(user): Path<i64>,
    JsonBody(body): JsonBody<UserChangeBody>,
) -> Result<Json<UserEntry>, ApiError> {
    caller.may_own()?;
    let edit = UserEdit {
        role: body.role.as_deref().map(role).transpose()?,
        sites: body.sites.map(|sites| sites.map(site_ids)),
        masked: body.masked,
    };
    let user = state.access.change_user(&caller.name(), user, edit).await?;
    Ok(Json((&user).into()))
}

/// Removes a user; their logins end at once.
#[utoipa::path(delete, path = "/api/v1/users/{user}", tag = "people", params(("user" = i64, Path)),
    responses((status = 204), (status = 409, description = "the last owner cannot be removed")))]
pub async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Path(user): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.may_own()?;
    state.access.remove_user(&caller.name(), user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends all of a user's logins.
#[utoipa::path(post, path = "/api/v1/users/{user}/log-out", tag = "people", params(("user" = i64, Path)),
    responses((status = 200, body = LoggedOut)))]
pub async fn log_out(
    State(state): State<AppState>,
    caller: Caller,
    Path(user): Path<i64>,
) -> Result<Json<LoggedOut>, ApiError> {
    caller.may_own()?;
    let ended = state.access.log_user_out(&caller.name(), user).await?;
    Ok(Json(LoggedOut { ended }))
}

/// Turns a user's second factor off, for a user who lost the device and the recovery codes.
#[utoipa::path(post, path = "/api/v1/users/{user}/reset-two-factor", tag = "people", params(("user" = i64, Path)),
    responses((status = 204)))]
pub async fn reset_two_factor(
    State(state): State<AppState>,
    caller: Caller,
    Path(user): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.may_own()?;
    state.access.reset_two_factor(&caller.name(), user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Invites a user: creates a one-time link to an account, valid for seven days.
#[utoipa::path(post, path = "/api/v1/invitations", tag = "people", request_body = NewInvitationBody,
    responses((status = 201, body = InvitationMade), (status = 409, description = "the address has an account already")))]
pub async fn invite(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    JsonBody(body): JsonBody<NewInvitationBody>,
) -> Result<(StatusCode, Json<InvitationMade>), ApiError> {
    caller.may_own()?;
    let membership = Membership {
        role: role(&body.role)?,
        sites: body.sites.map(|sites| site_ids(sites).into()),
        masked: body.masked,
    };
    let base = request_info::own_base(&headers, &state.server.public_url);
    let request = InvitationRequest { email: &body.email, membership, base: &base };
    Ok((StatusCode::CREATED, Json(state.access.invite(&caller.name(), &request).await?.into())))
}

/// Withdraws an invitation: its link stops working.
#[utoipa::path(delete, path = "/api/v1/invitations/{invitation}", tag = "people",
    params(("invitation" = String, Path, description = "its id")), responses((status = 204)))]
pub async fn withdraw(
    State(state): State<AppState>,
    caller: Caller,
    Path(invitation): Path<String>,
) -> Result<StatusCode, ApiError> {
    caller.may_own()?;
    let id = invitation.parse().map_err(|_| ApiError::NotFound)?;
    state.access.withdraw_invitation(&caller.name(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The invitation of a link. Needs no login, only the link's token.
#[utoipa::path(get, path = "/api/v1/invitations/{invitation}", tag = "people",
    params(("invitation" = String, Path, description = "the link's token")),
    responses((status = 200, body = InvitationBody), (status = 404, description = "used, withdrawn or expired")))]
pub async fn invitation(
    State(state): State<AppState>,
    Path(token): Path<String>,
) -> Result<Json<InvitationBody>, ApiError> {
    Ok(Json(state.access.invitation(&token).await?.into()))
}

/// Creates the account of an invitation link, once, and logs in. Needs no login, only the link's token.
#[utoipa::path(post, path = "/api/v1/invitations/{invitation}", tag = "people",
    params(("invitation" = String, Path, description = "the link's token")), request_body = AcceptBody,
    responses((status = 201, body = SessionBody), (status = 404, description = "used, withdrawn or expired"),
        (status = 422, description = "the password is not accepted")))]
pub async fn accept(
    State(state): State<AppState>,
    Path(token): Path<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    JsonBody(body): JsonBody<AcceptBody>,
) -> Result<Response, ApiError> {
    let client = login_cookies::client(&state, peer, &headers);
    let login = state.access.accept_invitation(&token, &body.password, &client).await?;
    login_cookies::logged_in(&state, &headers, login, StatusCode::CREATED)
}

fn role(name: &str) -> Result<Role, ApiError> {
    Role::from_name(name).ok_or_else(|| ApiError::Invalid("`role` must be owner, marketer or viewer".into()))
}

fn site_ids(numbers: Vec<u32>) -> Vec<SiteId> {
    numbers.into_iter().map(SiteId).collect()
}
