//! Candidates for the next item, with the signals of every model.
//!
//! Session neighbours after Kersbergen, Sprangers and Schelter, "Serenade: low-latency session-based
//! recommendation in e-commerce at scale", 2022 (VMIS-kNN: only the newest visits of each recent item
//! are searched, rare items weigh more), with the refinements of Garg et al., "Sequence and time aware
//! neighborhood for session-based recommendations", 2019 (STAN: recency of the neighbour, position in the
//! visitor's own visit, distance from the shared item) and of Ludewig et al., "Empirical analysis of
//! session-based recommendation algorithms", 2021 (VSTAN). Instead of one product of all these decays the votes are
//! kept separate, and the blend learns the weight of each.

use super::{
    dense_ids::DenseIds,
    learned::Learned,
    rank_key::RankKey,
    types::{Candidate, Number},
};

/// Buffers reused from one request to the next.
#[derive(Debug, Default)]
pub struct Scratch {
    visits: DenseIds,
    similarities: Vec<(f32, u32, u16)>,
    indices: DenseIds,
    pub(super) found: Vec<Candidate>,
    kept: Vec<Candidate>,
    recent: Vec<(Number, u16, u16)>,
    pub(super) features: Vec<f32>,
    pub(super) order: Vec<RankKey>,
    pub(super) scores: Vec<(f32, Number)>,
    pub(super) hidden: Vec<f32>,
    pub(super) raw: Vec<f32>,
}

/// Distinct items of the visit whose neighbours are searched, the last ones.
const NEIGHBOUR_ITEMS_MAX: usize = 10;
/// Distinct items of the visit that may be recommended again.
const REPEAT_ITEMS_MAX: usize = 40;
/// Distinct items of the visit whose followers are looked up.
const RULE_ITEMS_MAX: usize = 6;
/// Clicks of a neighbour before and after the shared item that get a vote.
const BEFORE_MAX: usize = 8;
const AFTER_MAX: usize = 16;
/// Most popular items among the candidates.
const POPULAR_MAX: usize = 30;
/// Candidates that are scored by the models.
pub(super) const CANDIDATES_MAX: usize = 150;

/// Fills `scratch.found` with the best candidates for a visit's clicks, oldest first, at `now`.
pub(super) fn gather(learned: &Learned, clicks: &[Number], now: u32, scratch: &mut Scratch) {
    scratch.indices.clear();
    scratch.found.clear();
    recent_items(clicks, scratch);
    add_seen(scratch);
    add_neighbours(learned, now, scratch);
    add_rules(learned, scratch);
    add_two_hop(learned, scratch);
    for item in learned.popularity.trending.iter().take(POPULAR_MAX) {
        candidate(&mut scratch.indices, &mut scratch.found, *item);
    }
    keep_best(learned, scratch);
}

/// Distinct items of the visit, newest first, with lag and count.
fn recent_items(clicks: &[Number], scratch: &mut Scratch) {
    scratch.recent.clear();
    for (lag, item) in (1_u16..).zip(clicks.iter().rev().take(200)) {
        if let Some((.., count)) = scratch.recent.iter_mut().find(|(known, ..)| known == item) {
            *count += 1;
        } else if scratch.recent.len() < REPEAT_ITEMS_MAX {
            scratch.recent.push((*item, lag, 1));
        }
    }
}

#[inline]
fn candidate<'f>(indices: &mut DenseIds, found: &'f mut Vec<Candidate>, item: Number) -> &'f mut Candidate {
    let (index, is_new) = indices.get_or_insert(item);
    if is_new {
        found.push(Candidate { item, ..Candidate::default() });
    }
    &mut found[index]
}

fn add_seen(scratch: &mut Scratch) {
    for (item, lag, count) in &scratch.recent {
        let candidate = candidate(&mut scratch.indices, &mut scratch.found, *item);
        (candidate.lag, candidate.seen) = (*lag, *count);
    }
}

