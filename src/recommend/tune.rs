//! Tunes to a site's own history: settings, models, and the blend.
//!
//! The newest visits are held out. What is learned from the rest predicts them, click by click; if most of their items
//! are newer than that, held-out visits are added stage by stage once they are in the past (`stages`). The blend is
//! trained on the older part of these predictions, everything is evaluated on the newer part, and then the blend is
//! trained again on all of them. The number of predictions is bounded, so that a site with a hundred times the clicks
//! does not take a hundred times as long.

use std::sync::Arc;

use super::{
    candidates::{self, Scratch},
    features,
    measure::{Quality, Tally},
    mlp::Mlp,
    rank_key::{self, RankKey},
    sessions::Sessions,
    settings::{DAY_S, Settings},
    stages::Stages,
    train::{Example, Examples, Rng, Trainer, initial},
    tuned::Tuned,
    types::{Model, Number, RepeatPolicy},
};

/// Limits of tuning.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Maximum share of the visits that is held out.
    pub share_max: f32,
    /// Minimum share of the visits that is held out.
    pub share_min: f32,
    /// Predictions for training and evaluating the blend.
    pub predictions_max: usize,
    /// Predictions for evaluating a choice of settings.
    pub trial_max: usize,
    /// Training epochs of the blend.
    pub epochs_max: usize,
    /// Length of the evaluated lists.
    pub k: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { share_max: 0.15, share_min: 0.03, predictions_max: 24_000, trial_max: 2_000, epochs_max: 12, k: 20 }
    }
}

/// With fewer predictions nothing is tuned: noise would decide.
const PREDICTIONS_MIN: usize = 200;
/// Clicks predicted per visit, so that long visits do not dominate.
const VISIT_PREDICTIONS_MAX: usize = 50;
/// Share of the predictions for training, the older ones; the newer ones are for evaluation.
const TRAIN_SHARE: f32 = 0.7;
const LEARNING_RATE: f32 = 0.003;
const WEIGHT_DECAY: f32 = 0.05;

/// A click to predict: the visit, and how many of its clicks are revealed.
type Point = (u32, u16);

/// Tunes to a site's visits. `progress` receives 0 to 1.
pub fn tune(sessions: &Sessions, bounds: &Bounds, progress: &mut dyn FnMut(f32)) -> Tuned {
    let mut tuned = Tuned::default();
    let predictable = sessions.clicks().saturating_sub(sessions.len()).max(1);
    let share = (bounds.predictions_max as f32 * 1.5 / predictable as f32).clamp(bounds.share_min, bounds.share_max);
    let count = |share: f32| (sessions.len() as f32 * share) as usize;
    let (from, middle) = (count(1.0 - share), count(1.0 - share * (1.0 - TRAIN_SHARE)));
    let trained = points(sessions, from, middle, (bounds.predictions_max as f32 * TRAIN_SHARE) as usize);
    let evaluated =
        points(sessions, middle, sessions.len(), (bounds.predictions_max as f32 * (1.0 - TRAIN_SHARE)) as usize);
    if trained.len() < PREDICTIONS_MIN || evaluated.len() < PREDICTIONS_MIN / 2 {
        return tuned;
    }
    progress(0.02);
    let mut stages = Stages::new(sessions, from, &Arc::new(tuned.clone()), &mut |share| progress(0.02 + 0.13 * share));
    progress(0.15);
    let mut scratch = Scratch::default();
    tuned.settings = settings(&mut stages, sessions, &sample(&trained, bounds.trial_max), &mut |share| {
        progress(0.15 + 0.25 * share);
    });
    stages.set(&Arc::new(tuned.clone()));
    singles(&stages, sessions, &evaluated, bounds.k, &mut tuned, &mut scratch);
    progress(0.45);
    let mut training = examples(&stages, sessions, &trained, &mut scratch);
    let mut evaluation = examples(&stages, sessions, &evaluated, &mut scratch);
    drop(stages);
    progress(0.55);
    let (net, epochs, quality) =
        train_and_select(&mut training, &mut evaluation, evaluated.len(), bounds, &mut |share| {
            progress(0.55 + 0.25 * share);
        });
    tuned.trial[Model::Blend.position()] = quality;
    let single = Model::ALL[1..]
        .iter()
        .copied()
        .max_by(|a, b| tuned.trial[a.position()].objective().total_cmp(&tuned.trial[b.position()].objective()));
    if let Some(single) = single.filter(|single| tuned.trial[single.position()].objective() > quality.objective()) {
        tuned.winner = single;
    }
    // Trained even if it did not win: the owner may still choose it.
    if epochs > 0 {
        training.append(evaluation);
        tuned.net = Some(retrain(net, &training, epochs, bounds, &mut |share| progress(0.8 + 0.2 * share)));
    }
    progress(1.0);
    tuned
}

