//! Handlers for decisions and recommendations.

use std::{fmt::Display, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{
    admission, body,
    error::ApiError,
    exposures::{self, Audience},
    extract::Query,
    key::{self, GivenKeys, KeyQuery, SiteKey},
    request_info,
    state::AppState,
    tracker,
    visitor::{self, Claims},
};
use crate::{
    catalog::{
        SiteSnapshot,
        snapshot::{Model, Recommend},
    },
    ingest::{Consent, Identity, Origin, consent, identify},
    model::{ContactChannel, Decision, ItemReason, KnownBy, RankedItem, Site, VisitorId},
    personalize::{Answer, Evaluated, OfferAccess, PersonalizationRequest},
    wire::{
        collect::Consent as GivenConsent,
        decide::{DecideRequest, RecommendQuery},
        decided_items::{
            DecideAnswer, DecisionBody, ExcludedItemBody, ItemExplanationBody, RecommendAnswer, ShownItem, VariantBody,
            item_fields,
        },
    },
};

/// Longest id or URL, bytes.
const TEXT_MAX: usize = 2000;
/// Most experiments of a request.
const EXPERIMENTS_MAX: usize = 100;
/// Longest language tag.
const LANGUAGE_MAX: usize = 35;

/// Decides what fills the slots of a page.
#[utoipa::path(post, path = "/v1/decide", tag = "personalization", request_body = DecideRequest,
    responses((status = 200, body = DecideAnswer<'static>)))]
pub async fn decide(
    State(state): State<AppState>,
    Query(query): Query<KeyQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, stream) = request.into_parts();
    admission::admit_address_decision(&state, peer, &parts.headers)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    let question = parse(&bytes)?;
    check_lengths(&question)?;
    let snapshot = state.catalog.snapshot();
    let body = question.key.as_deref().or(question.write_key.as_deref()).unwrap_or("");
    let given = GivenKeys { address: query.as_str(), body };
    let key = authorize(&state, &snapshot, &parts.headers, given)?;
    let (site, explain) = (key.site, key.is_server());
    admission::admit_site_decision(&state, &site.site)?;
    let given = given_consent(&question);
    let consent = consent::resolve(&site.site, given, visitor::signals_refusal(&parts.headers));
    let link = question.link.as_ref();
    let linked = link.and_then(|link| tracker::linked_visitor(&state, &site.site, &link.token, &link.referrer));
    let linked = linked.map(|visitor| visitor.to_string());
    let claims = Claims {
        proposal: linked.as_deref().or(question.visitor.as_deref()).unwrap_or(""),
        reset: question.reset,
        own_connection: request_info::origin(&parts.headers).is_some(),
    };
    let identity = visitor::identify(&state, &parts.headers, peer, &site.site, &claims, consent);
    let visitor = if consent.personalization { identity.visitor } else { VisitorId::ANONYMOUS };
    let user = verified_user(&site.site, &question, key);
    let url_path = path_of(&question.context.url);
    let language = language_of(question.context.language.as_deref(), &parts.headers);
    let answer = state
        .personalizer
        .answer(&PersonalizationRequest {
            site,
            visitor,
            user: &user,
            is_new: visitor::is_new(identity, question.fresh && linked.is_none()),
            slots: &question.slots,
            experiments: &question.experiments,
            item: question.context.item.as_deref().unwrap_or(""),
            cart: question.context.cart.as_deref(),
            url_path: site.site.traffic_filters.joined(&url_path),
            channel: contact_channel(question.context.channel.as_deref())?,
            language: &language,
            explain,
            access: offer_access(&state, (peer, &parts.headers), identity, key.is_server() || !user.is_empty()),
        })
        .await;
    if question.expose != Some(false) {
        let signature = question.signature.as_deref().unwrap_or("");
        let (user_id, url, headers) = (&*user, &*question.context.url, &parts.headers);
        let audience = Audience { key, headers, peer, identity, user_id, signature, url, consent };
        exposures::count_shown(&state, &audience, &answer.variants);
    }
    let body = DecideAnswer {
        experiments: (!question.experiments.is_empty()).then(|| variant_bodies(&answer)),
        visitor: visitor::is_disclosed(identity).then(|| identity.visitor.to_string()),
        decisions: bodies(site, &answer, &language, explain),
        degraded: answer.degraded,
        settings: tracker::settings(site, question.settings.as_deref(), &parts.headers),
    };
    let mut response = json(body.to_json());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("server-timing", timing(&answer)?);
    if let Some(cookie) = visitor::cookie_to_set(&state, &parts.headers, &site.site, identity, None, given)? {
        headers.append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Recommends items to a visitor, or related to an item.
#[utoipa::path(get, path = "/v1/recommend", tag = "personalization", params(RecommendQuery),
    responses((status = 200, body = RecommendAnswer)))]
pub async fn recommend(
    State(state): State<AppState>,
    Query(query): Query<RecommendQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    admission::admit_address_decision(&state, peer, &headers)?;
    let snapshot = state.catalog.snapshot();
    let address = query.key.as_deref().or(query.write_key.as_deref()).unwrap_or("");
    let key = authorize(&state, &snapshot, &headers, GivenKeys { address, body: "" })?;
    let (site, explain) = (key.site, key.is_server());
    admission::admit_site_decision(&state, &site.site)?;
    // A server that names a visitor has checked consent itself; a browser's privacy signal is honoured here.
    let refused = request_info::origin(&headers).is_some()
        && !consent::resolve(&site.site, GivenConsent::default(), visitor::signals_refusal(&headers)).personalization;
    let id = query.visitor.as_deref().filter(|_| !refused).unwrap_or("");
    let visitor = match site.site.visitors.known_by {
        KnownBy::Cookie => id.parse().unwrap_or(VisitorId::ANONYMOUS),
        KnownBy::DailyHash if refused => VisitorId::ANONYMOUS,
        KnownBy::DailyHash => {
            let claims =
                Claims { proposal: "", reset: false, own_connection: request_info::origin(&headers).is_some() };
            visitor::identify(&state, &headers, peer, &site.site, &claims, Consent::FULL).visitor
        }
    };
    let item = query.item.as_deref().unwrap_or("");
    if item.len() > TEXT_MAX {
        return Err(ApiError::Invalid("`item` is too long".into()));
    }
    let name = query.model.as_deref().unwrap_or("auto");
    let model =
        Model::parse(name).ok_or_else(|| ApiError::Invalid(format!("there is no model `{}`", clipped(name))))?;
    let slot = query.slot.unwrap_or_default();
    if slot.len() > TEXT_MAX {
        return Err(ApiError::Invalid("`slot` is too long".into()));
    }
    let slots = [slot];
    let language = language_of(query.language.as_deref(), &headers);
    let request = PersonalizationRequest {
        site,
        visitor,
        user: "",
        is_new: false,
        slots: &slots,
        experiments: &[],
        item,
        cart: None,
        url_path: "",
        channel: ContactChannel::Web,
        language: &language,
        explain,
        access: OfferAccess::default(),
    };
    let k = query.k.unwrap_or(Recommend::K_DEFAULT);
    let answer = state.personalizer.recommend(&request, Recommend { model, k }).await;
    let decision = answer.decisions.first();
    let items = decision.map(|decision| shown_items(site, decision, &language)).unwrap_or_default();
    let explanation = decision.filter(|_| explain).map(|d| &d.explanation[..]);
    let left_out = decision.and_then(left_out);
    let mut response = json(RecommendAnswer { items, explanation, left_out }.to_json());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::VARY, HeaderValue::from_static("Authorization, X-API-Key, Accept-Language, Sec-GPC, DNT"));
    headers.insert("server-timing", timing(&answer)?);
    Ok(response)
}

/// The beginning of a client's text, for an error message.
fn clipped(text: &str) -> String {
    text.chars().take(40).collect()
}

fn parse(bytes: &[u8]) -> Result<DecideRequest, ApiError> {
    let unreadable = |why: &dyn Display| ApiError::Unreadable(format!("the body is not a decision request: {why}"));
    // serde would accept an array as the fields in order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable(&"it does not begin with `{`"));
    }
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error))
}