fn add_neighbours(learned: &Learned, now: u32, scratch: &mut Scratch) {
    let settings = &learned.tuned.settings;
    scratch.visits.clear();
    scratch.similarities.clear();
    for (order, (item, lag, _)) in (0_u16..).zip(scratch.recent.iter().take(NEIGHBOUR_ITEMS_MAX)) {
        let weight = learned.lag_weight(*lag) * learned.rarity(*item);
        for visit in learned.visits(*item, settings.visits_max) {
            let (index, is_new) = scratch.visits.get_or_insert(visit);
            if is_new {
                scratch.similarities.push((weight, visit, order));
            } else {
                scratch.similarities[index].0 += weight;
            }
        }
    }
    for (similarity, visit, _) in &mut scratch.similarities {
        let (items, ended) = learned.visit(*visit);
        *similarity *= learned.visit_decay.factor(now.saturating_sub(ended));
        if settings.length_power > 0.0 {
            *similarity *= learned.length_weight(items.len());
        }
    }
    let kept = settings.neighbours_max;
    if scratch.similarities.len() > kept {
        scratch.similarities.select_nth_unstable_by(kept, |a, b| b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1)));
        scratch.similarities.truncate(kept);
    }
    let Scratch { similarities, recent, indices, found, .. } = scratch;
    for (similarity, visit, order) in similarities.iter() {
        let (items, ended) = learned.visit(*visit);
        let shared = recent[*order as usize].0;
        let Some(at) = items.iter().rposition(|item| *item == shared) else { continue };
        let latest = similarity * learned.trend_decay.factor(now.saturating_sub(ended));
        let from = at.saturating_sub(BEFORE_MAX);
        let window = &items[from..items.len().min(at + AFTER_MAX + 1)];
        for (position, item) in (from..).zip(window) {
            if position == at {
                continue;
            }
            let distance = position.abs_diff(at);
            let near = if position > at { NEARNESS[distance] } else { NEARNESS[distance] * 0.5 };
            let candidate = candidate(indices, found, *item);
            candidate.near += similarity * near;
            candidate.plain += similarity;
            candidate.recent += latest * near;
            candidate.voters += 1.0;
            if position == at + 1 {
                candidate.next += similarity;
            }
        }
    }
}

/// Weight of a vote by distance: 1/√distance.
static NEARNESS: [f32; AFTER_MAX + 1] = {
    [1.0, 1.0, 0.707, 0.577, 0.5, 0.447, 0.408, 0.378, 0.354, 0.333, 0.316, 0.302, 0.289, 0.277, 0.267, 0.258, 0.25]
};

fn add_rules(learned: &Learned, scratch: &mut Scratch) {
    let Scratch { recent, indices, found, .. } = scratch;
    for (order, (item, lag, _)) in recent.iter().take(RULE_ITEMS_MAX).enumerate() {
        let followers = learned.followers(*item);
        let [after_total, next_total] = followers.totals;
        // Smoothing: shares of items seen only a few times are reduced.
        let (after_share, next_share) = (1.0 / (after_total + 0.5), 1.0 / (next_total + 0.5));
        let weight = learned.lag_weight(*lag);
        for rule in followers.list {
            let candidate = candidate(indices, found, rule.target);
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

/// Items two steps away from the last items.
fn add_two_hop(learned: &Learned, scratch: &mut Scratch) {
    let Scratch { recent, indices, found, .. } = scratch;
    for (item, lag, _) in recent.iter().take(RULE_ITEMS_MAX) {
        let weight = learned.lag_weight(*lag);
        for (end, share) in learned.two_hop_ends(*item) {
            candidate(indices, found, *end).two_hop += weight * share;
        }
    }
}

/// Keeps the candidates with the highest rough estimate.
fn keep_best(learned: &Learned, scratch: &mut Scratch) {
    let Scratch { found, kept, order, .. } = scratch;
    let highest = found.iter().fold([1e-9_f32; 3], |[near, plain, two_hop], c| {
        [near.max(c.near), plain.max(c.plain), two_hop.max(c.two_hop)]
    });
    let [near, plain, two_hop] = [1.0 / highest[0], 0.5 / highest[1], 0.3 / highest[2]];
    let popularity = 0.05 / learned.popularity.slow_max;
    for candidate in found.iter_mut() {
        candidate.rough = candidate.near * near
            + candidate.plain * plain
            + candidate.after
            + candidate.after_all
            + candidate.two_hop * two_hop
            + learned.popularity.get(candidate.item).slow * popularity
            + if candidate.lag > 0 { 1.0 } else { 0.0 };
    }
    if found.len() > CANDIDATES_MAX {
        order.clear();
        order.extend((0..).zip(found.iter()).map(|(position, c)| RankKey::new(c.rough, c.item, position)));
        order.select_nth_unstable(CANDIDATES_MAX);
        kept.clear();
        kept.extend(order[..CANDIDATES_MAX].iter().map(|key| found[key.position()]));
        std::mem::swap(found, kept);
    }
}
