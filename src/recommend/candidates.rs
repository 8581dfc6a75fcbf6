//! Everything that might come next, with what each model says of it.
//!
//! Session neighbours after Kersbergen, Sprangers and Schelter, "Serenade: low-latency session-based
//! recommendation in e-commerce at scale", 2022 (VMIS-kNN: only the newest visits of each recent item are
//! looked at, rare items count more), with the refinements of Garg et al., "Sequence and time aware
//! neighborhood for session-based recommendations", 2019 (STAN: recency of the neighbour, position in
//! the visitor's own visit, distance from the shared item) and of Ludewig et al., "Empirical analysis of
//! session-based recommendation algorithms", 2021 (VSTAN). Instead of one product of all these decays
//! the votes are kept apart, and the blend learns what each is worth.

use super::{Learned, Number, dense_ids::DenseIds, rank_key::RankKey};

/// What the models say of one item.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Candidate {
    pub(super) item: Number,
    /// Votes of neighbours: by distance from the shared item, for the very next item, plain, and of
    /// the latest neighbours alone.
    pub(super) near: f32,
    pub(super) next: f32,
    pub(super) plain: f32,
    pub(super) recent: f32,
    /// Neighbours that have it.
    pub(super) voters: f32,
    /// Shares of the current item's followers: at any distance, and next.
    pub(super) after: f32,
    pub(super) then: f32,
    /// Cosine with the current item, and visits with both.
    pub(super) together: f32,
    pub(super) support: f32,
    /// Share of the followers of the item before, and of all recent items, faded by lag.
    pub(super) after_previous: f32,
    pub(super) after_all: f32,
    /// Share of the followers of followers.
    pub(super) farther: f32,
    /// How many clicks ago the visitor looked at it (1: the current item); 0: not in this visit.
    pub(super) lag: u16,
    /// How often in this visit.
    pub(super) seen: u16,
    /// First guess, by which the best are kept.
    pub(super) rough: f32,
}

/// Memory used again from one answer to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    visits: DenseIds,
    likeness: Vec<(f32, u32, u16)>,
    places: DenseIds,
    pub(super) found: Vec<Candidate>,
    kept: Vec<Candidate>,
    recent: Vec<(Number, u16, u16)>,
    pub(super) features: Vec<f32>,
    pub(super) order: Vec<RankKey>,
    pub(super) scores: Vec<(f32, Number)>,
    pub(super) hidden: Vec<f32>,
    pub(super) raw: Vec<f32>,
}

/// Different items of the visit that are asked for neighbours, the last ones.
const RECENT_MAX: usize = 10;
/// Different items of the visit that may come again.
const RETURN_MAX: usize = 40;
/// Items of the visit whose followers are looked up.
const RULED_MAX: usize = 6;
/// Clicks of a neighbour before and behind the shared item that get a vote.
const BEHIND_MAX: usize = 8;
const AHEAD_MAX: usize = 16;
/// Most popular items among the candidates.
const POPULAR_MAX: usize = 30;
/// Candidates that are looked at closely.
pub(super) const CLOSE_MAX: usize = 150;

/// Fills `scratch.found` with the best candidates after a visit's clicks, oldest first, at `now`.
pub(super) fn gather(learned: &Learned, clicks: &[Number], now: u32, scratch: &mut Scratch) {
    scratch.places.clear();
    scratch.found.clear();
    recent_items(clicks, scratch);
    add_seen(scratch);
    add_neighbours(learned, now, scratch);
    add_rules(learned, scratch);
    add_farther(learned, scratch);
    for item in learned.popular.trending.iter().take(POPULAR_MAX) {
        candidate(&mut scratch.places, &mut scratch.found, *item);
    }
    keep_best(learned, scratch);
}

/// Different items of the visit, newest first, with lag and count.
fn recent_items(clicks: &[Number], scratch: &mut Scratch) {
    scratch.recent.clear();
    for (lag, item) in (1_u16..).zip(clicks.iter().rev().take(200)) {
        if let Some((.., count)) = scratch.recent.iter_mut().find(|(known, ..)| known == item) {
            *count += 1;
        } else if scratch.recent.len() < RETURN_MAX {
            scratch.recent.push((*item, lag, 1));
        }
    }
}

#[inline]
fn candidate<'f>(places: &mut DenseIds, found: &'f mut Vec<Candidate>, item: Number) -> &'f mut Candidate {
    let (place, new) = places.place(item);
    if new {
        found.push(Candidate { item, ..Candidate::default() });
    }
    &mut found[place]
}

fn add_seen(scratch: &mut Scratch) {
    for (item, lag, count) in &scratch.recent {
        let candidate = candidate(&mut scratch.places, &mut scratch.found, *item);
        (candidate.lag, candidate.seen) = (*lag, *count);
    }
}

