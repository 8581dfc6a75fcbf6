//! The visits of a site in flat arrays: the training data of every model of this module.

use super::types::Number;

/// An event on an item in a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Click {
    /// The visit; any unique number.
    pub session: u64,
    /// The item.
    pub item: Number,
    /// Time, in milliseconds of any one clock.
    pub at_ms: i64,
}

/// Visits ordered by their ends, each with its items in click order.
///
/// A visit's number is its index in that order: a higher number is a more recent visit.
#[derive(Debug, Clone)]
pub struct Sessions {
    items: Vec<Number>,
    /// Items of visit `n`: `offsets[n]..offsets[n + 1]`.
    offsets: Vec<u32>,
    /// End of each, seconds after `origin_s`.
    ended: Vec<u32>,
    /// Visitor of each; any unique number.
    visitors: Vec<u32>,
    origin_s: i64,
    catalogue: usize,
}

/// Clicks kept of one visit, the last ones: more come from a robot or a price comparison.
pub const SESSION_CLICKS_MAX: usize = 200;

impl Default for Sessions {
    fn default() -> Self {
        Self::empty(0)
    }
}

impl Sessions {
    /// Groups clicks into visits, each of a different visitor. Clicks of equal time keep their order.
    #[must_use]
    pub fn new(mut clicks: Vec<Click>) -> Self {
        clicks.sort_by_key(|click| (click.session, click.at_ms));
        let mut visits: Vec<(i64, &[Click])> =
            clicks.chunk_by(|a, b| a.session == b.session).map(|v| (v[v.len() - 1].at_ms, v)).collect();
        visits.sort_by_key(|(ended, _)| *ended);
        let mut sessions = Self::empty(visits.first().map_or(0, |(ended, _)| ended.div_euclid(1000)));
        for (visitor, (ended, clicks)) in (0..).zip(visits) {
            sessions.push(clicks.iter().map(|click| click.item), ended, visitor);
        }
        sessions
    }

    /// No visits. Times are relative to `origin_s`, seconds since 1970, the end of the first visit.
    #[must_use]
    pub fn empty(origin_s: i64) -> Self {
        let (items, ended, visitors) = (Vec::new(), Vec::new(), Vec::new());
        Self { items, offsets: vec![0], ended, visitors, origin_s, catalogue: 0 }
    }

    /// Adds a visit that did not end before those already added. Ignored if it has no items.
    pub fn push(&mut self, items: impl Iterator<Item = Number>, ended_ms: i64, visitor: u32) {
        let start = self.items.len();
        self.items.extend(items);
        let surplus = (self.items.len() - start).saturating_sub(SESSION_CLICKS_MAX);
        self.items.drain(start..start + surplus);
        if self.items.len() == start {
            return;
        }
        for item in &self.items[start..] {
            self.catalogue = self.catalogue.max(*item as usize + 1);
        }
        self.offsets.push(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
        self.ended.push(self.since_origin(ended_ms));
        self.visitors.push(visitor);
    }

    /// Converts a time to the unit of [`Sessions::ended`]; zero if before the first visit.
    #[must_use]
    pub fn since_origin(&self, at_ms: i64) -> u32 {
        let seconds = at_ms.div_euclid(1000).saturating_sub(self.origin_s);
        u32::try_from(seconds.max(0)).unwrap_or(u32::MAX)
    }

    /// Number of visits.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ended.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ended.is_empty()
    }

    /// Number of clicks.
    #[must_use]
    pub fn clicks(&self) -> usize {
        self.items.len()
    }

    /// Highest item number plus one.
    #[must_use]
    pub fn catalogue(&self) -> usize {
        self.catalogue
    }

    /// The items of a visit.
    #[must_use]
    pub fn items(&self, session: u32) -> &[Number] {
        let session = session as usize;
        &self.items[self.offsets[session] as usize..self.offsets[session + 1] as usize]
    }

    /// The visitor of a visit.
    #[must_use]
    pub fn visitor(&self, session: u32) -> u32 {
        self.visitors[session as usize]
    }

    /// Origin of times, seconds since 1970.
    #[must_use]
    pub fn origin_s(&self) -> i64 {
        self.origin_s
    }

    /// End of a visit, seconds after the origin.
    #[must_use]
    pub fn ended(&self, session: u32) -> u32 {
        self.ended[session as usize]
    }

    /// End of the last visit, seconds after the origin.
    #[must_use]
    pub fn last_ended(&self) -> u32 {
        self.ended.last().copied().unwrap_or(0)
    }

    /// The visits `start..end`, numbered from zero; the origin of times and the item numbers stay.
    #[must_use]
    pub fn between(&self, start: usize, end: usize) -> Self {
        let end = end.min(self.len());
        let start = start.min(end);
        let first = self.offsets[start];
        Self {
            items: self.items[first as usize..self.offsets[end] as usize].to_vec(),
            offsets: self.offsets[start..=end].iter().map(|offset| offset - first).collect(),
            ended: self.ended[start..end].to_vec(),
            visitors: self.visitors[start..end].to_vec(),
            origin_s: self.origin_s,
            catalogue: self.catalogue,
        }
    }
}

/// Collects visits in any order: sixteen bytes each plus their items.
#[derive(Debug, Default)]
pub struct Gathered {
    items: Vec<Number>,
    visits: Vec<Visit>,
}

#[derive(Debug, Clone, Copy)]
struct Visit {
    ended_s: u32,
    from: u32,
    visitor: u32,
    length: u16,
}

impl Gathered {
    /// Adds a visit; of a long one the last clicks. Ignored if it has no items.
    pub fn push(&mut self, items: &[Number], ended_ms: i64, visitor: u32) {
        let items = &items[items.len().saturating_sub(SESSION_CLICKS_MAX)..];
        let (Ok(from), Ok(length)) = (u32::try_from(self.items.len()), u16::try_from(items.len())) else { return };
        if length > 0 {
            self.items.extend_from_slice(items);
            let end_s = u32::try_from(ended_ms.div_euclid(1000).max(0)).unwrap_or(u32::MAX);
            self.visits.push(Visit { ended_s: end_s, from, visitor, length });
        }
    }

    /// Clicks so far.
    #[must_use]
    pub fn clicks(&self) -> usize {
        self.items.len()
    }

    /// The visits, ordered by their ends.
    #[must_use]
    pub fn sessions(mut self) -> Sessions {
        self.visits.sort_unstable_by_key(|visit| (visit.ended_s, visit.from));
        let mut sessions = Sessions::empty(self.visits.first().map_or(0, |visit| i64::from(visit.ended_s)));
        sessions.items.reserve_exact(self.items.len());
        for part in [&mut sessions.offsets, &mut sessions.ended, &mut sessions.visitors] {
            part.reserve_exact(self.visits.len());
        }
        for visit in &self.visits {
            let items = &self.items[visit.from as usize..][..usize::from(visit.length)];
            sessions.push(items.iter().copied(), i64::from(visit.ended_s) * 1000, visit.visitor);
        }
        sessions
    }
}
