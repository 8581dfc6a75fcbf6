//! Limits on how many distinct values a site may add to a column per day, so that one site cannot grow the warehouse's
//! dictionaries, and everyone's reports, without bound.
//!
//! A value beyond the limit is stored as [`BUCKET`], and the original in the event's campaign parameters under the
//! column's name: it is counted and kept, but not distinguished in reports. Events of Segment's e-commerce specification
//! are never bucketed. Memory per day: hashes, at most the limit per column; they are dropped with the day and with
//! the process.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use ahash::RandomState;
use parking_lot::RwLock;
use strum::VariantArray;

use crate::{
    config,
    model::{Action, Event, SiteId, Timestamp},
};

/// Stands for all values beyond a limit.
pub const BUCKET: &str = "(other)";

const DAY_MS: i64 = 86_400_000;
const COLUMNS: usize = Column::VARIANTS.len();

/// A limited column: its values come from clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumString, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "snake_case")]
#[repr(u8)]
pub enum Column {
    /// Name of an event, page or screen.
    Name,
    /// Host of the page.
    Host,
    /// Host of the previous page.
    ReferrerHost,
    /// Source of traffic.
    Source,
    /// Medium of traffic.
    Medium,
    /// Campaign.
    Campaign,
    /// Operating system.
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
    /// The column with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// The column's name, under which the campaign parameters keep the original value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The name under which metrics count its bucketed values.
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

    fn value_in<'e, 'a>(self, event: &'e mut Event<'a>) -> &'e mut Cow<'a, str> {
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

/// The limits of all sites.
#[derive(Debug)]
pub struct CardinalityLimits {
    sites: RwLock<HashMap<SiteId, Arc<SiteCardinality>>>,
    names_max: usize,
    values_max: usize,
}

impl CardinalityLimits {
    /// With the configured limits.
    #[must_use]
    pub fn new(limits: &config::Ingest) -> Self {
        Self {
            sites: RwLock::default(),
            names_max: limits.event_names_per_day_max,
            values_max: limits.column_values_per_day_max,
        }
    }

    /// Returns the limits of one site. The number of sites is bounded by what the owner created.
    #[must_use]
    pub fn for_site(&self, site: SiteId) -> Arc<SiteCardinality> {
        if let Some(known) = self.sites.read().get(&site) {
            return Arc::clone(known);
        }
        let mut sites = self.sites.write();
        let fresh = || Arc::new(SiteCardinality::new(self.names_max, self.values_max));
        Arc::clone(sites.entry(site).or_insert_with(fresh))
    }
}

/// Values of one site today.
#[derive(Debug)]
pub struct SiteCardinality {
    today: RwLock<Today>,
    hasher: RandomState,
    names_max: usize,
    values_max: usize,
}

#[derive(Debug, Default)]
struct Today {
    day: i64,
    seen: HashSet<u64, BuildHasherDefault<IdentityHasher>>,
    counts: [usize; COLUMNS],
}

impl SiteCardinality {
    fn new(names_max: usize, values_max: usize) -> Self {
        Self { today: RwLock::default(), hasher: RandomState::new(), names_max, values_max }
    }

    /// Buckets values beyond a limit. Usually all values are known: then this costs one shared lock and one lookup per
    /// column.
    pub(super) fn set_bucketed_values(&self, event: &mut Event<'_>, now: Timestamp) {
        let day = now.0.div_euclid(DAY_MS);
        let mut hashes = [0; COLUMNS];
        for (hash, &column) in hashes.iter_mut().zip(Column::VARIANTS) {
            let exempt = column == Column::Name && event.action != Action::Other;
            let value = column.value_in(event);
            if !value.is_empty() && !exempt {
                // 0: nothing to look up.
                *hash = self.hasher.hash_one((column as u8, &**value)) | 1;
            }
        }
        {
            let today = self.today.read();
            if today.day == day && hashes.iter().all(|hash| *hash == 0 || today.seen.contains(hash)) {
                return;
            }
        }
        let mut today = self.today.write();
        if today.day != day {
            *today = Today { day, ..Today::default() };
        }
        for (index, &column) in Column::VARIANTS.iter().enumerate() {
            let max = if column == Column::Name { self.names_max } else { self.values_max };
            if hashes[index] != 0 && !today.admits(index, hashes[index], max) {
                let original = std::mem::replace(column.value_in(event), Cow::Borrowed(BUCKET));
                event.traffic.campaign_params.push((column.as_str(), original));
            }
        }
    }
}

impl Today {
    fn admits(&mut self, column: usize, hash: u64, max: usize) -> bool {
        if self.seen.contains(&hash) {
            return true;
        }
        let admitted = self.counts[column] < max;
        if admitted {
            self.counts[column] += 1;
            self.seen.insert(hash);
        }
        admitted
    }
}

/// Passes through keys that are hashes already.
#[derive(Debug, Default)]
struct IdentityHasher(u64);

impl Hasher for IdentityHasher {
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
        let (site, limits, cache) =
            (ingest::fixture::site(), config::Config::defaults().ingest, ingest::ParseCache::default());
        let mut event = ingest::blank(&ingest::fixture::request(&site, &limits, &cache), Kind::Track);
        event.name = Cow::Owned(name.to_owned());
        event.traffic.campaign = Cow::Owned(campaign.to_owned());
        event.action = Action::from_event_name(name);
        event
    }

    #[test]
    fn values_beyond_the_limit_are_bucketed_and_the_original_is_kept() {
        let site = SiteCardinality::new(2, 3);
        let check = |name: &str, campaign: &str, after_ms: i64, expected: [&str; 2]| {
            let mut event = event(name, campaign);
            site.set_bucketed_values(&mut event, NOW.plus(after_ms));
            assert_eq!([&*event.name, &*event.traffic.campaign], expected);
            let originals: Vec<_> =
                event.traffic.campaign_params.iter().map(|(column, value)| (*column, &**value)).collect();
            let bucketed = [("name", name), ("campaign", campaign)].into_iter().zip(expected);
            let kept: Vec<_> = bucketed.filter(|(_, stored)| *stored == BUCKET).map(|(original, _)| original).collect();
            assert_eq!(originals, kept);
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
    fn sites_have_separate_limits_and_memory_is_bounded() {
        let mut limits = config::Config::defaults().ingest;
        (limits.event_names_per_day_max, limits.column_values_per_day_max) = (10, 10);
        let limits = CardinalityLimits::new(&limits);
        for n in 0..1000 {
            limits.for_site(SiteId(1)).set_bucketed_values(&mut event(&format!("E{n}"), &format!("c{n}")), NOW);
        }
        assert_eq!(limits.for_site(SiteId(1)).today.read().seen.len(), 20);
        let mut other = event("E999", "c999");
        limits.for_site(SiteId(2)).set_bucketed_values(&mut other, NOW);
        assert_eq!([&*other.name, &*other.traffic.campaign], ["E999", "c999"]);
    }
}