fn check_lengths(question: &DecideRequest) -> Result<(), ApiError> {
    let texts = question.slots.iter().chain(question.context.cart_or_empty()).all(|text| text.len() <= 200);
    let texts = texts && question.experiments.iter().all(|key| key.len() <= 200);
    let fits = question.slots.len() <= 1000
        && question.experiments.len() <= EXPERIMENTS_MAX
        && question.context.cart_or_empty().len() <= 1000
        && question.context.item.as_deref().unwrap_or("").len() <= TEXT_MAX;
    if texts && fits {
        Ok(())
    } else {
        Err(ApiError::Invalid("too many or too long slots, experiments or items".into()))
    }
}

/// The site and scope of the request's key. With a write key, a browser must be on one of the site's pages.
pub(super) fn authorize<'s>(
    state: &AppState,
    snapshot: &'s crate::catalog::Snapshot,
    headers: &HeaderMap,
    given: GivenKeys<'_>,
) -> Result<SiteKey<'s>, ApiError> {
    let key = key::resolve(state, snapshot, headers, given)?;
    match request_info::origin(headers) {
        Some(origin) if key.scope.is_none() && !request_info::is_listed(origin, &key.site.site) => Err(state.refuse(
            "foreign_origin",
            ApiError::Forbidden("this page's origin is not one of the site's; add it in the dashboard"),
        )),
        _ => Ok(key),
    }
}

