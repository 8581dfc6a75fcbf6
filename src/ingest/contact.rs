//! Sets the contact channel that an event states, as the property `contact_channel`.

use std::borrow::Cow;

use super::{
    properties::with_raw_member,
    types::{RequestContext, own_or_shared},
};
use crate::{
    model::{ContactChannel, Event},
    wire::collect::{self, Batch},
};

/// Adds the channel of `context.channel`; one that is unknown is a violation. Adds nothing without consent.
pub(super) fn set_contact_channel(
    event: &mut Event<'_>,
    request: &RequestContext<'_>,
    batch: &Batch<'_>,
    call: &collect::Event<'_>,
) {
    let stated = own_or_shared(call, batch, |context| &context.channel);
    if stated.is_empty() || !request.consent.analytics {
        return;
    }
    let Some(channel) = ContactChannel::parse(stated) else {
        event.violations.push(Cow::Borrowed("context.channel: unknown"));
        return;
    };
    if !event.properties.contains("\"contact_channel\"") {
        let value = format!("\"{}\"", channel.as_str());
        event.properties = Cow::Owned(with_raw_member(&event.properties, "contact_channel", &value));
    }
}
