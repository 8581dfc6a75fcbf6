//! Sets client details (language, time zone, screen size, library) and the location.

use std::borrow::Cow;

use crate::{
    ingest::{
        limits, own_traffic, text,
        types::{RequestContext, own_or_shared},
    },
    model::{Event, GeoLocation},
    wire::collect::{self, Batch},
};

pub(crate) fn set_client_details<'a>(event: &mut Event<'a>, batch: &Batch<'a>, call: &collect::Event<'a>) {
    event.language = language(own_or_shared(call, batch, |context| &context.locale));
    let timezone = text::clean(own_or_shared(call, batch, |context| &context.timezone), limits::TIMEZONE);
    let plausible = timezone.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
    event.timezone = if plausible { zone_of_offset(&timezone).unwrap_or(timezone) } else { Cow::Borrowed("") };
    event.screen_width = pixels(own_or_shared(call, batch, |context| &context.screen.width));
    event.screen_height = pixels(own_or_shared(call, batch, |context| &context.screen.height));
    event.library = library(call, batch);
}

/// Sets the location; without consent only the country. The most expensive step, so it runs last.
pub(crate) fn set_location<'a>(
    event: &mut Event<'a>,
    request: &RequestContext<'_>,
    batch: &Batch<'a>,
    call: &collect::Event<'a>,
) {
    let Some(address) = own_traffic::visitor_address(request, batch, call) else { return };
    let location = (request.locate)(address);
    event.place = if request.consent.analytics {
        location
    } else {
        GeoLocation { country: location.country, ..GeoLocation::default() }
    };
}

/// A language tag with dashes; empty if it is not one.
fn language<'a>(locale: &Cow<'a, str>) -> Cow<'a, str> {
    // Locales may have an encoding or a calendar: `en_US.UTF-8`, `fa_IR@calendar=persian`.
    let tag = match locale.split(['.', '@']).next() {
        Some(tag) if tag.len() < locale.len() => Cow::Owned(tag.trim().to_owned()),
        _ => text::clean(locale, usize::MAX),
    };
    let tag = text::clean(&tag, limits::LANGUAGE);
    if !tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
        return Cow::Borrowed("");
    }
    if tag.contains('_') { Cow::Owned(tag.replace('_', "-")) } else { tag }
}

/// The IANA zone of an offset that some clients send instead of one, such as `GMT+0100`; empty if none has that offset.
fn zone_of_offset(text: &str) -> Option<Cow<'static, str>> {
    let offset = text.strip_prefix("GMT").or_else(|| text.strip_prefix("UTC"))?;
    let (east, digits) = match offset.as_bytes().first()? {
        b'+' => (true, &offset[1..]),
        b'-' => (false, &offset[1..]),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let (hours, minutes) = if digits.len() > 2 { digits.split_at(digits.len() - 2) } else { (&*digits, "0") };
    let hours: u8 = hours.parse().ok()?;
    let is_whole = minutes.bytes().all(|digit| digit == b'0');
    Some(match (hours, east) {
        (0, _) if is_whole => Cow::Borrowed("UTC"),
        // The signs of these zones are those of POSIX: east is minus.
        (1..=14, true) if is_whole => Cow::Owned(["Etc/GMT-", &hours.to_string()].concat()),
        (1..=12, false) if is_whole => Cow::Owned(["Etc/GMT+", &hours.to_string()].concat()),
        _ => Cow::Borrowed(""),
    })
}

fn pixels(number: &str) -> u16 {
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    whole.trim().parse().unwrap_or(0)
}

const OWN_TRACKER: Cow<'static, str> = Cow::Borrowed("ashna.js");

fn library<'a>(call: &collect::Event<'a>, batch: &Batch<'a>) -> Cow<'a, str> {
    let name = own_or_shared(call, batch, |context| &context.library.name);
    let version = own_or_shared(call, batch, |context| &context.library.version);
    // Ashna's tracker sends only its version.
    let name = if name.is_empty() && batch.settings.is_some() { &OWN_TRACKER } else { name };
    if name.is_empty() || version.is_empty() {
        return text::clean(name, limits::LIBRARY);
    }
    let mut both = String::with_capacity(name.len().min(64) + 1 + version.len().min(64));
    both.push_str(text::cut(name, limits::LIBRARY));
    both.push('/');
    both.push_str(text::cut(version, limits::LIBRARY));
    text::clean(&Cow::Owned(both), limits::LIBRARY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_become_zones() {
        let zone = |text| zone_of_offset(text).as_deref().map(str::to_owned);
        assert_eq!(zone("GMT+0100").unwrap(), "Etc/GMT-1");
        assert_eq!(zone("GMT-05:00").unwrap(), "Etc/GMT+5");
        assert_eq!(zone("UTC+3").unwrap(), "Etc/GMT-3");
        assert_eq!(zone("GMT+00:00").unwrap(), "UTC");
        assert_eq!(zone("GMT+0330").unwrap(), "", "more than one zone has it");
        assert_eq!(["GMT", "Europe/Berlin", "GMT0", "Etc/GMT+1"].map(zone), [None, None, None, None]);
    }

    #[test]
    fn languages_are_tags_or_nothing() {
        let check = |locale: &'static str, expected| assert_eq!(language(&Cow::Borrowed(locale)), expected);
        check("en-GB", "en-GB");
        check("fa_IR", "fa-IR");
        check("en_US.UTF-8", "en-US");
        check("fa_IR@calendar=persian", "fa-IR");
        check(" de ", "de");
        check("<script>", "");
        check("", "");
    }

    #[test]
    fn screens_are_whole_pixels() {
        let check = |number, expected| assert_eq!(pixels(number), expected);
        check("1440", 1440);
        check("1440.5", 1440);
        check("70000", 0);
        check("-1", 0);
        check("wide", 0);
    }
}