/// The user id if the site verified it: sent with a `server` key or signed with the site's secret. Otherwise empty, also
/// on sites that accept no ids.
fn verified_user(site: &Site, question: &DecideRequest, key: SiteKey<'_>) -> String {
    let id = question.user_id.as_deref().unwrap_or("");
    let signature = question.signature.as_deref().unwrap_or("");
    let is_verified = key.is_server() || identify::user_is_verified(site, id, signature);
    let is_used = is_verified && id.len() <= TEXT_MAX && site.visitors.known_by == KnownBy::Cookie;
    if is_used { identify::clean_user_id(id) } else { String::new() }
}

fn given_consent(question: &DecideRequest) -> GivenConsent {
    question.consent.map_or_else(GivenConsent::default, |consent| GivenConsent {
        analytics: consent.analytics,
        personalization: consent.personalization,
    })
}

/// What of limited offers a request may get: a signed cookie, or a person that the site has proven, may get coupons; all
/// but the latter are bounded by their network.
fn offer_access(
    state: &AppState,
    (peer, headers): (SocketAddr, &HeaderMap),
    identity: Identity,
    is_proven: bool,
) -> OfferAccess {
    let address = || request_info::client_address(peer, headers, &state.server.trusted_proxies);
    OfferAccess { coupons: is_proven || identity.from == Origin::Cookie, bounded_address: (!is_proven).then(address) }
}

/// The channel of the contact; the web if none is given.
fn contact_channel(given: Option<&str>) -> Result<ContactChannel, ApiError> {
    let Some(name) = given.filter(|name| !name.is_empty()) else { return Ok(ContactChannel::Web) };
    ContactChannel::parse(name).ok_or_else(|| {
        ApiError::Invalid("`context.channel` must be web, app, email, sms, push, call_centre or shop".into())
    })
}

pub(super) fn path_of(url: &str) -> String {
    if url.len() > TEXT_MAX {
        return String::new();
    }
    url::Url::parse(url).map_or_else(|_| String::new(), |url| url.path().to_owned())
}

fn json(text: serde_json::Result<Vec<u8>>) -> Response {
    match text {
        Ok(text) => ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response(),
        Err(error) => ApiError::Internal(error.to_string()).into_response(),
    }
}

