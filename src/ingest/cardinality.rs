//! Caps on how many different values a site may bring into a column in a day, so that one site cannot make
//! the warehouse's dictionaries, and everybody's reports, grow without end.
//!
//! A value beyond the cap is stored as [`BUCKET`], and what was said in the event's marks under the
//! column's name: counted and kept, only no longer told apart in reports. Events of Segment's e-commerce
//! specification are never bucketed. The memory of a day is hashes, at most `cap` a column, and forgotten
//! with the day and with the process.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::{Arc, PoisonError, RwLock},
};

use ahash::RandomState;

use crate::{
    config,
    model::{Action, Event, SiteId, Timestamp},
};

/// What stands for all values beyond a cap.
pub const BUCKET: &str = "(other)";

const DAY_MS: i64 = 86_400_000;

/// A column whose values come from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Column {
    /// Name of an event, page or screen.
    Name,
    /// Host of the page.
    Host,
    /// Host of the page before.
    ReferrerHost,
    /// Source of traffic.
    Source,
    /// Medium of traffic.
    Medium,
    /// Campaign.
    Campaign,
    /// System.
    Os,
    /// Its version.
    OsVersion,
    /// Browser.
    Browser,
    /// Its version.
    BrowserVersion,
    /// Language tag.
    Language,
    /// Time zone.
    Timezone,
    /// Category.
    Category,
    /// Sending library.
    Library,
}

impl Column {
    /// Every capped column.
    pub const ALL: [Self; 14] = [
        Self::Name,
        Self::Host,
        Self::ReferrerHost,
        Self::Source,
        Self::Medium,
        Self::Campaign,
        Self::Os,
        Self::OsVersion,
        Self::Browser,
        Self::BrowserVersion,
        Self::Language,
        Self::Timezone,
        Self::Category,
        Self::Library,
    ];

    /// The column with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.as_str() == name)
    }

    /// The column's name, under which the marks keep what was said.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Host => "host",
            Self::ReferrerHost => "referrer_host",
            Self::Source => "source",
            Self::Medium => "medium",
            Self::Campaign => "campaign",
            Self::Os => "os",
            Self::OsVersion => "os_version",
            Self::Browser => "browser",
            Self::BrowserVersion => "browser_version",
            Self::Language => "language",
            Self::Timezone => "timezone",
            Self::Category => "category",
            Self::Library => "library",
        }
    }

    /// The word its bucketed values are counted under.
    #[must_use]
    pub const fn counted_as(self) -> &'static str {
        match self {
            Self::Name => "bucketed_name",
            Self::Host => "bucketed_host",
            Self::ReferrerHost => "bucketed_referrer_host",
            Self::Source => "bucketed_source",
            Self::Medium => "bucketed_medium",
            Self::Campaign => "bucketed_campaign",
            Self::Os => "bucketed_os",
            Self::OsVersion => "bucketed_os_version",
            Self::Browser => "bucketed_browser",
            Self::BrowserVersion => "bucketed_browser_version",
            Self::Language => "bucketed_language",
            Self::Timezone => "bucketed_timezone",
            Self::Category => "bucketed_category",
            Self::Library => "bucketed_library",
        }
    }

    fn of<'e, 'a>(self, event: &'e mut Event<'a>) -> &'e mut Cow<'a, str> {
        match self {
            Self::Name => &mut event.name,
            Self::Host => &mut event.page.host,
            Self::ReferrerHost => &mut event.page.referrer_host,
            Self::Source => &mut event.traffic.source,
            Self::Medium => &mut event.traffic.medium,
            Self::Campaign => &mut event.traffic.campaign,
            Self::Os => &mut event.device.os,
            Self::OsVersion => &mut event.device.os_version,
            Self::Browser => &mut event.device.browser,
            Self::BrowserVersion => &mut event.device.browser_version,
            Self::Language => &mut event.language,
            Self::Timezone => &mut event.timezone,
            Self::Category => &mut event.category,
            Self::Library => &mut event.library,
        }
    }
}

/// The caps of all sites.
#[derive(Debug)]
pub struct Caps {
    sites: RwLock<HashMap<SiteId, Arc<SiteCaps>>>,
    names_max: usize,
    values_max: usize,
}

impl Caps {
    /// With the owner's caps.
    #[must_use]
    pub fn new(limits: &config::Ingest) -> Self {
        Self {
            sites: RwLock::default(),
            names_max: limits.event_names_per_day_max,
            values_max: limits.column_values_per_day_max,
        }
    }

    /// Those of one site; sites are as many as the owner made.
    #[must_use]
    pub fn of(&self, site: SiteId) -> Arc<SiteCaps> {
        if let Some(known) = self.sites.read().unwrap_or_else(PoisonError::into_inner).get(&site) {
            return Arc::clone(known);
        }
        let mut sites = self.sites.write().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(SiteCaps::new(self.names_max, self.values_max));
        Arc::clone(sites.entry(site).or_insert_with(fresh))
    }
}

