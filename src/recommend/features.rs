//! What the blend sees of a candidate: numbers of a similar size on every site.
//!
//! First what the models say is laid out column after column, then shares and logarithms are taken of whole
//! columns at once.

#![expect(clippy::inline_always, reason = "what is handed to `wide` must be inlined there")]

use super::{
    Learned, Number,
    candidates::Candidate,
    mlp::LANES,
    popularity::Popularity,
    simd::{ln, wide},
};

/// Numbers a candidate; [`VERSION`] changes with their meaning.
pub(super) const FEATURES: usize = 40;
/// A blend taught on the features of one version is of no use on those of another.
pub(super) const VERSION: u32 = 1;

/// Where columns lie. Shares come first, each before its logarithm, as do followers, cosine and the item before.
const VOTERS: usize = 12;
const FOLLOWERS: usize = 13;
const THEN: usize = 15;
const TOGETHER: usize = 17;
const SUPPORT: usize = 19;
const PREVIOUS: usize = 20;
const SLOW: usize = 22;
const QUICK: usize = 23;
const VISITS: usize = 25;
const SINCE: usize = 26;
const AGE: usize = 27;
const SEEN: usize = 28;
const LAG_1: usize = 29;
const LAG_2: usize = 30;
const LAG_4: usize = 31;
const LAG_MORE: usize = 32;
const TIMES: usize = 33;
const LAG: usize = 34;
/// What is the same of all candidates, to the end.
const CONTEXT: usize = 35;

/// A second, in days.
const DAY: f32 = 1.0 / 86_400.0;

/// What shares are told of, each beside its logarithm: of the highest there is.
const SHARES: [fn(&Candidate) -> f32; 6] =
    [|c| c.near, |c| c.next, |c| c.plain, |c| c.recent, |c| c.after_all, |c| c.farther];

/// Writes the features of all candidates, column after column; returns the length of a column.
pub(super) fn write(learned: &Learned, clicks: &[Number], now: u32, found: &[Candidate], into: &mut Vec<f32>) -> usize {
    let stride = found.len().next_multiple_of(LANES);
    into.resize(FEATURES * stride, 0.0);
    if stride == 0 {
        return 0;
    }
    for column in into.chunks_exact_mut(stride) {
        column[found.len()..].fill(0.0);
    }
    let highest = |part: fn(&Candidate) -> f32| found.iter().map(part).fold(1e-9_f32, f32::max);
    let tops = SHARES.map(highest);
    lay_out(learned, now, found, into, stride);
    let (slow_max, quick_max) = (learned.popular.slow_max, learned.popular.quick_max);
    wide(
        #[inline(always)]
        || reckon(into, stride, &tops, [slow_max, quick_max]),
    );
    let context = context(learned, clicks, tops[0], highest(|c| c.voters));
    for (column, value) in into[CONTEXT * stride..].chunks_exact_mut(stride).zip(context) {
        column.fill(value);
    }
    stride
}

