//! AppState for personalization: what to show to this visitor on this page.

use std::{fmt::Display, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{
    body,
    collect::KeyQuery,
    connection,
    error::ApiError,
    extract::Query,
    key::{self, Asker},
    rate,
    state::AppState,
    tracker,
    visitor::{self, Claims},
};
use crate::{
    catalog::{
        SiteSnapshot,
        snapshot::{Model, Recommend},
    },
    ingest::{Consent, consent, identify},
    model::{Decision, KnownBy, Ranked, Site, VisitorId, WhyShown},
    personalize::{Answer, Ask},
    wire::{
        collect::Consent as Said,
        decide::{DecideRequest, RecommendQuery},
        decided_items::{
            DecideAnswer, DecisionBody, ItemExplanation, LeftOutBody, RecommendAnswer, ShownItem, fields_of,
        },
    },
};

const TEXT_MAX: usize = 2000;
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
    rate::admit_decision(&state, peer, &parts.headers)?;
    let bytes = body::read(stream, &parts.headers, &state.server, &state.bodies).await?;
    let asked = parse(&bytes)?;
    bounded(&asked)?;
    let snapshot = state.catalog.snapshot();
    let key = query.key.as_deref().or(asked.key.as_deref());
    let known = asker_of(&state, &snapshot, &parts.headers, key)?;
    let (site, explain) = (known.site, known.is_server());
    rate::admit_decision_of(&state, &site.site)?;
    let said = asked
        .consent
        .map_or_else(Said::default, |c| Said { analytics: c.analytics, personalization: c.personalization });
    let consent = consent::settle(&site.site, said, visitor::refuses(&parts.headers));
    let link = asked.link.as_ref();
    let carried = link.and_then(|link| tracker::carried(&state, &site.site, &link.token, &link.referrer));
    let carried = carried.map(|visitor| visitor.to_string());
    let claims = Claims {
        proposal: carried.as_deref().or(asked.visitor.as_deref()).unwrap_or(""),
        reset: asked.reset,
        own_connection: connection::origin(&parts.headers).is_some(),
    };
    let identity = visitor::identify(&state, &parts.headers, peer, &site.site, &claims, consent);
    let personal = if consent.personalization { identity.visitor } else { VisitorId::NOBODY };
    let user = proved_user(&site.site, &asked, explain);
    let url_path = path_of(&asked.context.url);
    let language = language_of(asked.context.language.as_deref(), &parts.headers);
    let answer = state
        .personalizer
        .answer(&Ask {
            site,
            visitor: personal,
            user: &user,
            is_new: visitor::is_new(identity, asked.fresh && carried.is_none()),
            slots: &asked.slots,
            item: asked.context.item.as_deref().unwrap_or(""),
            cart: asked.context.cart.as_deref(),
            url_path: &url_path,
            language: &language,
            explain,
        })
        .await;
    let body = DecideAnswer {
        visitor: visitor::is_told(identity).then(|| identity.visitor.to_string()),
        decisions: bodies(site, &answer, &language, explain),
        degraded: answer.degraded,
        settings: tracker::settings(site, asked.settings.as_deref(), &parts.headers),
    };
    let mut response = json(body.to_json());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert("server-timing", timing(&answer)?);
    if let Some(cookie) = visitor::cookie_to_set(&state, &parts.headers, &site.site, identity, None, said)? {
        headers.append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Recommends items to a visitor, or beside an item.
#[utoipa::path(get, path = "/v1/recommend", tag = "personalization", params(RecommendQuery),
    responses((status = 200, body = Object)))]
pub async fn recommend(
    State(state): State<AppState>,
    Query(query): Query<RecommendQuery>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    rate::admit_decision(&state, peer, &headers)?;
    let snapshot = state.catalog.snapshot();
    let asker = asker_of(&state, &snapshot, &headers, query.key.as_deref())?;
    let (site, explain) = (asker.site, asker.is_server());
    rate::admit_decision_of(&state, &site.site)?;
    // A server that names a visitor has settled consent itself; a browser's signal is heard here.
    let refused = connection::origin(&headers).is_some()
        && !consent::settle(&site.site, Said::default(), visitor::refuses(&headers)).personalization;
    let named = query.visitor.as_deref().filter(|_| !refused).unwrap_or("");
    let visitor = match site.site.visitors.known_by {
        KnownBy::Cookie => named.parse().unwrap_or(VisitorId::NOBODY),
        KnownBy::DailyHash if refused => VisitorId::NOBODY,
        KnownBy::DailyHash => {
            let claims = Claims { proposal: "", reset: false, own_connection: connection::origin(&headers).is_some() };
            visitor::identify(&state, &headers, peer, &site.site, &claims, Consent::FULL).visitor
        }
    };
    let item = query.item.as_deref().unwrap_or("");
    if item.len() > TEXT_MAX {
        return Err(ApiError::Invalid("`item` is too long".into()));
    }
    let word = query.model.as_deref().unwrap_or("auto");
    let model =
        Model::parse(word).ok_or_else(|| ApiError::Invalid(format!("there is no model `{}`", clipped(word))))?;
    let slot = query.slot.unwrap_or_default();
    if slot.len() > TEXT_MAX {
        return Err(ApiError::Invalid("`slot` is too long".into()));
    }
    let slots = [slot];
    let language = language_of(query.language.as_deref(), &headers);
    let ask = Ask {
        site,
        visitor,
        user: "",
        is_new: false,
        slots: &slots,
        item,
        cart: None,
        url_path: "",
        language: &language,
        explain,
    };
    let k = query.k.unwrap_or(Recommend::K_DEFAULT);
    let answer = state.personalizer.recommend(&ask, Recommend { model, k }).await;
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

/// The beginning of a word that somebody sent.
fn clipped(word: &str) -> String {
    word.chars().take(40).collect()
}

fn parse(bytes: &[u8]) -> Result<DecideRequest, ApiError> {
    let unreadable = |why: &dyn Display| ApiError::Unreadable(format!("the body is not a decision request: {why}"));
    // serde would take an array as the fields in order; nobody means that.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(unreadable(&"it does not begin with `{`"));
    }
    serde_json::from_slice(bytes).map_err(|error| unreadable(&error))
}

