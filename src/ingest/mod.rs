//! Turns one received event into one verdict: keep (validated and enriched), drop or reject. No I/O.
//!
//! Time, randomness and the location of an address are inputs, in [`RequestContext`]. Steps named `reject_*` and
//! `drop_*` may end an event; `set_*` and `add_*` only add to it. The IP address is reduced to a location here and
//! goes no further.
//! Example: `{"type":"page"}` from a browser on `/cart?mail=a@b.c` becomes a page view of `/cart`.

mod address;
mod amount;
mod autocapture;
pub mod cardinality;
mod clock;
pub mod consent;
mod contact;
mod ecommerce;
pub mod enrich;
pub mod exposure;
#[cfg(test)]
pub(crate) mod fixture;
pub mod identify;
pub mod limits;
pub mod link;
mod own_traffic;
mod properties;
mod robot_step;
mod schema;
pub mod session;
#[cfg(test)]
mod tests;
mod text;
mod types;
pub mod user_agent;
mod validate;
mod verdict;
pub mod view_rate;
mod visitor_step;

use std::borrow::Cow;

pub use cardinality::{CardinalityLimits, SiteCardinality};
pub use enrich::ParseCache;
pub use exposure::TokenSigner;
pub use identify::{Identity, Origin};
use serde_json::value::RawValue;
pub use session::{Session, Sessions};
pub use types::{Consent, DailyVisitor, Progress, RequestContext, Sender};
pub use user_agent::ClientHints;
pub use verdict::{DropReason, RejectReason, Verdict};
pub use view_rate::ViewRate;

use crate::{
    model::{Action, Currency, Device, Event, GeoLocation, Kind, MessageHash, Page, Timestamp, Traffic, VisitorId},
    wire::collect::Batch,
};

/// Runs one event of a batch through all steps.
pub fn run<'a>(
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    progress: &mut Progress,
    raw: &'a RawValue,
) -> Verdict<'a> {
    run_steps(request, batch, progress, raw).unwrap_or_else(|verdict| verdict)
}

fn run_steps<'a>(
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    progress: &mut Progress,
    raw: &'a RawValue,
) -> Result<Verdict<'a>, Verdict<'a>> {
    let mut call = validate::reject_unreadable(request, raw)?;
    let capture = autocapture::set_event_name(&mut call);
    let call = &call;
    let kind = validate::reject_unknown_type(batch, call)?;
    let mut event = Box::new(blank(request, kind));
    let with_own_consent =
        consent::event_consent(request, batch, call).map(|consent| RequestContext { consent, ..*request });
    let request = with_own_consent.as_ref().unwrap_or(request);

    autocapture::drop_disabled(request, capture)?;
    validate::reject_invalid(&mut event, call)?;
    validate::set_message_hash(&mut event, request, call, progress);
    properties::reject_bad_properties(&mut event, request, batch, call)?;
    clock::reject_bad_time(&mut event, request, batch, call)?;
    own_traffic::drop_ignored_network(request, batch, call)?;
    consent::drop_without_consent(&event, request)?;
    let agent = robot_step::drop_robot(&mut event, request, batch, call)?;

    visitor_step::reject_unidentified(&mut event, request, batch, call)?;
    robot_step::drop_too_fast(&mut event, request)?;
    visitor_step::set_user(&mut event, request, call);
    properties::add_context(&mut event, request, batch, raw);
    contact::set_contact_channel(&mut event, request, batch, call);
    visitor_step::set_session(&mut event, request, batch, &mut progress.sessions);

    enrich::page_context::set_page_and_traffic(&mut event, request, batch, call);
    enrich::device::set_device(&mut event, &agent, batch, call);
    enrich::visitor::set_client_details(&mut event, batch, call);
    ecommerce::set_commerce_fields(&mut event, request, call);
    autocapture::add_capture_facts(&mut event, request, capture);
    schema::add_violations(&mut event, request);
    exposure::set_exposure(&mut event, request);
    enrich::visitor::set_location(&mut event, request, batch, call);
    request.cardinality.set_bucketed_values(&mut event, request.now);
    Ok(Verdict::Keep(event))
}

fn blank<'a>(request: &RequestContext<'_>, kind: Kind) -> Event<'a> {
    Event {
        site: request.site.id,
        message: MessageHash::default(),
        kind,
        name: Cow::Borrowed(""),
        action: Action::Other,
        occurred_at: request.now,
        received_at: request.now,
        visitor: VisitorId::ANONYMOUS,
        user_id: Cow::Borrowed(""),
        user_verified: false,
        session_start: Timestamp::default(),
        robot: "",
        page: Page::default(),
        traffic: Traffic::default(),
        device: Device::default(),
        place: GeoLocation::default(),
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
        by_server_key: request.server_key,
        user_id_only: false,
    }
}
