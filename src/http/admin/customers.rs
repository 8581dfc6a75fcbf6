//! Look-up of a person by systems of contact centres and shops.

use axum::{Json, extract::State};

use crate::{
    http::{
        caller::Caller,
        error::ApiError,
        extract::{JsonBody, SitePath},
        state::AppState,
    },
    wire::{
        admin::VisitorBody,
        customers::{CustomerBody, CustomerLookup},
    },
};

/// Everything known of a person, found by user id or by the hash of an e-mail address or phone number.
#[utoipa::path(post, path = "/api/v1/sites/{site}/customers/lookup", tag = "visitors", params(("site" = u32, Path)),
    request_body = CustomerLookup, responses((status = 200, body = CustomerBody)))]
pub async fn lookup(
    State(state): State<AppState>,
    caller: Caller,
    SitePath(id): SitePath,
    JsonBody(lookup): JsonBody<CustomerLookup>,
) -> Result<Json<CustomerBody>, ApiError> {
    caller.may_serve(id)?;
    // It would confirm a guess at masked data.
    caller.may_see_people(id)?;
    let by = lookup.check().map_err(|message| ApiError::Invalid(message.into()))?;
    let site = state.catalog.site(id)?;
    let reports = state.reports.for_requester(&caller.queue_key());
    let visitor = reports.find_person(&site.site, &by).await?;
    let history = reports.visitor(&site.site, visitor, None).await?;
    let visitors: Vec<_> = history.visitors.iter().filter_map(|id| id.parse().ok()).collect();
    let contacts = reports.contacts(&site.site, &visitors).await?;
    let profile = state.personalizer.profile(id, visitor).await;
    let interests = state.personalizer.interests(&profile, &site);
    let value = state.customers.values().of(id, history.user_id.as_deref(), Some(visitor));
    let mut body = VisitorBody::new(history, &profile, interests, value);
    (body.segments, body.builtin_segments) = state.personalizer.segments(&profile, &site);
    Ok(Json(CustomerBody { profile: body, contacts }))
}