/// The variants as response bodies, by experiment.
fn variant_bodies<'s>(answer: &Answer<'s>) -> Vec<(&'s str, VariantBody<'s>)> {
    let body = |evaluated: &Evaluated<'s>| {
        let variant = evaluated.variant.ok()?;
        Some((&*evaluated.experiment.key, VariantBody { variant: &variant.key, value: &variant.value }))
    };
    answer.variants.iter().filter_map(body).collect()
}

/// Decisions as response bodies, by slot.
pub(super) fn bodies<'s>(
    site: &'s SiteSnapshot,
    answer: &'s Answer<'_>,
    language: &str,
    explain: bool,
) -> Vec<(&'s str, DecisionBody<'s>)> {
    let body = |(decision, exposure): (&'s Decision, &'s Option<String>)| {
        let body = DecisionBody {
            offer: decision.offer.as_deref(),
            variant: decision.variant.as_deref(),
            content: &decision.content,
            items: shown_items(site, decision, language),
            exposure: exposure.as_deref(),
            reason: decision.reason.as_str(),
            explanation: explain.then_some(&decision.explanation[..]),
            left_out: left_out(decision),
        };
        (&*decision.slot, body)
    };
    answer.decisions.iter().zip(&answer.exposures).map(body).collect()
}

/// The items of a decision as response bodies.
fn shown_items<'s>(site: &'s SiteSnapshot, decision: &'s Decision, language: &str) -> Vec<ShownItem<'s>> {
    let reasons = decision.slot_explanation.as_deref().map(|slot| &slot.items[..]).unwrap_or_default();
    let items = decision.items.iter().enumerate();
    items.filter_map(|(index, ranked)| shown_item(site, ranked, reasons.get(index), language)).collect()
}

/// `None` if the item was removed since it was ranked.
fn shown_item<'s>(
    site: &'s SiteSnapshot,
    ranked: &'s RankedItem,
    reason: Option<&'s ItemReason>,
    language: &str,
) -> Option<ShownItem<'s>> {
    let (item, cached) = site.items.cached_text(ranked.number, |item| item_fields(item, &item.title))?;
    Some(ShownItem {
        fields: item.other_title_in(language).map_or_else(|| cached.into(), |title| item_fields(item, title).into()),
        reason: ranked.why.as_str(),
        score: ranked.score,
        explanation: reason.map(|reason| {
            Box::new(ItemExplanationBody {
                model: ranked.why.as_str(),
                evidence: reason.evidence.to_string(),
                grounds: (&reason.evidence).into(),
                model_score: reason.model_score,
                score: ranked.score,
                rules: &reason.rules,
            })
        }),
    })
}

fn left_out(decision: &Decision) -> Option<Vec<ExcludedItemBody<'_>>> {
    let slot = decision.slot_explanation.as_deref()?;
    Some(slot.left_out.iter().map(|left| ExcludedItemBody { id: &left.id, because: &left.because }).collect())
}

/// The page's language: the given one, or the browser's first preference. Requests of servers have no browser.
fn language_of(given: Option<&str>, headers: &HeaderMap) -> String {
    let preferred = || {
        let first = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?.split([',', ';']).next()?;
        request_info::origin(headers).map(|_| first)
    };
    let tag = given.or_else(preferred).unwrap_or("").trim();
    let fits = tag.len() <= LANGUAGE_MAX && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { tag.to_owned() } else { String::new() }
}

/// The `Server-Timing` header.
fn timing(answer: &Answer<'_>) -> Result<HeaderValue, ApiError> {
    let ms = |time: std::time::Duration| (time.as_millis(), time.subsec_micros() % 1000);
    let ((profile, profile_us), (decide, decide_us)) = (ms(answer.profile), ms(answer.decide));
    let text = format!("profile;dur={profile}.{profile_us:03}, decide;dur={decide}.{decide_us:03}");
    HeaderValue::try_from(text).map_err(|e| ApiError::Internal(e.to_string()))
}
