//! PURE: one wire event in, one verdict out.
//!
//! The room knows no clock, no randomness and no IO: time, entropy and the place of an address come in
//! with the [`Setting`]. Steps named `reject_*` and `drop_*` may end an event, `put_*` only add to it.
//! The address is reduced to a place here and goes no further.
//! Example: `{"type":"page"}` from a browser on `/cart?mail=a@b.c` becomes a page view of `/cart`.

mod address;
mod amount;
pub mod cardinality;
mod clock;
pub mod consent;
mod crawlers;
mod currency_names;
pub mod enrich;
pub mod exposure;
#[cfg(test)]
mod fixture;
pub mod identify;
pub mod limits;
pub mod link;
mod notice;
mod properties;
mod robot_names;
pub mod robots;
mod rules;
pub mod session;
mod shop;
#[cfg(test)]
mod tests;
mod text;
mod validate;
mod verdict;
pub mod view_rate;
mod visitor_step;

use std::{borrow::Cow, net::IpAddr};

pub use cardinality::{Caps, SiteCaps};
pub use consent::Consent;
pub use enrich::client_hints::Hints;
pub use exposure::TokenSigner;
pub use identify::{Identity, Origin};
use serde_json::value::RawValue;
pub use session::{Session, Sessions};
pub use verdict::{DropReason, RejectReason, Verdict};
pub use view_rate::ViewRate;

use crate::{
    config,
    model::{Action, Currency, Device, Event, Kind, MessageHash, Page, Place, Site, Timestamp, Traffic, VisitorId},
    wire::collect::{self, Batch},
};

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// The visitor's browser: `/e`, `/px.gif`, and calls with a browser's `Origin`.
    Browser,
    /// A server or an app of the site's owner: only `context.userAgent` and `context.ip` tell of the visitor.
    Server,
    /// A line of a log or file: user agent and address are the line's.
    Import,
}

/// Tells who an address and a user agent stand for today.
pub type DailyVisitor<'s> = dyn Fn(IpAddr, &str) -> VisitorId + 's;

/// What is known besides the event itself; the same for all events of a request.
#[derive(Clone, Copy)]
pub struct Setting<'s> {
    /// The site and its rules.
    pub site: &'s Site,
    /// Who is at the other end.
    pub sender: Sender,
    /// User agent of the connection or the imported line; empty when absent.
    pub user_agent: &'s str,
    /// Client hints of the connection; those of the imported line are none.
    pub hints: Hints<'s>,
    /// Address of the visitor by the connection or the imported line.
    pub address: Option<IpAddr>,
    /// The visitor of the request, by [`identify::settle`]. One that is `Fresh` gives way to ids in the events.
    pub identity: Identity,
    /// Whether the request came with a key of scope `server`: its user ids are believed.
    pub server_key: bool,
    /// What the visitor agreed to, by [`consent::settle`].
    pub consent: Consent,
    /// Whether the browser signals a refusal; events that carry consent of their own are judged by it too.
    pub refusal_signal: bool,
    /// On sites that know visitors for a day only: who an address and a user agent stand for.
    pub daily: Option<&'s DailyVisitor<'s>>,
    /// The time of arrival.
    pub now: Timestamp,
    /// 128 random bits of this request, for messages without an id.
    pub entropy: u128,
    /// Whether the owner imports a file: it may hold old events.
    pub from_file: bool,
    /// The owner's limits.
    pub limits: &'s config::Ingest,
    /// What was read lately.
    pub readings: &'s enrich::ReadingCache,
    /// How many different values the site may bring into a column today.
    pub caps: &'s SiteCaps,
    /// Knows the service's own word about what it showed.
    pub seal: &'s exposure::TokenSigner,
    /// How fast visitors were lately.
    pub pace: &'s ViewRate,
    /// The session a visitor's live profile tells of.
    pub session_of: &'s dyn Fn(VisitorId) -> Option<Session>,
    /// Where an address lies.
    pub place: &'s dyn Fn(IpAddr) -> Place,
}

