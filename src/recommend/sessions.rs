//! The visits a site has seen, flat: what every model of this room is learned from.

use super::Number;

/// Something done with an item in a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Click {
    /// Which visit; any number that is its own.
    pub session: u64,
    /// Which item.
    pub item: Number,
    /// When, in milliseconds of any one clock.
    pub at_ms: i64,
}

/// Visits in the order of their ends, each with its items in the order of the clicks.
///
/// A visit's number is its place in that order, so that a higher number is a more recent visit.
#[derive(Debug, Clone)]
pub struct Sessions {
    items: Vec<Number>,
    /// Visit `n` lies from `offsets[n]` to `offsets[n + 1]`.
    offsets: Vec<u32>,
    /// When each ended, seconds after `origin_s`.
    ended: Vec<u32>,
    /// Whose each is; any number that tells visitors apart.
    visitors: Vec<u32>,
    origin_s: i64,
    catalogue: usize,
}

/// Clicks of one visit that are kept, the last ones: more is a robot or a price comparison.
pub const SESSION_CLICKS_MAX: usize = 200;

impl Default for Sessions {
    fn default() -> Self {
        Self::empty(0)
    }
}

impl Sessions {
    /// Sorts clicks into visits, each of a visitor of its own. Clicks of one moment keep their order.
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

    /// No visits; times are kept relative to `origin_s`, seconds, the end of the first.
    #[must_use]
    pub fn empty(origin_s: i64) -> Self {
        let (items, ended, visitors) = (Vec::new(), Vec::new(), Vec::new());
        Self { items, offsets: vec![0], ended, visitors, origin_s, catalogue: 0 }
    }

    /// Adds a visit that ended no sooner than those before it. Nothing happens where it has no items.
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

    /// A moment as [`Sessions::ended`] tells it; what lies before the first visit is told as zero.
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

    /// One more than the highest item number.
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

    /// Whose a visit is.
    #[must_use]
    pub fn visitor(&self, session: u32) -> u32 {
        self.visitors[session as usize]
    }

    /// The moment that times are told from, seconds since 1970.
    #[must_use]
    pub fn origin_s(&self) -> i64 {
        self.origin_s
    }

    /// When a visit ended, seconds after the origin.
    #[must_use]
    pub fn ended(&self, session: u32) -> u32 {
        self.ended[session as usize]
    }

    /// When the last one ended, seconds after the origin.
    #[must_use]
    pub fn last_ended(&self) -> u32 {
        self.ended.last().copied().unwrap_or(0)
    }

    /// The visits from `start` up to `end`, which is not among them, numbered from zero; times, and the numbers of
    /// items, are told as before.
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

/// Visits in any order, while they are gathered: sixteen bytes each beside their items.
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
    /// Adds a visit; of a long one the last clicks. Nothing happens where it has no items.
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

    /// The visits in the order of their ends.
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