fn add_neighbours(learned: &Learned, now: u32, scratch: &mut Scratch) {
    let settings = &learned.tuned.settings;
    scratch.visits.clear();
    scratch.likeness.clear();
    for (order, (item, lag, _)) in (0_u16..).zip(scratch.recent.iter().take(RECENT_MAX)) {
        let weight = learned.lag_weight(*lag) * learned.rarity(*item);
        for visit in learned.visits(*item, settings.visits_max) {
            let (place, new) = scratch.visits.place(visit);
            if new {
                scratch.likeness.push((weight, visit, order));
            } else {
                scratch.likeness[place].0 += weight;
            }
        }
    }
    for (likeness, visit, _) in &mut scratch.likeness {
        let (items, ended) = learned.visit(*visit);
        *likeness *= learned.visit_fading.of(now.saturating_sub(ended));
        if settings.length_power > 0.0 {
            *likeness *= learned.length_weight(items.len());
        }
    }
    let kept = settings.neighbours_max;
    if scratch.likeness.len() > kept {
        scratch.likeness.select_nth_unstable_by(kept, |a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
        scratch.likeness.truncate(kept);
    }
    let Scratch { likeness, recent, places, found, .. } = scratch;
    for (likeness, visit, order) in likeness.iter() {
        let (items, ended) = learned.visit(*visit);
        let shared = recent[*order as usize].0;
        let Some(at) = items.iter().rposition(|item| *item == shared) else { continue };
        let latest = likeness * learned.trend_fading.of(now.saturating_sub(ended));
        let from = at.saturating_sub(BEHIND_MAX);
        let window = &items[from..items.len().min(at + AHEAD_MAX + 1)];
        for (place, item) in (from..).zip(window) {
            if place == at {
                continue;
            }
            let distance = place.abs_diff(at);
            let near = if place > at { NEARNESS[distance] } else { NEARNESS[distance] * 0.5 };
            let candidate = candidate(places, found, *item);
            candidate.near += likeness * near;
            candidate.plain += likeness;
            candidate.recent += latest * near;
            candidate.voters += 1.0;
            if place == at + 1 {
                candidate.next += likeness;
            }
        }
    }
}

/// What a vote counts at a distance: the root of its inverse.
static NEARNESS: [f32; AHEAD_MAX + 1] = {
    [1.0, 1.0, 0.707, 0.577, 0.5, 0.447, 0.408, 0.378, 0.354, 0.333, 0.316, 0.302, 0.289, 0.277, 0.267, 0.258, 0.25]
};

fn add_rules(learned: &Learned, scratch: &mut Scratch) {
    let Scratch { recent, places, found, .. } = scratch;
    for (order, (item, lag, _)) in recent.iter().take(RULED_MAX).enumerate() {
        let followers = learned.followers(*item);
        let [after_total, next_total] = followers.totals;
        // What was seen a few times only says less: as if a few more had gone elsewhere.
        let (after_share, next_share) = (1.0 / (after_total + 0.5), 1.0 / (next_total + 0.5));
        let weight = learned.lag_weight(*lag);
        for rule in followers.list {
            let candidate = candidate(places, found, rule.target);
            let after = rule.after * after_share;
            candidate.after_all += weight * after;
            match order {
                0 => {
                    candidate.after = after;
                    candidate.then = rule.next * next_share;
                    candidate.together = rule.together;
                    candidate.support = rule.support as f32;
                }
                1 => candidate.after_previous = after,
                _ => {}
            }
        }
    }
}

/// What nobody has looked at in one visit with the last items yet.
fn add_farther(learned: &Learned, scratch: &mut Scratch) {
    let Scratch { recent, places, found, .. } = scratch;
    for (item, lag, _) in recent.iter().take(RULED_MAX) {
        let weight = learned.lag_weight(*lag);
        for (end, share) in learned.ends(*item) {
            candidate(places, found, *end).farther += weight * share;
        }
    }
}

/// Leaves the candidates that look best at first sight.
fn keep_best(learned: &Learned, scratch: &mut Scratch) {
    let Scratch { found, kept, order, .. } = scratch;
    let highest = found.iter().fold([1e-9_f32; 3], |[near, plain, farther], c| {
        [near.max(c.near), plain.max(c.plain), farther.max(c.farther)]
    });
    let [near, plain, farther] = [1.0 / highest[0], 0.5 / highest[1], 0.3 / highest[2]];
    let popularity = 0.05 / learned.popular.slow_max;
    for candidate in found.iter_mut() {
        candidate.rough = candidate.near * near
            + candidate.plain * plain
            + candidate.after
            + candidate.after_all
            + candidate.farther * farther
            + learned.popular.of(candidate.item).slow * popularity
            + if candidate.lag > 0 { 1.0 } else { 0.0 };
    }
    if found.len() > CLOSE_MAX {
        order.clear();
        order.extend((0..).zip(found.iter()).map(|(place, c)| RankKey::new(c.rough, c.item, place)));
        order.select_nth_unstable(CLOSE_MAX);
        kept.clear();
        kept.extend(order[..CLOSE_MAX].iter().map(|turn| found[turn.place()]));
        std::mem::swap(found, kept);
    }
}
