//! Finds what suits a site by trying on its own past: settings, models, and the blend.
//!
//! The newest visits are held out. What is learned from the rest predicts them, click by click; where most of
//! what they look at is newer than that, what is held out is added stretch by stretch as it lies behind
//! (`stages`). On the older part of these predictions the blend is taught, on the newer part everything is
//! judged. Then the blend is taught once more on all of them. The number of predictions is bounded, so that a site
//! with a hundred times the clicks does not take a hundred times as long.

use std::sync::Arc;

use super::{
    Mlp, Number, Scratch, Sessions, Settings, candidates, features,
    measure::{Quality, Tally},
    model::{Model, Returns},
    rank_key::{self, RankKey},
    stages::Stages,
    train::{Ask, Examples, Rng, Teacher, fresh},
};

/// How much is tried.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Share of the visits that is held out at most.
    pub share_max: f32,
    /// Share of the visits that is held out at least.
    pub share_min: f32,
    /// Predictions that the blend is taught and judged by.
    pub predictions_max: usize,
    /// Predictions by which one choice of settings is judged.
    pub trial_max: usize,
    /// Passes over the predictions when the blend is taught.
    pub passes_max: usize,
    /// Length of the lists that are judged.
    pub k: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { share_max: 0.15, share_min: 0.03, predictions_max: 24_000, trial_max: 2_000, passes_max: 12, k: 20 }
    }
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Tuned {
    /// How neighbours are found and how the past fades.
    pub settings: Settings,
    /// The blend; `None` where the past is too short to teach one.
    pub net: Option<Mlp>,
    /// For each model, in the order of [`Model::WORDS`], whether items of the visit are shown again.
    pub returns: Vec<Returns>,
    /// How each did on the newest visits, in the order of [`Model::WORDS`].
    pub trial: Vec<Quality>,
    /// The model that [`Model::Blend`] stands for: itself, or a single one that did better.
    pub winner: Model,
}

impl Default for Tuned {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            net: None,
            returns: vec![Returns::Keep; Model::WORDS.len()],
            trial: vec![Quality::default(); Model::WORDS.len()],
            winner: Model::Blend,
        }
    }
}

impl Tuned {
    /// How the winner did on the newest visits, and the best of the others.
    #[must_use]
    pub fn margin(&self) -> (Quality, Quality) {
        let of = |model: Model| self.trial[model.place()];
        let others = Model::WORDS.iter().map(|(_, model)| *model).filter(|model| *model != self.winner);
        let second = others.map(of).max_by(|a, b| worth(a).total_cmp(&worth(b)));
        (of(self.winner), second.unwrap_or_default())
    }
}

/// What is made as high as can be: hits, and hits high up.
fn worth(quality: &Quality) -> f64 {
    quality.hit_rate + quality.mrr
}

/// Predictions below which nothing is tuned: chance would decide.
const PREDICTIONS_MIN: usize = 200;
/// Clicks of one visit that are predicted: long visits would drown the others.
const VISIT_PREDICTIONS_MAX: usize = 50;
/// The older part of the predictions teaches, the newer judges.
const TEACH_SHARE: f32 = 0.7;
const RATE: f32 = 0.003;
const DECAY: f32 = 0.05;

/// A click to predict: the visit, and how many of its clicks are revealed.
type Point = (u32, u16);

/// Tunes to a site's visits. `tell` hears how far it is, 0 to 1.
pub fn tune(sessions: &Sessions, bounds: &Bounds, tell: &mut dyn FnMut(f32)) -> Tuned {
    let mut tuned = Tuned::default();
    let predictable = sessions.clicks().saturating_sub(sessions.len()).max(1);
    let share = (bounds.predictions_max as f32 * 1.5 / predictable as f32).clamp(bounds.share_min, bounds.share_max);
    let count = |share: f32| (sessions.len() as f32 * share) as usize;
    let (from, middle) = (count(1.0 - share), count(1.0 - share * (1.0 - TEACH_SHARE)));
    let teach = points(sessions, from, middle, (bounds.predictions_max as f32 * TEACH_SHARE) as usize);
    let judge =
        points(sessions, middle, sessions.len(), (bounds.predictions_max as f32 * (1.0 - TEACH_SHARE)) as usize);
    if teach.len() < PREDICTIONS_MIN || judge.len() < PREDICTIONS_MIN / 2 {
        return tuned;
    }
    tell(0.02);
    let mut stages = Stages::new(sessions, from, &Arc::new(tuned.clone()), &mut |share| tell(0.02 + 0.13 * share));
    tell(0.15);
    let mut scratch = Scratch::default();
    tuned.settings =
        settings(&mut stages, sessions, &thinned(&teach, bounds.trial_max), &mut |share| tell(0.15 + 0.25 * share));
    stages.set(&Arc::new(tuned.clone()));
    singles(&stages, sessions, &judge, bounds.k, &mut tuned, &mut scratch);
    tell(0.45);
    let mut taught = examples(&stages, sessions, &teach, &mut scratch);
    let mut asked = examples(&stages, sessions, &judge, &mut scratch);
    drop(stages);
    tell(0.55);
    let (net, passes, quality) =
        first_lesson(&mut taught, &mut asked, judge.len(), bounds, &mut |share| tell(0.55 + 0.25 * share));
    tuned.trial[Model::Blend.place()] = quality;
    let single = Model::WORDS[1..]
        .iter()
        .map(|(_, model)| *model)
        .max_by(|a, b| worth(&tuned.trial[a.place()]).total_cmp(&worth(&tuned.trial[b.place()])));
    if let Some(single) = single.filter(|single| worth(&tuned.trial[single.place()]) > worth(&quality)) {
        tuned.winner = single;
    }
    // Taught even where it did not win: the owner may want it all the same.
    if passes > 0 {
        taught.append(asked);
        tuned.net = Some(second_lesson(net, &taught, passes, bounds, &mut |share| tell(0.8 + 0.2 * share)));
    }
    tell(1.0);
    tuned
}

