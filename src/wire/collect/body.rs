//! Parses the outer structure of a body: in a single pass, or object by object if the single pass fails.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    Batch, ClientTime, Consent, Context, SessionHint, Text, Unreadable,
    text::{Lenient, ParseMode, ParseWith, SinglePass, lenient},
};
use crate::{model::Kind, wire::tracker::Link};

/// The outer structure of a body; a batch has `events` or `batch`, a single call has neither.
#[derive(Deserialize)]
#[serde(default, rename_all = "camelCase", bound(deserialize = "R: ParseMode"))]
pub(super) struct Body<'a, R> {
    #[serde(borrow)]
    key: Text<'a>,
    #[serde(borrow)]
    write_key: Text<'a>,
    #[serde(borrow)]
    visitor: Text<'a>,
    #[serde(deserialize_with = "lenient")]
    fresh: bool,
    #[serde(deserialize_with = "lenient")]
    reset: bool,
    #[serde(borrow)]
    settings: Option<Text<'a>>,
    #[serde(borrow)]
    link: ParseWith<R, Link<'a>>,
    #[serde(deserialize_with = "lenient")]
    linking: bool,
    sent_at: ClientTime,
    session: ParseWith<R, SessionHint>,
    consent: ParseWith<R, Consent>,
    #[serde(borrow)]
    context: ParseWith<R, Context<'a>>,
    #[serde(borrow)]
    events: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    batch: Option<Vec<&'a RawValue>>,
}

impl<R> Default for Body<'_, R> {
    fn default() -> Self {
        Self {
            key: Text::default(),
            write_key: Text::default(),
            visitor: Text::default(),
            fresh: false,
            reset: false,
            settings: None,
            link: ParseWith::default(),
            linking: false,
            sent_at: ClientTime::Absent,
            session: ParseWith::default(),
            consent: ParseWith::default(),
            context: ParseWith::default(),
            events: None,
            batch: None,
        }
    }
}

/// Parses a batch: the tracker's (`events`) or Segment's (`batch`).
///
/// # Errors
/// If the body is not UTF-8 or not a JSON object with a list of events.
pub fn parse(body: &[u8]) -> Result<Batch<'_>, Unreadable> {
    let text = object(body)?;
    match serde_json::from_str::<Body<'_, SinglePass>>(text) {
        Ok(body) => batch(body),
        Err(_) => batch(read::<Body<'_, Lenient>>(text)?),
    }
}

/// Converts a parsed body into a batch.
pub(super) fn batch<R>(mut body: Body<'_, R>) -> Result<Batch<'_>, Unreadable> {
    let mut events = match (body.events.take(), body.batch.take()) {
        (None, None) => return Err(Unreadable::NotJson("both `events` and `batch` are missing".into())),
        (Some(events), None) | (None, Some(events)) => events,
        (Some(mut events), Some(batch)) => {
            events.extend(batch);
            events
        }
    };
    events.shrink_to_fit();
    Ok(Batch { context: std::mem::take(&mut body.context.0), events, ..shared(body) })
}

/// Parses the body of a single call; `call` is given by the route.
///
/// # Errors
/// If the body is not UTF-8 or not a JSON object.
pub fn parse_call(body: &[u8], call: Kind) -> Result<Batch<'_>, Unreadable> {
    let whole: &RawValue = read(object(body)?)?;
    let header: Body<'_, Lenient> = read(whole.get())?;
    Ok(Batch { call: Some(call), events: vec![whole], ..shared(header) })
}

fn shared<R>(body: Body<'_, R>) -> Batch<'_> {
    Batch {
        key: if body.key.is_empty() { body.write_key } else { body.key },
        visitor: body.visitor,
        fresh: body.fresh,
        reset: body.reset,
        settings: body.settings,
        link: body.link.0,
        linking: body.linking,
        sent_at: body.sent_at,
        session: body.session.0,
        consent: body.consent.0,
        ..Batch::default()
    }
}

fn object(body: &[u8]) -> Result<&str, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // serde would accept an array as the fields in order.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(Unreadable::NotJson("it does not start with `{`".into()));
    }
    Ok(text)
}

fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unreadable> {
    serde_json::from_str(text).map_err(|e| Unreadable::NotJson(e.to_string()))
}
