//! The HTTP layer, the only module that uses axum: route table, extractors, error mapping, thin handlers.
//!
//! Handlers parse a request, call one service or request flow, and write the response; they never access the journal or
//! the warehouse. Example: `GET /readyz` is [`ops::ready`], `POST /e` is [`collect::tracker_batch`].

pub mod admin;
pub mod admission;
pub mod assets;
pub mod body;
pub mod caller;
pub mod coalesce;
pub mod collect;
mod connection_limit;
pub mod cors;
pub mod debug;
pub mod decide;
pub mod description;
pub mod edits;
pub mod entry;
pub mod error;
mod exposures;
pub mod extract;
pub mod foreign;
pub mod hot_routes;
mod incoming;
pub mod key;
pub mod local;
pub mod login_cookies;
pub mod masking;
pub mod observe;
pub mod ofrep;
pub mod ops;
pub mod origin;
pub mod posthog;
pub mod rate;
pub mod request_info;
pub mod rudderstack;
pub mod security_headers;
pub mod segment;
pub mod serve;
pub mod state;
mod tracked_body;
pub mod tracker;
pub mod visitor;

use axum::{
    Router,
    http::{HeaderValue, header},
    middleware,
    routing::{MethodRouter, any, get, post},
};
use tower_http::{catch_panic::CatchPanicLayer, compression::CompressionLayer, set_header::SetResponseHeaderLayer};
use utoipa::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    admin::{
        account, audit, catalog, checks, coupons, currency_and_schema, customers, experiments, exploration, feeds,
        funnels, imports, keys, merchandising, models, people, preview, rehearsal, report_documents, reports,
        segment_members, segments, session, shares, sites, slots, users, visitors, webhooks,
    },
    entry::Entry,
    error::ApiError,
    state::AppState,
};
use crate::wire::{
    admin::ErrorBody,
    people::{PeopleSort, TimelineKind},
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Ashna", description = "Know your visitors and answer each of them personally."),
    components(schemas(ErrorBody, PeopleSort, TimelineKind))
)]
struct Description;

/// The entry point of the service's listener. Must be called on the service's shared runtime.
pub fn entry(state: AppState) -> Entry {
    Entry::new(router(state.clone())).with_fast_path(state)
}