/// The clicks of some visits that are predicted, at most `most` of them, evenly thinned.
fn points(sessions: &Sessions, from: usize, to: usize, most: usize) -> Vec<Point> {
    let mut all: Vec<Point> = Vec::new();
    for visit in (from..to).filter_map(|visit| u32::try_from(visit).ok()) {
        let clicks = sessions.items(visit).len().min(VISIT_PREDICTIONS_MAX + 1);
        all.extend((1..clicks).filter_map(|revealed| u16::try_from(revealed).ok()).map(|revealed| (visit, revealed)));
    }
    thinned(&all, most)
}

/// A draw of at most `most`, in the same order.
fn thinned(points: &[Point], most: usize) -> Vec<Point> {
    let mut dice = Rng(7);
    let (mut left, mut wanted) = (points.len(), most);
    let mut drawn = Vec::with_capacity(most.min(points.len()));
    for point in points {
        if dice.below(left) < wanted {
            drawn.push(*point);
            wanted -= 1;
        }
        left -= 1;
    }
    drawn
}

fn revealed(sessions: &Sessions, point: Point) -> (&[Number], Number, u32) {
    let items = sessions.items(point.0);
    let shown = point.1 as usize;
    (&items[..shown], items[shown], sessions.ended(point.0))
}

/// Settings of the neighbours, one after the other, each by the quality of the neighbours alone.
fn settings(stages: &mut Stages, sessions: &Sessions, points: &[Point], tell: &mut dyn FnMut(f32)) -> Settings {
    type Choice = fn(&mut Settings, usize) -> bool;
    fn pick(value: &mut f32, values: &[f32], place: usize) -> bool {
        values.get(place).map(|chosen| *value = *chosen).is_some()
    }
    const DAY: f32 = super::settings::DAY_S;
    let choices: [Choice; 4] = [
        |s, n| {
            let fits =
                pick(&mut s.visit_half_life_s, &[1.0 * DAY, 4.0 * DAY, 14.0 * DAY, 60.0 * DAY, f32::INFINITY], n);
            s.rule_half_life_s = s.visit_half_life_s * 2.0;
            fits
        },
        |s, n| pick(&mut s.lag_half_life, &[0.6, 1.5, 4.0], n),
        |s, n| pick(&mut s.length_power, &[0.0, 0.4, 0.8], n),
        |s, n| pick(&mut s.rarity_power, &[0.0, 0.5, 1.0], n),
    ];
    let mut scratch = Scratch::default();
    let mut best = Settings::default();
    let mut try_out = |stages: &mut Stages, settings: Settings| {
        stages.set(&Arc::new(Tuned { settings, ..Tuned::default() }));
        let mut worth = 0.0;
        for point in points {
            let (clicks, next, now) = revealed(sessions, *point);
            candidates::gather(stages.before(point.0), clicks, now, &mut scratch);
            worth += scratch.found.iter().find(|c| c.item == next).map_or(0.0, |right| {
                let ahead = scratch.found.iter().filter(|c| c.near > right.near).count();
                1.0 / (1.0 + ahead as f32) + if ahead < 20 { 1.0 } else { 0.0 }
            });
        }
        worth
    };
    let mut highest = try_out(stages, best);
    for (done, choice) in choices.iter().enumerate() {
        let start = best;
        for place in 0.. {
            let mut tried = start;
            if !choice(&mut tried, place) {
                break;
            }
            let worth = try_out(stages, tried);
            // A hair's breadth is chance: what is there stays.
            if worth > highest * 1.002 {
                (highest, best) = (worth, tried);
            }
        }
        tell((done + 1) as f32 / choices.len() as f32);
    }
    best
}

