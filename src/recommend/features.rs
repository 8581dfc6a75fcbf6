//! What the blend sees of a candidate: numbers of a similar size on every site.

use super::{Learned, Number, candidates::Candidate, net::LANES};

/// Numbers a candidate; [`VERSION`] changes with their meaning.
pub(super) const FEATURES: usize = 40;
/// A blend taught on the features of one version is of no use on those of another.
pub(super) const VERSION: u32 = 1;

/// Writes the features of all candidates, column after column; returns the length of a column.
pub(super) fn write(learned: &Learned, clicks: &[Number], now: u32, found: &[Candidate], into: &mut Vec<f32>) -> usize {
    let highest = |part: fn(&Candidate) -> f32| found.iter().map(part).fold(1e-9_f32, f32::max);
    let tops = [
        highest(|c| c.near),
        highest(|c| c.next),
        highest(|c| c.plain),
        highest(|c| c.recent),
        highest(|c| c.after_all),
        highest(|c| c.voters),
        highest(|c| c.farther),
    ];
    let context = Context::of(learned, clicks, tops);
    let stride = found.len().next_multiple_of(LANES);
    into.clear();
    into.resize(FEATURES * stride, 0.0);
    for (place, candidate) in found.iter().enumerate() {
        let features = of(learned, candidate, now, &context);
        for (feature, column) in features.iter().zip(into.chunks_exact_mut(stride)) {
            column[place] = *feature;
        }
    }
    stride
}

struct Context {
    tops: [f32; 7],
    length: f32,
    returns: f32,
    current_visits: f32,
    evidence: f32,
    voters: f32,
}

impl Context {
    fn of(learned: &Learned, clicks: &[Number], tops: [f32; 7]) -> Self {
        let tail = &clicks[clicks.len().saturating_sub(24)..];
        let again = tail.iter().enumerate().filter(|(n, item)| tail[..*n].contains(item)).count();
        Self {
            tops,
            length: (clicks.len() as f32).ln(),
            returns: again as f32 / tail.len().max(1) as f32,
            current_visits: clicks.last().map_or(0.0, |item| learned.popular.of(*item).visits.ln_1p()),
            evidence: tops[0].max(1e-6).ln(),
            voters: tops[5].ln_1p(),
        }
    }
}

/// A share of the highest and its logarithm, which tells small shares apart.
fn share(value: f32, top: f32) -> (f32, f32) {
    let share = value / top;
    (share, (share + 1e-3).ln())
}

fn of(learned: &Learned, c: &Candidate, now: u32, context: &Context) -> [f32; FEATURES] {
    let popularity = learned.popular.of(c.item);
    let (near, near_ln) = share(c.near, context.tops[0]);
    let (next, next_ln) = share(c.next, context.tops[1]);
    let (plain, plain_ln) = share(c.plain, context.tops[2]);
    let (recent, recent_ln) = share(c.recent, context.tops[3]);
    let (all, all_ln) = share(c.after_all, context.tops[4]);
    let (farther, farther_ln) = share(c.farther, context.tops[6]);
    let (slow, quick) = (popularity.slow / learned.popular.slow_max, popularity.quick / learned.popular.quick_max);
    let day = 1.0 / 86_400.0;
    let since = (now.saturating_sub(popularity.last) as f32 * day + 0.02).ln();
    let age = (now.saturating_sub(popularity.first) as f32 * day + 0.5).ln();
    let is = |truth: bool| f32::from(u8::from(truth));
    let seen = is(c.lag > 0);
    [
        near,
        near_ln,
        next,
        next_ln,
        plain,
        plain_ln,
        recent,
        recent_ln,
        all,
        all_ln,
        farther,
        farther_ln,
        c.voters.ln_1p(),
        c.after,
        (c.after + 1e-3).ln(),
        c.then,
        (c.then + 1e-3).ln(),
        c.together,
        (c.together + 1e-2).ln(),
        c.support.ln_1p(),
        c.after_previous,
        (c.after_previous + 1e-3).ln(),
        (slow + 1e-4).ln(),
        (quick + 1e-4).ln(),
        ((quick + 1e-3) / (slow + 1e-3)).ln(),
        popularity.visits.ln_1p(),
        since,
        age,
        seen,
        is(c.lag == 1),
        is(c.lag == 2),
        is(c.lag == 3 || c.lag == 4),
        is(c.lag > 4),
        f32::from(c.seen).ln_1p(),
        seen * f32::from(c.lag).ln_1p(),
        context.length,
        context.returns,
        context.current_visits,
        context.evidence,
        context.voters,
    ]
}
