//! The OpenFeature Remote Evaluation Protocol: experiments as flags.
//!
//! A visitor id is unguessable, so knowing it is the right to use its profile. A user id is not: with a write key it is only
//! hashed, unless the context has the site's signature of it.

use std::net::SocketAddr;

use axum::{
    Json,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    admission, body, decide,
    error::ApiError,
    exposures::{self, Audience},
    extract::{Path, Query},
    key::{GivenKeys, KeyQuery, SiteKey},
    request_info,
    state::AppState,
    visitor,
};
use crate::{
    catalog::{Snapshot, condition::Condition},
    clock,
    experiments::{CompiledExperiment, Outside},
    ingest::{
        Consent, Identity, Origin, consent,
        identify::{self, IdKind, visitor_of},
    },
    model::{KnownBy, VisitorId},
    personalize::{Evaluated, FlagSubject},
    wire::{
        collect::Consent as GivenConsent,
        ofrep::{FlagBody, FlagContext, FlagErrorBody, FlagErrorCode, FlagMetadata, FlagReason, FlagsBody},
    },
};

/// Evaluates one flag, which counts as an exposure.
pub async fn one(
    State(state): State<AppState>,
    Path(key): Path<String>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let snapshot = state.catalog.snapshot();
    let (site_key, headers, bytes) = admit(&state, &snapshot, &query, peer, request).await?;
    let failed =
        |status, (code, details)| (status, Json(FlagErrorBody { key: Some(&key), code, details })).into_response();
    let context = FlagContext::read(&bytes);
    let is_parsed = !matches!(context, Err((FlagErrorCode::ParseError, _)));
    if is_parsed && site_key.site.experiment(&key).is_none() {
        let details = format!("there is no flag `{}`", key.chars().take(100).collect::<String>());
        return Ok(failed(StatusCode::NOT_FOUND, (FlagErrorCode::FlagNotFound, details)));
    }
    let (context, _) = match context {
        Ok(context) => context,
        Err(error) => return Ok(failed(StatusCode::BAD_REQUEST, error)),
    };
    let subject = Subject::of(site_key, &context, &headers);
    let path = decide::path_of(&context.url);
    let evaluated = state.personalizer.flags(site_key.site, subject.asked(), Some(&key), &path).await;
    let audience = Audience {
        key: site_key,
        headers: &headers,
        peer,
        identity: subject.identity,
        user_id: &subject.user_id,
        signature: &context.signature,
        url: &context.url,
        consent: subject.consent,
    };
    exposures::count_shown(&state, &audience, &evaluated);
    let answer = evaluated.first().map(flag).ok_or(ApiError::NotFound)?;
    Ok(([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))], Json(answer)).into_response())
}

/// Evaluates all flags; no exposure.
pub async fn all(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let snapshot = state.catalog.snapshot();
    let (site_key, headers, bytes) = admit(&state, &snapshot, &query, peer, request).await?;
    let (context, sent) = match FlagContext::read(&bytes) {
        Ok(context) => context,
        Err((code, details)) => {
            return Ok((StatusCode::BAD_REQUEST, Json(FlagErrorBody { key: None, code, details })).into_response());
        }
    };
    let subject = Subject::of(site_key, &context, &headers);
    let path = decide::path_of(&context.url);
    let evaluated = state.personalizer.flags(site_key.site, subject.asked(), None, &path).await;
    let answer = FlagsBody { flags: evaluated.iter().map(flag).collect() };
    let text = serde_json::to_vec(&answer).map_err(|error| ApiError::Internal(error.to_string()))?;
    let version = site_key.site.experiments.as_ref().map_or(0, crate::experiments::ExperimentSet::version);
    let tag = etag(version, &sent, &text);
    let value = HeaderValue::try_from(&tag).map_err(|error| ApiError::Internal(error.to_string()))?;
    let caching = [(header::ETAG, value), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    if is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, caching).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Ok((caching, content_type, text).into_response())
}