/// How each model does alone, showing items of the visit again or not, whichever is better.
fn singles(stages: &Stages, sessions: &Sessions, points: &[Point], k: usize, tuned: &mut Tuned, scratch: &mut Scratch) {
    let fresh = || Tally::new(k, sessions.catalogue());
    let mut tallies: Vec<[Tally; 3]> = Model::WORDS.iter().map(|_| [fresh(), fresh(), fresh()]).collect();
    let mut list: Vec<RankKey> = Vec::new();
    for point in points {
        let (clicks, next, now) = revealed(sessions, *point);
        let learned = stages.before(point.0);
        candidates::gather(learned, clicks, now, scratch);
        for ((_, model), tallies) in Model::WORDS.iter().zip(&mut tallies) {
            for (returns, tally) in Returns::ALL.into_iter().zip(tallies) {
                list.clear();
                let allowed = (0..).zip(&scratch.found).filter(|(_, c)| returns.allow(c));
                list.extend(allowed.map(|(place, c)| RankKey::new(model.score(learned, c), c.item, place)));
                rank_key::first(&mut list, k);
                tally.add(list.iter().map(|turn| turn.item()), &[next]);
            }
        }
    }
    for (place, tallies) in tallies.iter().enumerate() {
        for (returns, tally) in Returns::ALL.into_iter().zip(tallies) {
            let quality = tally.quality();
            if worth(&quality) > worth(&tuned.trial[place]) {
                (tuned.trial[place], tuned.returns[place]) = (quality, returns);
            }
        }
    }
}

/// Predictions whose next item is among the candidates; the others teach nothing.
fn examples(stages: &Stages, sessions: &Sessions, points: &[Point], scratch: &mut Scratch) -> Examples {
    let mut examples = Examples::default();
    for point in points {
        let (clicks, next, now) = revealed(sessions, *point);
        let learned = stages.before(point.0);
        candidates::gather(learned, clicks, now, scratch);
        let Scratch { found, features, .. } = scratch;
        if let Some(right) = found.iter().position(|c| c.item == next) {
            features::write(learned, clicks, now, found, features);
            examples.push(features, found.len(), right);
        }
    }
    examples
}

/// Teaches on the older part and judges each pass by the newer; returns the first standardization, the
/// best number of passes, and how well that did.
fn first_lesson(
    taught: &mut Examples,
    asked: &mut Examples,
    asks: usize,
    bounds: &Bounds,
    tell: &mut dyn FnMut(f32),
) -> (Mlp, usize, Quality) {
    let start = fresh(taught, &mut Rng(42));
    taught.standardize(&start);
    asked.standardize(&start);
    let mut net = start.clone();
    let mut best = (0, Quality::default());
    lessons(&mut net, taught, bounds.passes_max, bounds.passes_max, &mut |net, pass| {
        let quality = judge(net, asked, asks, bounds.k);
        if worth(&quality) > worth(&best.1) {
            best = (pass, quality);
        }
        tell(pass as f32 / bounds.passes_max as f32);
    });
    (start, best.0, best.1)
}

/// Teaches from the start on everything, as many passes as did best.
fn second_lesson(mut net: Mlp, all: &Examples, passes: usize, bounds: &Bounds, tell: &mut dyn FnMut(f32)) -> Mlp {
    lessons(&mut net, all, passes, bounds.passes_max, &mut |_, pass| tell(pass as f32 / passes as f32));
    net
}

fn lessons(net: &mut Mlp, examples: &Examples, passes: usize, of: usize, after: &mut dyn FnMut(&Mlp, usize)) {
    let mut dice = Rng(43);
    let mut teacher = Teacher::new(RATE, DECAY);
    let mut order: Vec<u32> = (0..).take(examples.asks.len()).collect();
    for pass in 0..passes {
        for n in (1..order.len()).rev() {
            order.swap(n, dice.below(n + 1));
        }
        teacher.rate = RATE * (1.0 - 0.9 * pass as f32 / of as f32);
        teacher.pass(net, examples, &order);
        after(net, pass + 1);
    }
}

/// How well a net ranks the examples; the predictions that are no examples count as missed.
fn judge(net: &Mlp, examples: &Examples, asks: usize, k: usize) -> Quality {
    let (mut units, mut scores) = (Vec::new(), Vec::new());
    let mut tally = Tally::new(k, 0);
    for ask in &examples.asks {
        let Ask { stride, count, right, .. } = *ask;
        net.forward(examples.columns(*ask), stride, &mut units, &mut scores);
        let ahead = scores[..count].iter().filter(|score| **score > scores[right]).count();
        // The list is told by the place of the right one alone.
        tally.add((0..).take(k).map(|n| Number::from(n == ahead)), &[1]);
    }
    for _ in examples.asks.len()..asks {
        tally.add(std::iter::empty(), &[1]);
    }
    tally.quality()
}
