//! Popularity and recency of every item.

use super::{decay::Decay, persistent_vec::PersistentVec, sessions::Sessions, types::Number};

/// Popularity of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Popularity {
    /// Visits, without decay.
    pub(super) visits: f32,
    /// Visits with the long half-life.
    pub(super) slow: f32,
    /// Visits with the short half-life.
    pub(super) quick: f32,
    /// End of the first visit, seconds after the origin.
    pub(super) first: u32,
    /// End of the last visit.
    pub(super) last: u32,
}

/// All items, and the most popular ones. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct PopularityTable {
    items: PersistentVec<Popularity>,
    /// Most popular recently, best first.
    pub(super) trending: Vec<Number>,
    pub(super) slow_max: f32,
    pub(super) quick_max: f32,
}

/// Number of popular items kept.
pub(super) const TRENDING_MAX: usize = 200;

impl PopularityTable {
    pub(super) fn new(sessions: &Sessions, slow: &Decay, quick: &Decay) -> Self {
        let mut table = Self { slow_max: f32::MIN_POSITIVE, quick_max: f32::MIN_POSITIVE, ..Self::default() };
        let items = table.add(sessions, sessions.last_ended(), slow, quick);
        table.rank(items);
        table
    }

    /// A copy with more visits, whose times have the same origin; weights are relative to `now`.
    pub(super) fn grown(&self, sessions: &Sessions, now: u32, slow: &Decay, quick: &Decay) -> Self {
        let mut table = self.clone();
        let mut items = table.add(sessions, now, slow, quick);
        items.extend(&self.trending);
        items.sort_unstable();
        items.dedup();
        table.rank(items);
        table
    }

    /// Counts visits; returns their items.
    fn add(&mut self, sessions: &Sessions, now: u32, slow: &Decay, quick: &Decay) -> Vec<Number> {
        let mut last_visit = vec![u32::MAX; sessions.catalogue()];
        let mut items = Vec::new();
        for visit in 0..u32::try_from(sessions.len()).unwrap_or(u32::MAX) {
            let ended = sessions.ended(visit);
            let (slow, quick) = (slow.weight(now, ended), quick.weight(now, ended));
            for item in sessions.items(visit) {
                match std::mem::replace(&mut last_visit[*item as usize], visit) {
                    before if before == visit => continue,
                    u32::MAX => items.push(*item),
                    _ => {}
                }
                let known = self.items.get_mut(*item as usize);
                if known.visits == 0.0 {
                    known.first = ended;
                }
                known.last = known.last.max(ended);
                known.visits += 1.0;
                known.slow += slow;
                known.quick += quick;
                self.slow_max = self.slow_max.max(known.slow);
                self.quick_max = self.quick_max.max(known.quick);
            }
        }
        items
    }

    /// Sets `trending` to the most popular of these.
    fn rank(&mut self, mut items: Vec<Number>) {
        let quick = |item: &Number| self.items.get(*item as usize).quick;
        let by_score = |a: &Number, b: &Number| quick(b).total_cmp(&quick(a)).then_with(|| a.cmp(b));
        if items.len() > TRENDING_MAX {
            items.select_nth_unstable_by(TRENDING_MAX, by_score);
            items.truncate(TRENDING_MAX);
        }
        items.sort_unstable_by(by_score);
        self.trending = items;
    }

    #[inline]
    pub(super) fn get(&self, item: Number) -> Popularity {
        self.items.get(item as usize)
    }
}