/// What one site brought today.
#[derive(Debug)]
pub struct SiteCaps {
    today: RwLock<Today>,
    hasher: RandomState,
    names_max: usize,
    values_max: usize,
}

#[derive(Debug, Default)]
struct Today {
    day: i64,
    seen: HashSet<u64, BuildHasherDefault<Hashed>>,
    counts: [usize; Column::ALL.len()],
}

impl SiteCaps {
    fn new(names_max: usize, values_max: usize) -> Self {
        Self { today: RwLock::default(), hasher: RandomState::new(), names_max, values_max }
    }

    /// Buckets what is beyond a cap. In the common case, when everything was seen before, this is one
    /// shared lock and a look-up a column.
    pub(super) fn put_buckets(&self, event: &mut Event<'_>, now: Timestamp) {
        let day = now.0.div_euclid(DAY_MS);
        let mut hashes = [0; Column::ALL.len()];
        for (hash, column) in hashes.iter_mut().zip(Column::ALL) {
            let exempt = column == Column::Name && event.action != Action::Other;
            let value = column.of(event);
            if !value.is_empty() && !exempt {
                // 0 stands for nothing to look up.
                *hash = self.hasher.hash_one((column as u8, &**value)) | 1;
            }
        }
        {
            let today = self.today.read().unwrap_or_else(PoisonError::into_inner);
            if today.day == day && hashes.iter().all(|hash| *hash == 0 || today.seen.contains(hash)) {
                return;
            }
        }
        let mut today = self.today.write().unwrap_or_else(PoisonError::into_inner);
        if today.day != day {
            *today = Today { day, ..Today::default() };
        }
        for (place, column) in Column::ALL.into_iter().enumerate() {
            let max = if column == Column::Name { self.names_max } else { self.values_max };
            if hashes[place] != 0 && !today.admits(place, hashes[place], max) {
                let said = std::mem::replace(column.of(event), Cow::Borrowed(BUCKET));
                event.traffic.marks.push((column.as_str(), said));
            }
        }
    }
}

impl Today {
    fn admits(&mut self, place: usize, hash: u64, max: usize) -> bool {
        if self.seen.contains(&hash) {
            return true;
        }
        let room = self.counts[place] < max;
        if room {
            self.counts[place] += 1;
            self.seen.insert(hash);
        }
        room
    }
}

/// What is hashed already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ingest, model::Kind};

    const NOW: Timestamp = Timestamp(1_763_798_400_000);

    fn event(name: &str, campaign: &str) -> Event<'static> {
        let (site, limits, readings) =
            (ingest::fixture::site(), config::Config::defaults().ingest, ingest::enrich::ReadingCache::default());
        let mut event = ingest::blank(&ingest::fixture::setting(&site, &limits, &readings), Kind::Track);
        event.name = Cow::Owned(name.to_owned());
        event.traffic.campaign = Cow::Owned(campaign.to_owned());
        event.action = Action::of_name(name);
        event
    }

    #[test]
    fn values_beyond_the_cap_are_bucketed_and_kept_as_said() {
        let caps = SiteCaps::new(2, 3);
        let check = |name: &str, campaign: &str, after_ms: i64, expected: [&str; 2]| {
            let mut event = event(name, campaign);
            caps.put_buckets(&mut event, NOW.plus(after_ms));
            assert_eq!([&*event.name, &*event.traffic.campaign], expected);
            let marks: Vec<_> = event.traffic.marks.iter().map(|(column, said)| (*column, &**said)).collect();
            let bucketed = [("name", name), ("campaign", campaign)].into_iter().zip(expected);
            let kept: Vec<_> = bucketed.filter(|(_, stored)| *stored == BUCKET).map(|(said, _)| said).collect();
            assert_eq!(marks, kept);
        };
        check("A", "a", 0, ["A", "a"]);
        check("B", "b", 0, ["B", "b"]);
        check("C", "c", 0, [BUCKET, "c"]);
        check("C", "d", 0, [BUCKET, BUCKET]);
        check("A", "a", 0, ["A", "a"]);
        check("Product Viewed", "", 0, ["Product Viewed", ""]);
        check("C", "d", DAY_MS, ["C", "d"]);
    }

    #[test]
    fn one_site_takes_nothing_from_another_and_memory_is_bounded() {
        let mut limits = config::Config::defaults().ingest;
        (limits.event_names_per_day_max, limits.column_values_per_day_max) = (10, 10);
        let caps = Caps::new(&limits);
        for n in 0..1000 {
            caps.of(SiteId(1)).put_buckets(&mut event(&format!("E{n}"), &format!("c{n}")), NOW);
        }
        assert_eq!(caps.of(SiteId(1)).today.read().unwrap().seen.len(), 20);
        let mut other = event("E999", "c999");
        caps.of(SiteId(2)).put_buckets(&mut other, NOW);
        assert_eq!([&*other.name, &*other.traffic.campaign], ["E999", "c999"]);
    }
}
