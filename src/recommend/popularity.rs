//! How often and how lately every item was looked at.

use super::{Number, Sessions, decay::Fading, persistent_vec::Chunks};

/// What is known of one item alone.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Popularity {
    /// Visits, not faded.
    pub(super) visits: f32,
    /// Visits, fading slowly.
    pub(super) slow: f32,
    /// Visits, fading quickly.
    pub(super) quick: f32,
    /// End of the first visit, seconds after the origin.
    pub(super) first: u32,
    /// End of the last visit.
    pub(super) last: u32,
}

/// All items, and the most popular ones. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Popular {
    of: Chunks<Popularity>,
    /// Most popular lately, best first.
    pub(super) trending: Vec<Number>,
    pub(super) slow_max: f32,
    pub(super) quick_max: f32,
}

/// Popular items kept.
pub(super) const TRENDING_MAX: usize = 200;

impl Popular {
    pub(super) fn new(sessions: &Sessions, slow: &Fading, quick: &Fading) -> Self {
        let mut popular = Self { slow_max: f32::MIN_POSITIVE, quick_max: f32::MIN_POSITIVE, ..Self::default() };
        let items = popular.add(sessions, sessions.last_ended(), slow, quick);
        popular.rank(items);
        popular
    }

    /// The same with further visits, whose times are told from the same origin; weights are those of `now`.
    pub(super) fn grown(&self, sessions: &Sessions, now: u32, slow: &Fading, quick: &Fading) -> Self {
        let mut popular = self.clone();
        let mut items = popular.add(sessions, now, slow, quick);
        items.extend(&self.trending);
        items.sort_unstable();
        items.dedup();
        popular.rank(items);
        popular
    }

    /// Counts visits; returns the items that were in them.
    fn add(&mut self, sessions: &Sessions, now: u32, slow: &Fading, quick: &Fading) -> Vec<Number> {
        let mut met_in = vec![u32::MAX; sessions.catalogue()];
        let mut items = Vec::new();
        for visit in 0..u32::try_from(sessions.len()).unwrap_or(u32::MAX) {
            let ended = sessions.ended(visit);
            let (slow, quick) = (slow.weight(now, ended), quick.weight(now, ended));
            for item in sessions.items(visit) {
                match std::mem::replace(&mut met_in[*item as usize], visit) {
                    before if before == visit => continue,
                    u32::MAX => items.push(*item),
                    _ => {}
                }
                let known = self.of.at(*item as usize);
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

    /// Finds the most popular of these.
    fn rank(&mut self, mut items: Vec<Number>) {
        let quick = |item: &Number| self.of.get(*item as usize).quick;
        let by_score = |a: &Number, b: &Number| quick(b).total_cmp(&quick(a)).then_with(|| a.cmp(b));
        if items.len() > TRENDING_MAX {
            items.select_nth_unstable_by(TRENDING_MAX, by_score);
            items.truncate(TRENDING_MAX);
        }
        items.sort_unstable_by(by_score);
        self.trending = items;
    }

    #[inline]
    pub(super) fn of(&self, item: Number) -> Popularity {
        self.of.get(item as usize)
    }
}