/// Admits a request as a decision, and reads its body.
async fn admit<'s>(
    state: &AppState,
    snapshot: &'s Snapshot,
    query: &KeyQuery,
    peer: SocketAddr,
    request: Request,
) -> Result<(SiteKey<'s>, HeaderMap, body::BufferedBody), ApiError> {
    let (parts, stream) = request.into_parts();
    admission::admit_address_decision(state, peer, &parts.headers)?;
    let key = decide::authorize(state, snapshot, &parts.headers, GivenKeys { address: query.as_str(), body: "" })?;
    admission::admit_site_decision(state, &key.site.site)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    Ok((key, parts.headers, bytes))
}

/// Whose flags are evaluated.
struct Subject {
    identity: Identity,
    visitor: VisitorId,
    /// The user id; empty for a visitor.
    user_id: String,
    /// Whether the user id may be used for more than hashing.
    is_verified: bool,
    consent: Consent,
}

impl Subject {
    fn of(key: SiteKey<'_>, context: &FlagContext, headers: &HeaderMap) -> Self {
        let site = &key.site.site;
        let given = GivenConsent { analytics: context.analytics, personalization: context.personalization };
        // A server that names a person has asked for consent itself; a browser's signal and the site's default count here.
        let consent = if request_info::origin(headers).is_some() {
            consent::resolve(site, given, visitor::signals_refusal(headers))
        } else {
            Consent {
                analytics: given.analytics.unwrap_or(true),
                personalization: given.personalization.unwrap_or(true),
            }
        };
        let target = context.targeting_key.as_str();
        let has_ids = site.visitors.known_by == KnownBy::Cookie;
        if let (true, Ok(visitor)) = (has_ids, target.parse::<VisitorId>()) {
            let identity = Identity::new(visitor, Origin::Proposal);
            return Self { identity, visitor, user_id: String::new(), is_verified: false, consent };
        }
        let is_verified = has_ids && (key.is_server() || identify::user_is_verified(site, target, &context.signature));
        let user_id = identify::clean_user_id(target);
        let visitor = visitor_of(site, IdKind::VerifiedUser, &user_id);
        // Nothing is stored of the ids of a cookieless site.
        let consent = Consent { analytics: consent.analytics && has_ids, ..consent };
        let identity = identify::resolve(None, "", true, rand::random(), clock::now());
        Self { identity, visitor, user_id, is_verified, consent }
    }

    fn asked(&self) -> FlagSubject<'_> {
        if !self.consent.personalization {
            FlagSubject::WithoutConsent
        } else if self.user_id.is_empty() || self.is_verified {
            FlagSubject::Known(self.visitor, &self.user_id)
        } else {
            FlagSubject::UserId(&self.user_id)
        }
    }
}

/// The flag of an experiment. Who does not take part gets the control's value.
fn flag<'a>(evaluated: &Evaluated<'a>) -> FlagBody<'a> {
    let experiment = evaluated.experiment;
    let (variant, reason) = match evaluated.variant {
        Ok(variant) => (Some(variant), reason_of(experiment)),
        Err(Outside::NotRunning) => (experiment.control(), FlagReason::Disabled),
        Err(Outside::NotTargeted | Outside::Traffic | Outside::OtherExperiment) => {
            (experiment.control(), FlagReason::Default)
        }
    };
    FlagBody {
        key: &experiment.key,
        value: variant.map(|variant| &variant.value).filter(|value| !value.is_null()),
        variant: variant.filter(|_| reason != FlagReason::Default).map(|variant| &*variant.key),
        reason,
        metadata: FlagMetadata { experiment: evaluated.variant.is_ok() },
    }
}

fn reason_of(experiment: &CompiledExperiment) -> FlagReason {
    let possible = experiment.variants.iter().filter(|variant| variant.weight > 0.0).count();
    match (possible, &experiment.condition) {
        (0 | 1, Condition::Everyone) if experiment.traffic >= 1.0 => FlagReason::Static,
        (0 | 1, condition) if *condition != Condition::Everyone => FlagReason::TargetingMatch,
        _ => FlagReason::Split,
    }
}

/// Over the configuration, the context, and what they and the profile led to.
fn etag(version: u64, context: &Value, answer: &[u8]) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&version.to_le_bytes()).update(context.to_string().as_bytes()).update(&[0]).update(answer);
    ["\"", &hasher.finalize().to_hex()[..32], "\""].concat()
}

/// Whether `If-None-Match` has the tag (RFC 9110, 13.1.2: compared weakly).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    let mut tags = lists.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}
