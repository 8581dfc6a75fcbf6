//! Features of a candidate for the blend: numbers of a similar scale on every site.
//!
//! First the signals of the models are written column by column, then shares and logarithms are computed for whole
//! columns at once.

#![expect(clippy::inline_always, reason = "the closure given to `vectorized` must be inlined there")]

use super::{
    learned::Learned,
    mlp::{FEATURES, LANES},
    popularity::Popularity,
    simd::{ln, vectorized},
    types::{Candidate, Number},
};

// Column numbers. Shares come first, each followed by its logarithm, as are followers, cosine and the previous item.
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
/// Features that all candidates share, to the end.
const CONTEXT: usize = 35;

/// A second, in days.
const DAY: f32 = 1.0 / 86_400.0;

/// Signals that become shares of their maximum, each followed by its logarithm.
const SHARES: [fn(&Candidate) -> f32; 6] =
    [|c| c.near, |c| c.next, |c| c.plain, |c| c.recent, |c| c.after_all, |c| c.two_hop];

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
    write_signals(learned, now, found, into, stride);
    let (slow_max, quick_max) = (learned.popularity.slow_max, learned.popularity.quick_max);
    vectorized(
        #[inline(always)]
        || transform(into, stride, &tops, [slow_max, quick_max]),
    );
    let context = context(learned, clicks, tops[0], highest(|c| c.voters));
    for (column, value) in into[CONTEXT * stride..].chunks_exact_mut(stride).zip(context) {
        column.fill(value);
    }
    stride
}

/// Writes the raw signals of each candidate into their columns.
fn write_signals(learned: &Learned, now: u32, found: &[Candidate], into: &mut [f32], stride: usize) {
    fn fill<T>(column: &mut [f32], all: &[T], signal: impl Fn(&T) -> f32) {
        for (value, entry) in column.iter_mut().zip(all) {
            *value = signal(entry);
        }
    }
    let flag = |truth: bool| f32::from(u8::from(truth));
    let known: Vec<Popularity> = found.iter().map(|c| learned.popularity.get(c.item)).collect();
    let age = |end: u32| now.saturating_sub(end) as f32;
    for (n, column) in into.chunks_exact_mut(stride).take(CONTEXT).enumerate() {
        match n {
            0..VOTERS if n % 2 == 0 => fill(column, found, SHARES[n / 2]),
            VOTERS => fill(column, found, |c| c.voters),
            FOLLOWERS => fill(column, found, |c| c.after),
            THEN => fill(column, found, |c| c.then),
            TOGETHER => fill(column, found, |c| c.together),
            SUPPORT => fill(column, found, |c| c.support),
            PREVIOUS => fill(column, found, |c| c.after_previous),
            SLOW => fill(column, &known, |p| p.slow),
            QUICK => fill(column, &known, |p| p.quick),
            VISITS => fill(column, &known, |p| p.visits),
            SINCE => fill(column, &known, |p| age(p.last)),
            AGE => fill(column, &known, |p| age(p.first)),
            SEEN => fill(column, found, |c| flag(c.lag > 0)),
            LAG_1 => fill(column, found, |c| flag(c.lag == 1)),
            LAG_2 => fill(column, found, |c| flag(c.lag == 2)),
            LAG_4 => fill(column, found, |c| flag(c.lag == 3 || c.lag == 4)),
            LAG_MORE => fill(column, found, |c| flag(c.lag > 4)),
            TIMES => fill(column, found, |c| f32::from(c.seen)),
            LAG => fill(column, found, |c| f32::from(c.lag)),
            // Logarithms of the preceding columns.
            _ => {}
        }
    }
}

/// Computes shares and logarithms in place.
#[inline(always)]
fn transform(columns: &mut [f32], stride: usize, tops: &[f32; 6], [slow_max, quick_max]: [f32; 2]) {
    // A share of the maximum and its logarithm, which separates small shares.
    for (pair, top) in columns.chunks_exact_mut(2 * stride).zip(tops) {
        let (share, logarithm) = pair.split_at_mut(stride);
        divide(share, *top);
        ln_into(share, logarithm, 1e-3);
    }
    for (from, least) in [(FOLLOWERS, 1e-3), (THEN, 1e-3), (TOGETHER, 1e-2), (PREVIOUS, 1e-3)] {
        let (value, logarithm) = columns[from * stride..(from + 2) * stride].split_at_mut(stride);
        ln_into(value, logarithm, least);
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
fn ln_into(values: &[f32], logarithms: &mut [f32], least: f32) {
    for (logarithm, value) in logarithms.iter_mut().zip(values) {
        *logarithm = value + least;
    }
    ln(logarithms);
}

/// Features that all candidates share.
fn context(learned: &Learned, clicks: &[Number], near_max: f32, voters_max: f32) -> [f32; FEATURES - CONTEXT] {
    let tail = &clicks[clicks.len().saturating_sub(24)..];
    let again = tail.iter().enumerate().filter(|(n, item)| tail[..*n].contains(item)).count();
    [
        (clicks.len() as f32).ln(),
        again as f32 / tail.len().max(1) as f32,
        clicks.last().map_or(0.0, |item| learned.popularity.get(*item).visits.ln_1p()),
        near_max.max(1e-6).ln(),
        voters_max.ln_1p(),
    ]
}
