//! Drops or marks events of robots.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::{
    types::{RequestContext, Sender, own_or_shared},
    user_agent::{Agent, ClientHints, Robot},
    verdict::{DropReason, Verdict},
};
use crate::{
    model::{Event, RobotsPolicy},
    wire::collect::{self, Batch},
};

/// Drops or marks robots by the visitor's user agent: on calls from servers, only the one that they report.
pub(super) fn drop_robot<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) -> Result<Arc<Agent>, Verdict<'a>> {
    let user_agent: &str = match request.sender {
        Sender::Browser | Sender::Import => request.user_agent,
        Sender::Server => own_or_shared(call, batch, |context| &context.user_agent),
    };
    let agent = request.parse_cache.agent(user_agent, &hints(request, batch, call));
    // An app's server may report any name; a browser that connects directly has a browser's form.
    let by_form = (agent.unlike_browser && request.sender != Sender::Server).then_some(Robot::Library);
    let automated = call.context.webdriver || batch.context.webdriver;
    // A server that forwards the user agent of an app's request describes a person's device.
    let of_app = agent.app && request.sender == Sender::Server;
    if let Some(robot) = automated.then_some(Robot::Headless).or(agent.robot.filter(|_| !of_app)).or(by_form) {
        drop_or_mark(event, request, robot)?;
    }
    Ok(agent)
}

/// Drops or marks visitors who recently viewed more pages within seconds than a person can.
pub(super) fn drop_too_fast<'a>(event: &mut Event<'a>, request: &RequestContext<'_>) -> Result<(), Verdict<'a>> {
    // A server may report many pages at once, as when it empties a queue.
    let applies = request.sender != Sender::Server && event.visitor.is_identified() && event.robot.is_empty();
    if applies && request.view_rate.is_too_fast(request.site.id, event.visitor, event.occurred_at) {
        drop_or_mark(event, request, Robot::Impossible)?;
    }
    Ok(())
}

fn drop_or_mark<'a>(event: &mut Event<'a>, request: &RequestContext<'_>, robot: Robot) -> Result<(), Verdict<'a>> {
    if request.site.robots == RobotsPolicy::Drop {
        return Err(Verdict::Drop(DropReason::Robot(robot)));
    }
    event.robot = robot.as_str();
    Ok(())
}

/// The hints of the visitor's browser: those that the page read, else those of the connection.
fn hints<'h>(request: &RequestContext<'h>, batch: &'h Batch<'_>, call: &'h collect::Event<'_>) -> ClientHints<'h> {
    let of_connection = if request.sender == Sender::Browser { request.hints } else { ClientHints::default() };
    let own = &call.context.user_agent_data;
    let of_page = if own.is_empty() { &batch.context.user_agent_data } else { own };
    if of_page.is_empty() {
        return of_connection;
    }
    ClientHints {
        brands: of_page.brands.map_or(of_connection.brands, RawValue::get),
        mobile: of_page.mobile.as_str(),
        platform: of_page.platform.as_str(),
        platform_version: of_page.platform_version.as_str(),
        // If the page could read them, a proxy removed the headers.
        withheld: of_connection.withheld && of_page.brands.is_none(),
    }
}