fn bounded(asked: &DecideRequest) -> Result<(), ApiError> {
    let texts = asked.slots.iter().chain(asked.context.cart_or_empty()).all(|text| text.len() <= 200);
    let fits = asked.slots.len() <= 1000
        && asked.context.cart_or_empty().len() <= 1000
        && asked.context.item.as_deref().unwrap_or("").len() <= TEXT_MAX;
    if texts && fits { Ok(()) } else { Err(ApiError::Invalid("too many or too long slots or items".into())) }
}

/// The site of the key. A browser must be on one of the site's pages.
fn asker_of<'s>(
    state: &AppState,
    snapshot: &'s crate::catalog::Snapshot,
    headers: &HeaderMap,
    write_key: Option<&str>,
) -> Result<Asker<'s>, ApiError> {
    let asker = key::asker(state, snapshot, headers, write_key)?;
    match connection::origin(headers) {
        Some(origin) if asker.scope.is_none() && !connection::is_listed(origin, &asker.site.site) => {
            state.collector.refuse("foreign_origin");
            Err(ApiError::Forbidden("this page's origin is not one of the site's; add it in the dashboard"))
        }
        _ => Ok(asker),
    }
}

/// The person, by the site's own word: sent with its key, or signed with its secret. Empty when it is
/// neither, and on sites that take no ids.
fn proved_user(site: &Site, asked: &DecideRequest, with_server_key: bool) -> String {
    let said = asked.user_id.as_deref().unwrap_or("");
    let signature = asked.signature.as_deref().unwrap_or("");
    let proved = with_server_key || identify::user_is_verified(site, said, signature);
    let taken = proved && said.len() <= TEXT_MAX && site.visitors.known_by == KnownBy::Cookie;
    if taken { identify::kept_user_id(said) } else { String::new() }
}

fn path_of(url: &str) -> String {
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

/// Decisions as pages get them, by slot.
pub(super) fn bodies<'s>(
    site: &'s SiteSnapshot,
    answer: &'s Answer,
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

/// The items of a decision as pages get them.
fn shown_items<'s>(site: &'s SiteSnapshot, decision: &'s Decision, language: &str) -> Vec<ShownItem<'s>> {
    let whys = decision.shelf.as_deref().map(|shelf| &shelf.items[..]).unwrap_or_default();
    let items = decision.items.iter().enumerate();
    items.filter_map(|(place, ranked)| shown(site, ranked, whys.get(place), language)).collect()
}

fn shown<'s>(
    site: &'s SiteSnapshot,
    ranked: &'s Ranked,
    why: Option<&'s WhyShown>,
    language: &str,
) -> Option<ShownItem<'s>> {
    let (item, told) = site.items.told(ranked.number, |item| fields_of(item, &item.title))?;
    Some(ShownItem {
        told: item.other_title_in(language).map_or_else(|| told.into(), |title| fields_of(item, title).into()),
        reason: ranked.why.as_str(),
        score: ranked.score,
        explanation: why.map(|why| {
            Box::new(ItemExplanation {
                model: ranked.why.as_str(),
                evidence: why.evidence.to_string(),
                grounds: (&why.evidence).into(),
                model_score: why.model_score,
                score: ranked.score,
                rules: &why.rules,
            })
        }),
    })
}

fn left_out(decision: &Decision) -> Option<Vec<LeftOutBody<'_>>> {
    let shelf = decision.shelf.as_deref()?;
    Some(shelf.left_out.iter().map(|left| LeftOutBody { id: &left.id, because: &left.because }).collect())
}

/// The language of the page: as it says, or the one that its visitor's browser asks for first. A call by
/// somebody's server has no browser.
fn language_of(told: Option<&str>, headers: &HeaderMap) -> String {
    let asked = || {
        let first = headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?.split([',', ';']).next()?;
        connection::origin(headers).map(|_| first)
    };
    let tag = told.or_else(asked).unwrap_or("").trim();
    let fits = tag.len() <= LANGUAGE_MAX && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { tag.to_owned() } else { String::new() }
}

fn timing(answer: &Answer) -> Result<HeaderValue, ApiError> {
    let ms = |time: std::time::Duration| (time.as_millis(), time.subsec_micros() % 1000);
    let ((profile, profile_us), (decide, decide_us)) = (ms(answer.profile), ms(answer.decide));
    let text = format!("profile;dur={profile}.{profile_us:03}, decide;dur={decide}.{decide_us:03}");
    HeaderValue::try_from(text).map_err(|e| ApiError::Internal(e.to_string()))
}
