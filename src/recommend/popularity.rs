//! How often and how lately every item was looked at.

use super::{Number, Sessions, fading::Fading};

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

/// All items, and the most popular ones.
#[derive(Debug, Default)]
pub(super) struct Popular {
    of: Vec<Popularity>,
    /// Most popular lately, best first.
    pub(super) trending: Vec<Number>,
    pub(super) slow_max: f32,
    pub(super) quick_max: f32,
}

/// Popular items kept.
pub(super) const TRENDING_MAX: usize = 200;

impl Popular {
    pub(super) fn new(sessions: &Sessions, slow: &Fading, quick: &Fading) -> Self {
        let mut of = vec![Popularity::default(); sessions.catalogue()];
        let mut met_in = vec![u32::MAX; sessions.catalogue()];
        let now = sessions.last_ended();
        for visit in 0..u32::try_from(sessions.len()).unwrap_or(u32::MAX) {
            let ended = sessions.ended(visit);
            let (slow, quick) = (slow.of(now - ended), quick.of(now - ended));
            for item in sessions.items(visit) {
                if std::mem::replace(&mut met_in[*item as usize], visit) == visit {
                    continue;
                }
                let known = &mut of[*item as usize];
                if known.visits == 0.0 {
                    known.first = ended;
                }
                known.last = ended;
                known.visits += 1.0;
                known.slow += slow;
                known.quick += quick;
            }
        }
        let mut trending: Vec<Number> = (0..).take(of.len()).filter(|n| of[*n as usize].visits > 0.0).collect();
        let by_score =
            |a: &Number, b: &Number| of[*b as usize].quick.total_cmp(&of[*a as usize].quick).then_with(|| a.cmp(b));
        if trending.len() > TRENDING_MAX {
            trending.select_nth_unstable_by(TRENDING_MAX, by_score);
            trending.truncate(TRENDING_MAX);
        }
        trending.sort_unstable_by(by_score);
        let highest = |part: fn(&Popularity) -> f32| of.iter().map(part).fold(f32::MIN_POSITIVE, f32::max);
        let (slow_max, quick_max) = (highest(|p| p.slow), highest(|p| p.quick));
        Self { of, trending, slow_max, quick_max }
    }

    pub(super) fn of(&self, item: Number) -> Popularity {
        self.of.get(item as usize).copied().unwrap_or_default()
    }
}