/// How far a request got: fresh at its first event, and handed from one event to the next. Afterwards it
/// tells where each visitor's session stands, for the cookie.
#[derive(Debug, Default)]
pub struct Progress {
    /// Sessions of the visitors met so far.
    pub sessions: Sessions,
    /// Messages without an id so far.
    unnamed: u64,
}

/// Takes one event of a batch through all steps.
pub fn run<'a>(setting: &Setting<'_>, batch: &Batch<'a>, progress: &mut Progress, raw: &'a RawValue) -> Verdict<'a> {
    take(setting, batch, progress, raw).unwrap_or_else(|ended| ended)
}

fn take<'a>(
    setting: &Setting<'_>,
    batch: &Batch<'a>,
    progress: &mut Progress,
    raw: &'a RawValue,
) -> Result<Verdict<'a>, Verdict<'a>> {
    let mut call = validate::reject_unreadable(setting, raw)?;
    let noticed = notice::put_name(&mut call);
    let call = &call;
    let kind = validate::reject_unknown_type(batch, call)?;
    let mut event = Box::new(blank(setting, kind));
    let own = consent::of_event(setting, batch, call).map(|consent| Setting { consent, ..*setting });
    let setting = own.as_ref().unwrap_or(setting);

    notice::drop_switched_off(setting, noticed)?;
    validate::reject_unfit(&mut event, call)?;
    validate::put_message(&mut event, setting, call, progress);
    properties::reject_bad_properties(&mut event, setting, batch, call)?;
    clock::reject_bad_time(&mut event, setting, batch, call)?;
    consent::drop_what_may_not_be_known(&event, setting)?;
    let agent = robots::drop_robot(&mut event, setting, batch, call)?;

    visitor_step::reject_nobody_in_particular(&mut event, setting, batch, call)?;
    robots::drop_impossible(&mut event, setting)?;
    visitor_step::put_user(&mut event, setting, call);
    properties::put_context(&mut event, setting, batch, raw);
    visitor_step::put_session(&mut event, setting, batch, &mut progress.sessions);

    enrich::page_context::put_way(&mut event, setting, batch, call);
    enrich::user_agent::put_device(&mut event, &agent, batch, call);
    enrich::visitor::put_tastes(&mut event, batch, call);
    shop::put_shop(&mut event, setting, call);
    notice::put_facts(&mut event, setting, noticed);
    rules::put_violations(&mut event, setting);
    exposure::put_exposure(&mut event, setting);
    enrich::visitor::put_place(&mut event, setting, batch, call);
    setting.caps.put_buckets(&mut event, setting.now);
    Ok(Verdict::Keep(event))
}

fn blank<'a>(setting: &Setting<'_>, kind: Kind) -> Event<'a> {
    Event {
        site: setting.site.id,
        message: MessageHash::default(),
        kind,
        name: Cow::Borrowed(""),
        action: Action::Other,
        occurred_at: setting.now,
        received_at: setting.now,
        visitor: VisitorId::NOBODY,
        user_id: Cow::Borrowed(""),
        user_verified: false,
        session_start: Timestamp::default(),
        robot: "",
        page: Page::default(),
        traffic: Traffic::default(),
        device: Device::default(),
        place: Place::default(),
        language: Cow::Borrowed(""),
        timezone: Cow::Borrowed(""),
        screen_width: 0,
        screen_height: 0,
        items: Vec::new(),
        category: Cow::Borrowed(""),
        amount_minor: 0,
        currency: Currency::NONE,
        order_id: Cow::Borrowed(""),
        properties: Cow::Borrowed("{}"),
        library: Cow::Borrowed(""),
        violations: Vec::new(),
        exposure: Cow::Borrowed(""),
    }
}

/// A text of the event's own context, or the batch's.
fn own_or_shared<'t, 'a>(
    call: &'t collect::Event<'a>,
    batch: &'t Batch<'a>,
    pick: impl Fn(&'t collect::Context<'a>) -> &'t collect::Text<'a>,
) -> &'t Cow<'a, str> {
    &pick(&call.context).or(pick(&batch.context)).0
}