/// The clicks of visits `from..to` to predict, a random sample of at most `most`.
fn points(sessions: &Sessions, from: usize, to: usize, most: usize) -> Vec<Point> {
    let mut all: Vec<Point> = Vec::new();
    for visit in (from..to).filter_map(|visit| u32::try_from(visit).ok()) {
        let clicks = sessions.items(visit).len().min(VISIT_PREDICTIONS_MAX + 1);
        all.extend((1..clicks).filter_map(|revealed| u16::try_from(revealed).ok()).map(|revealed| (visit, revealed)));
    }
    sample(&all, most)
}

/// A random sample of at most `most`, in the same order (selection sampling).
fn sample(points: &[Point], most: usize) -> Vec<Point> {
    let mut rng = Rng(7);
    let (mut left, mut wanted) = (points.len(), most);
    let mut drawn = Vec::with_capacity(most.min(points.len()));
    for point in points {
        if rng.below(left) < wanted {
            drawn.push(*point);
            wanted -= 1;
        }
        left -= 1;
    }
    drawn
}

/// The revealed clicks, the next item, and the end of the visit.
fn revealed(sessions: &Sessions, point: Point) -> (&[Number], Number, u32) {
    let items = sessions.items(point.0);
    let shown = point.1 as usize;
    (&items[..shown], items[shown], sessions.ended(point.0))
}

/// Tunes the settings one by one, each by the quality of the neighbours alone.
fn settings(stages: &mut Stages, sessions: &Sessions, points: &[Point], progress: &mut dyn FnMut(f32)) -> Settings {
    type Choice = fn(&mut Settings, usize) -> bool;
    fn pick(value: &mut f32, values: &[f32], position: usize) -> bool {
        values.get(position).map(|chosen| *value = *chosen).is_some()
    }
    let choices: [Choice; 4] = [
        |s, n| {
            let is_valid =
                pick(&mut s.visit_half_life_s, &[DAY_S, 4.0 * DAY_S, 14.0 * DAY_S, 60.0 * DAY_S, f32::INFINITY], n);
            s.rule_half_life_s = s.visit_half_life_s * 2.0;
            is_valid
        },
        |s, n| pick(&mut s.lag_half_life, &[0.6, 1.5, 4.0], n),
        |s, n| pick(&mut s.length_power, &[0.0, 0.4, 0.8], n),
        |s, n| pick(&mut s.rarity_power, &[0.0, 0.5, 1.0], n),
    ];
    let mut scratch = Scratch::default();
    let mut best = Settings::default();
    let mut evaluate = |stages: &mut Stages, settings: Settings| {
        stages.set(&Arc::new(Tuned { settings, ..Tuned::default() }));
        let mut score = 0.0;
        for point in points {
            let (clicks, next, now) = revealed(sessions, *point);
            candidates::gather(stages.before(point.0), clicks, now, &mut scratch);
            score += scratch.found.iter().find(|c| c.item == next).map_or(0.0, |target| {
                let ahead = scratch.found.iter().filter(|c| c.near > target.near).count();
                1.0 / (1.0 + ahead as f32) + if ahead < 20 { 1.0 } else { 0.0 }
            });
        }
        score
    };
    let mut highest = evaluate(stages, best);
    for (done, choice) in choices.iter().enumerate() {
        let start = best;
        for position in 0.. {
            let mut tried = start;
            if !choice(&mut tried, position) {
                break;
            }
            let score = evaluate(stages, tried);
            // A tiny gain is noise: the current value stays.
            if score > highest * 1.002 {
                (highest, best) = (score, tried);
            }
        }
        progress((done + 1) as f32 / choices.len() as f32);
    }
    best
}