/// All routes of the service.
pub fn router(state: AppState) -> Router {
    let (private, _) = private().split_for_parts();
    let masked = middleware::from_fn_with_state(state.clone(), masking::mask_answers);
    let private = private.layer(middleware::from_fn_with_state(state.clone(), origin::guard));
    Router::new()
        .merge(public())
        .merge(
            private
                .layer(masked)
                .layer(middleware::from_fn_with_state(state.clone(), edits::finish_edits))
                .layer(CompressionLayer::new())
                .layer(middleware::from_fn_with_state(state.clone(), admission::limit_private)),
        )
        .merge(pages())
        .route("/healthz", get(ops::alive))
        .route("/readyz", get(ops::ready))
        .route("/metrics", get(ops::metrics))
        .fallback(cors::not_found)
        .method_not_allowed_fallback(|| async { ApiError::WrongMethod })
        .layer(SetResponseHeaderLayer::if_not_present(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(CatchPanicLayer::new())
        .layer(middleware::from_fn(security_headers::add))
        .layer(middleware::from_fn_with_state(state.clone(), observe::routed))
        .with_state(state)
}

/// The entry point of `--metrics-listen`.
pub fn metrics_entry(state: AppState) -> Entry {
    let router =
        Router::new().route("/metrics", get(ops::open_metrics)).route("/healthz", get(ops::alive)).with_state(state);
    Entry::new(router)
}

/// The OpenAPI description of the private API, as `openapi.json`.
#[must_use]
pub fn openapi() -> String {
    let (_, mut description) = private().split_for_parts();
    description::complete(&mut description);
    let mut text = serde_json::to_string_pretty(&description).unwrap_or_default();
    text.push('\n');
    text
}

/// Routes for pages and SDKs, readable from other origins.
fn public() -> Router<AppState> {
    let mut router = Router::new();
    for (path, route) in public_routes().into_iter().chain(foreign::routes()) {
        // Preflights, and errors that pages can read.
        let route = route.options(ops::alive).fallback(|| async { ApiError::WrongMethod });
        // Clients of any product may add a slash to the path.
        router = router.route(path, route.clone()).route(&format!("{path}/"), route);
    }
    router
        .layer(middleware::from_fn(cors::public))
        .route("/t.js", get(assets::tracker))
        .route("/t/debug.js", get(assets::debug_file))
        .route("/t/{name}", get(assets::pinned_tracker))
}

/// The routes of our own tracker and of Segment's and RudderStack's clients.
fn public_routes() -> Vec<(&'static str, MethodRouter<AppState>)> {
    vec![
        ("/e", post(collect::tracker_batch)),
        ("/px.gif", get(collect::pixel)),
        ("/v1/decide", post(decide::decide)),
        ("/v1/recommend", get(decide::recommend)),
        ("/ofrep/v1/evaluate/flags", post(ofrep::all)),
        ("/ofrep/v1/evaluate/flags/{key}", post(ofrep::one)),
        ("/v1/debug", post(debug::report)),
        ("/v1/{call}", post(segment::call)),
        ("/v1/projects/{key}/settings", get(segment::settings)),
        // Clients with a slash at the end of the configured address.
        ("//v1/{call}", post(segment::call)),
        ("//v1/projects/{key}/settings", get(segment::settings)),
        ("/sourceConfig", get(rudderstack::source_config)),
        ("/beacon/v1/batch", post(rudderstack::beacon)),
    ]
}

/// Routes for the dashboard and API clients.
fn private() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Description::openapi())
        .routes(routes!(session::setup_state, session::set_up))
        .routes(routes!(session::session, session::log_in, session::log_out))
        .routes(routes!(session::sessions, session::end_others))
        .routes(routes!(session::end_one))
        .routes(routes!(account::change_password))
        .routes(routes!(account::begin_two_factor, account::confirm_two_factor, account::end_two_factor))
        .routes(routes!(account::recovery_codes))
        .routes(routes!(users::list))
        .routes(routes!(users::change, users::remove))
        .routes(routes!(users::log_out))
        .routes(routes!(users::reset_two_factor))
        .routes(routes!(users::invite))
        .routes(routes!(users::invitation, users::accept, users::withdraw))
        .routes(routes!(audit::all))
        .routes(routes!(sites::list, sites::add))
        .routes(routes!(sites::one, sites::change, sites::remove))
        .routes(routes!(sites::secret))
        .routes(routes!(audit::of_site))
        .routes(routes!(keys::list, keys::add))
        .routes(routes!(keys::revoke))
        .routes(routes!(currency_and_schema::rates, currency_and_schema::put_rates))
        .routes(routes!(currency_and_schema::rules, currency_and_schema::put_rules))
        .routes(routes!(checks::add))
        .routes(routes!(checks::one))
        .routes(routes!(catalog::items, catalog::put_items, catalog::change_items))
        .routes(routes!(feeds::import))
        .routes(routes!(feeds::feed, feeds::put_feed, feeds::delete_feed))
        .routes(routes!(feeds::visit_feed))
        .routes(routes!(catalog::delete_item))
        .routes(routes!(catalog::offers, catalog::add_offer))
        .routes(routes!(catalog::put_offer, catalog::delete_offer))
        .routes(routes!(coupons::count, coupons::add))
        .routes(routes!(rehearsal::rehearse))
        .routes(routes!(slots::list))
        .routes(routes!(slots::put))
        .routes(routes!(models::tuned))
        .routes(routes!(models::choose))
        .routes(routes!(exploration::exploring, exploration::put_exploring))
        .routes(routes!(exploration::history))
        .routes(routes!(preview::preview))
        .routes(routes!(merchandising::rules, merchandising::put_rules))
        .routes(routes!(merchandising::put_slot_rules, merchandising::delete_slot_rules))
        .routes(routes!(segments::list, segments::add))
        .routes(routes!(segments::put, segments::delete))
        .routes(routes!(segments::preview))
        .routes(routes!(segments::explain))
        .routes(routes!(segments::members))
        .routes(routes!(segment_members::history))
        .routes(routes!(segment_members::changes))
        .routes(routes!(segment_members::overlap))
        .routes(routes!(experiments::list, experiments::add))
        .routes(routes!(experiments::one, experiments::put, experiments::delete))
        .routes(routes!(funnels::list, funnels::add))
        .routes(routes!(funnels::change, funnels::delete))
        .routes(routes!(report_documents::goals))
        .routes(routes!(report_documents::put_goal, report_documents::delete_goal))
        .routes(routes!(report_documents::saved_reports))
        .routes(routes!(report_documents::put_saved_report, report_documents::delete_saved_report))
        .routes(routes!(report_documents::annotations))
        .routes(routes!(report_documents::put_annotation, report_documents::delete_annotation))
        .routes(routes!(shares::list, shares::add))
        .routes(routes!(shares::revoke))
        .routes(routes!(shares::shared))
        .routes(routes!(reports::schema))
        .routes(routes!(reports::report))
        .routes(routes!(reports::dropped))
        .routes(routes!(reports::visitor, visitors::erase))
        .routes(routes!(visitors::export))
        .routes(routes!(visitors::part))
        .routes(routes!(people::list))
        .routes(routes!(people::timeline))
        .routes(routes!(people::browsers))
        .routes(routes!(customers::lookup))
        .routes(routes!(imports::import))
        .routes(routes!(webhooks::list, webhooks::add))
        .routes(routes!(webhooks::one, webhooks::put, webhooks::delete))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::replay))
        .route("/api/v1/openapi.json", get(|| async { ([(header::CONTENT_TYPE, "application/json")], openapi()) }))
        .route("/api/{*rest}", any(|| async { ApiError::NotFound }))
}

/// HTML pages.
fn pages() -> Router<AppState> {
    Router::new()
        .route("/", get(assets::to_dashboard))
        .route("/dashboard", get(assets::to_dashboard))
        .route("/dashboard/", get(assets::dashboard))
        .route("/dashboard/{*path}", get(assets::dashboard))
        .route("/demo", get(assets::demo))
        .route("/demo/", get(assets::demo))
        .route("/demo/{*path}", get(assets::demo))
}
