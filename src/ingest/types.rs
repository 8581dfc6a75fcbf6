//! Types that all steps share.

use std::{borrow::Cow, net::IpAddr};

use super::{
    cardinality::SiteCardinality,
    enrich::ParseCache,
    exposure::token::TokenSigner,
    identify::Identity,
    session::{Session, Sessions},
    user_agent::ClientHints,
    view_rate::ViewRate,
};
use crate::{
    config,
    model::{GeoLocation, Site, Timestamp, VisitorId},
    wire::collect::{self, Batch},
};

/// Who sent the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The visitor's browser: `/e`, `/px.gif`, and calls with a browser's `Origin`.
    Browser,
    /// A server or app of the site's owner: only `context.userAgent` and `context.ip` describe the visitor.
    Server,
    /// A line of a log or file: user agent and address are the line's.
    Import,
}

/// What a visitor agreed to, after the site's rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Events may be linked under a visitor id; without it no cookie is read or set.
    pub analytics: bool,
    /// The visitor may get personalized content.
    pub personalization: bool,
}

impl Consent {
    /// Everything is agreed to.
    pub const FULL: Self = Self { analytics: true, personalization: true };
    /// Nothing is agreed to.
    pub const NONE: Self = Self { analytics: false, personalization: false };
}

/// Returns today's visitor id of an address and a user agent.
pub type DailyVisitor<'s> = dyn Fn(IpAddr, &str) -> VisitorId + 's;

/// What is known besides the event itself; the same for all events of a request.
#[derive(Clone, Copy)]
pub struct RequestContext<'s> {
    /// The site and its rules.
    pub site: &'s Site,
    /// Who sent the request.
    pub sender: Sender,
    /// User agent of the connection or the imported line; empty if absent.
    pub user_agent: &'s str,
    /// Client hints of the connection; an imported line has none.
    pub hints: ClientHints<'s>,
    /// The visitor's address, from the connection or the imported line.
    pub address: Option<IpAddr>,
    /// The request's visitor, from [`super::identify::resolve`]. Ids in the events override one that is `Fresh`.
    pub identity: Identity,
    /// Whether the request came with a key of scope `server`: its user ids count as verified.
    pub server_key: bool,
    /// What the visitor agreed to, from [`super::consent::resolve`].
    pub consent: Consent,
    /// Whether the browser signals a refusal; applied also to events that carry their own consent.
    pub refusal_signal: bool,
    /// Set on cookieless sites: the visitor id of an address and a user agent, valid for a day.
    pub daily: Option<&'s DailyVisitor<'s>>,
    /// Time of arrival.
    pub now: Timestamp,
    /// 128 random bits of this request, for messages without an id.
    pub entropy: u128,
    /// Whether the owner imports a file: it may hold old events.
    pub from_file: bool,
    /// The configured limits.
    pub limits: &'s config::Ingest,
    /// Recently parsed user agents and pages.
    pub parse_cache: &'s ParseCache,
    /// How many distinct values the site may add to a column today.
    pub cardinality: &'s SiteCardinality,
    /// Verifies the tokens of shown decisions.
    pub token_signer: &'s TokenSigner,
    /// Recent page views per visitor.
    pub view_rate: &'s ViewRate,
    /// The session in a visitor's live profile.
    pub session_of: &'s dyn Fn(VisitorId) -> Option<Session>,
    /// The location of an address.
    pub locate: &'s dyn Fn(IpAddr) -> GeoLocation,
}

/// State of a request, passed from event to event; new at its first. Afterwards it has each visitor's current
/// session, for the cookie.
#[derive(Debug, Default)]
pub struct Progress {
    /// Sessions of the visitors seen so far.
    pub sessions: Sessions,
    /// Messages without an id so far.
    pub(super) without_id: u64,
}

/// A text of the event's context, or the batch's if the event has none.
pub(super) fn own_or_shared<'t, 'a>(
    call: &'t collect::Event<'a>,
    batch: &'t Batch<'a>,
    pick: impl Fn(&'t collect::Context<'a>) -> &'t collect::Text<'a>,
) -> &'t Cow<'a, str> {
    &pick(&call.context).or(pick(&batch.context)).0
}