/// Evaluates each model alone with each repeat policy, and keeps the better policy.
fn singles(stages: &Stages, sessions: &Sessions, points: &[Point], k: usize, tuned: &mut Tuned, scratch: &mut Scratch) {
    let tally = || Tally::new(k, sessions.catalogue());
    let mut tallies: Vec<[Tally; 3]> = Model::ALL.iter().map(|_| [tally(), tally(), tally()]).collect();
    let mut list: Vec<RankKey> = Vec::new();
    for point in points {
        let (clicks, next, now) = revealed(sessions, *point);
        let learned = stages.before(point.0);
        candidates::gather(learned, clicks, now, scratch);
        for (model, tallies) in Model::ALL.iter().zip(&mut tallies) {
            for (repeats, tally) in RepeatPolicy::ALL.iter().zip(tallies) {
                list.clear();
                let allowed = (0..).zip(&scratch.found).filter(|(_, c)| repeats.allows(c));
                list.extend(allowed.map(|(position, c)| RankKey::new(model.score(learned, c), c.item, position)));
                rank_key::top_k(&mut list, k);
                tally.add(list.iter().map(|key| key.item()), &[next]);
            }
        }
    }
    for (position, tallies) in tallies.iter().enumerate() {
        for (repeats, tally) in RepeatPolicy::ALL.iter().zip(tallies) {
            let quality = tally.quality();
            if quality.objective() > tuned.trial[position].objective() {
                (tuned.trial[position], tuned.repeats[position]) = (quality, *repeats);
            }
        }
    }
}

/// Training examples: predictions whose next item is among the candidates.
fn examples(stages: &Stages, sessions: &Sessions, points: &[Point], scratch: &mut Scratch) -> Examples {
    let mut examples = Examples::default();
    for point in points {
        let (clicks, next, now) = revealed(sessions, *point);
        let learned = stages.before(point.0);
        candidates::gather(learned, clicks, now, scratch);
        let Scratch { found, features, .. } = scratch;
        if let Some(target) = found.iter().position(|c| c.item == next) {
            features::write(learned, clicks, now, found, features);
            examples.push(features, found.len(), target);
        }
    }
    examples
}

/// Trains on the older part and evaluates each epoch on the newer; returns the initial network, the best number of
/// epochs, and its quality.
fn train_and_select(
    training: &mut Examples,
    evaluation: &mut Examples,
    predictions: usize,
    bounds: &Bounds,
    progress: &mut dyn FnMut(f32),
) -> (Mlp, usize, Quality) {
    let start = initial(training, &mut Rng(42));
    training.standardize(&start);
    evaluation.standardize(&start);
    let mut net = start.clone();
    let mut best = (0, Quality::default());
    train(&mut net, training, bounds.epochs_max, bounds.epochs_max, &mut |net, epoch| {
        let quality = evaluate(net, evaluation, predictions, bounds.k);
        if quality.objective() > best.1.objective() {
            best = (epoch, quality);
        }
        progress(epoch as f32 / bounds.epochs_max as f32);
    });
    (start, best.0, best.1)
}

/// Trains from the initial network on all examples for the best number of epochs.
fn retrain(mut net: Mlp, all: &Examples, epochs: usize, bounds: &Bounds, progress: &mut dyn FnMut(f32)) -> Mlp {
    train(&mut net, all, epochs, bounds.epochs_max, &mut |_, epoch| progress(epoch as f32 / epochs as f32));
    net
}

fn train(net: &mut Mlp, examples: &Examples, epochs: usize, of: usize, after: &mut dyn FnMut(&Mlp, usize)) {
    let mut rng = Rng(43);
    let mut trainer = Trainer::new(LEARNING_RATE, WEIGHT_DECAY);
    let mut order: Vec<u32> = (0..).take(examples.list.len()).collect();
    for epoch in 0..epochs {
        for n in (1..order.len()).rev() {
            order.swap(n, rng.below(n + 1));
        }
        trainer.rate = LEARNING_RATE * (1.0 - 0.9 * epoch as f32 / of as f32);
        trainer.epoch(net, examples, &order);
        after(net, epoch + 1);
    }
}

/// Quality of a network's ranking of the examples; of `predictions`, those without an example count as misses.
fn evaluate(net: &Mlp, examples: &Examples, predictions: usize, k: usize) -> Quality {
    let (mut units, mut scores) = (Vec::new(), Vec::new());
    let mut tally = Tally::new(k, 0);
    for example in &examples.list {
        let Example { stride, count, target, .. } = *example;
        net.forward(examples.columns(*example), stride, &mut units, &mut scores);
        let ahead = scores[..count].iter().filter(|score| **score > scores[target]).count();
        // A list that contains the target only, at its rank.
        tally.add((0..).take(k).map(|n| Number::from(n == ahead)), &[1]);
    }
    for _ in examples.list.len()..predictions {
        tally.add(std::iter::empty(), &[1]);
    }
    tally.quality()
}
