//! Days and hours of an offer.

use jiff::tz::TimeZone;

use crate::model::{Site, Timestamp};

/// Days and hours by the clocks of a time zone: a repeated hour counts twice, and a skipped one not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct CompiledSchedule {
    /// `None`: the site's.
    pub(super) zone: Option<TimeZone>,
    /// Bit 0 is Monday.
    pub(super) days: u8,
    /// Minutes since midnight, inclusive.
    pub(super) from: u16,
    /// Minutes since midnight, exclusive; below `from`: on the following day.
    pub(super) to: u16,
}

impl CompiledSchedule {
    /// The same with a site's time zone, if it has none of its own.
    pub(super) fn or_zone_of(self, site: &Site) -> Self {
        let zone = self.zone.unwrap_or_else(|| Site::zone(&site.timezone));
        Self { zone: Some(zone), ..self }
    }

    /// Whether it includes a time.
    #[must_use]
    pub fn includes(&self, now: Timestamp) -> bool {
        let Ok(instant) = jiff::Timestamp::from_millisecond(now.0) else { return false };
        let local = self.zone.as_ref().unwrap_or(&TimeZone::UTC).to_datetime(instant);
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        let today = local.weekday().to_monday_zero_offset().unsigned_abs();
        let on = |day: u8| self.days & (1 << day) != 0;
        if self.from < self.to {
            on(today) && (self.from..self.to).contains(&minute)
        } else {
            (on(today) && minute >= self.from) || (on((today + 6) % 7) && minute < self.to)
        }
    }
}