/// Writes what is known of each candidate where its feature is made of it.
fn lay_out(learned: &Learned, now: u32, found: &[Candidate], into: &mut [f32], stride: usize) {
    fn put<T>(column: &mut [f32], all: &[T], part: impl Fn(&T) -> f32) {
        for (value, one) in column.iter_mut().zip(all) {
            *value = part(one);
        }
    }
    let is = |truth: bool| f32::from(u8::from(truth));
    let known: Vec<Popularity> = found.iter().map(|c| learned.popular.of(c.item)).collect();
    let age = |end: u32| now.saturating_sub(end) as f32;
    for (n, column) in into.chunks_exact_mut(stride).take(CONTEXT).enumerate() {
        match n {
            0..VOTERS if n % 2 == 0 => put(column, found, SHARES[n / 2]),
            VOTERS => put(column, found, |c| c.voters),
            FOLLOWERS => put(column, found, |c| c.after),
            THEN => put(column, found, |c| c.then),
            TOGETHER => put(column, found, |c| c.together),
            SUPPORT => put(column, found, |c| c.support),
            PREVIOUS => put(column, found, |c| c.after_previous),
            SLOW => put(column, &known, |p| p.slow),
            QUICK => put(column, &known, |p| p.quick),
            VISITS => put(column, &known, |p| p.visits),
            SINCE => put(column, &known, |p| age(p.last)),
            AGE => put(column, &known, |p| age(p.first)),
            SEEN => put(column, found, |c| is(c.lag > 0)),
            LAG_1 => put(column, found, |c| is(c.lag == 1)),
            LAG_2 => put(column, found, |c| is(c.lag == 2)),
            LAG_4 => put(column, found, |c| is(c.lag == 3 || c.lag == 4)),
            LAG_MORE => put(column, found, |c| is(c.lag > 4)),
            TIMES => put(column, found, |c| f32::from(c.seen)),
            LAG => put(column, found, |c| f32::from(c.lag)),
            // Logarithms of what lies before them.
            _ => {}
        }
    }
}

/// Takes shares and logarithms of what was laid out.
#[inline(always)]
fn reckon(columns: &mut [f32], stride: usize, tops: &[f32; 6], [slow_max, quick_max]: [f32; 2]) {
    // A share of the highest and its logarithm, which tells small shares apart.
    for (pair, top) in columns.chunks_exact_mut(2 * stride).zip(tops) {
        let (share, logarithm) = pair.split_at_mut(stride);
        divide(share, *top);
        ln_beside(share, logarithm, 1e-3);
    }
    for (from, least) in [(FOLLOWERS, 1e-3), (THEN, 1e-3), (TOGETHER, 1e-2), (PREVIOUS, 1e-3)] {
        let (value, logarithm) = columns[from * stride..(from + 2) * stride].split_at_mut(stride);
        ln_beside(value, logarithm, least);
    }
    let (slow, rest) = columns[SLOW * stride..VISITS * stride].split_at_mut(stride);
    let (quick, trend) = rest.split_at_mut(stride);
    divide(slow, slow_max);
    divide(quick, quick_max);
    for ((trend, quick), slow) in trend.iter_mut().zip(&*quick).zip(&*slow) {
        *trend = (quick + 1e-3) / (slow + 1e-3);
    }
    ln(trend);
    let counts = [VOTERS, SUPPORT, VISITS, TIMES, LAG].map(|column| (column, 1.0, 1.0));
    let others = [(SLOW, 1.0, 1e-4), (QUICK, 1.0, 1e-4), (SINCE, DAY, 0.02), (AGE, DAY, 0.5)];
    for (column, scale, least) in counts.into_iter().chain(others) {
        let column = &mut columns[column * stride..][..stride];
        for value in &mut *column {
            *value = *value * scale + least;
        }
        ln(column);
    }
}

#[inline(always)]
fn divide(column: &mut [f32], top: f32) {
    for value in column {
        *value /= top;
    }
}

#[inline(always)]
fn ln_beside(values: &[f32], logarithms: &mut [f32], least: f32) {
    for (logarithm, value) in logarithms.iter_mut().zip(values) {
        *logarithm = value + least;
    }
    ln(logarithms);
}

/// What is the same of all candidates.
fn context(learned: &Learned, clicks: &[Number], near_max: f32, voters_max: f32) -> [f32; FEATURES - CONTEXT] {
    let tail = &clicks[clicks.len().saturating_sub(24)..];
    let again = tail.iter().enumerate().filter(|(n, item)| tail[..*n].contains(item)).count();
    [
        (clicks.len() as f32).ln(),
        again as f32 / tail.len().max(1) as f32,
        clicks.last().map_or(0.0, |item| learned.popular.of(*item).visits.ln_1p()),
        near_max.max(1e-6).ln(),
        voters_max.ln_1p(),
    ]
}
