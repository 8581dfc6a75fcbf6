//! `ashna evaluate`: offline evaluation of recommendation models on a click data set.

mod read;

use std::{
    io::{BufWriter, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use self::read::{Clicks, Names};
use super::{Common, print_answer};
use crate::recommend::{
    Bounds, Learned, Model, Number, RankRequest, Scratch, Sessions, Tuned,
    measure::{Quality, Tally},
    tune,
};

/// The data set and the evaluation.
#[derive(Debug, Args)]
pub struct Options {
    /// Training clicks: tab-separated `SessionId`, `ItemId` and `Time` with a header.
    #[arg(long, value_name = "FILE")]
    train: PathBuf,
    /// Test sessions in the same format; each is revealed click by click.
    #[arg(long, value_name = "FILE")]
    test: PathBuf,
    /// A single model instead of the tuned blend, or `all` for a table.
    #[arg(long, value_name = "NAME", default_value = "blend", value_parser = model_names())]
    model: String,
    /// Length of the recommendation lists.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
    k: u16,
    /// Write every list, one per line: SessionId;Position;Item,Item,… best first.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const ALL: &str = "all";

fn model_names() -> clap::builder::PossibleValuesParser {
    let models = Model::ALL.iter().map(|model| model.as_str());
    models.chain([ALL]).collect::<Vec<_>>().into()
}

/// Runs the command.
pub fn run(common: &Common, options: &Options) -> anyhow::Result<()> {
    let bar = progress_bar(common.json);
    bar.set_message("reading");
    let mut names = Names::default();
    let train = Clicks::read(&options.train, &mut names)?;
    let test = Clicks::read(&options.test, &mut names)?;
    if test.visits().iter().all(|(_, visit)| visit.len() < 2) {
        bail!("{}: no session has two clicks, so there is nothing to predict", options.test.display());
    }
    if train.is_later_than(&test) {
        let note =
            "note: all clicks of the training file are later than those of the test file, so the past is predicted";
        writeln!(std::io::stderr(), "{note} from the future")?;
    }
    let sessions = Sessions::new(train.clicks());
    drop(train);
    bar.set_message("tuning on the last part of the training file");
    let bounds = Bounds { k: usize::from(options.k), ..Bounds::default() };
    let tuned = tune(&sessions, &bounds, &mut |share| set_progress(&bar, f64::from(share) * 0.6));
    bar.set_message("learning");
    let tuned = Arc::new(tuned);
    let learned = Learned::new(sessions, &tuned);
    bar.set_message("predicting");
    let models: Vec<Model> = match Model::parse(&options.model) {
        Some(model) => vec![model],
        None => Model::ALL.to_vec(),
    };
    let mut answers = Vec::new();
    for (done, model) in models.iter().enumerate() {
        let mut out = match &options.out {
            Some(path) if models.len() == 1 => {
                let file = std::fs::File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
                Some(BufWriter::new(file))
            }
            _ => None,
        };
        let trial = Trial { learned: &learned, names: &names, model: *model, k: usize::from(options.k) };
        let answer = trial.run(&test, out.as_mut(), &|share| {
            set_progress(&bar, 0.6 + (done as f64 + share) / models.len() as f64 * 0.4);
        })?;
        if let Some(mut out) = out {
            out.flush().context("cannot write the lists")?;
        }
        answers.push(answer);
    }
    bar.finish_and_clear();
    let table = summary(&answers, &tuned);
    let documents: Vec<Value> = answers.iter().map(Evaluation::to_json).collect();
    match (models.len(), documents.into_iter().next()) {
        (1, Some(only)) => print_answer(common, &only, &table),
        _ => print_answer(common, &answers.iter().map(Evaluation::to_json).collect(), &table),
    }
}

/// The evaluation of one model on the test sessions.
struct Trial<'a> {
    learned: &'a Learned,
    names: &'a Names,
    model: Model,
    k: usize,
}

/// Result of one model: quality, and latency per request in microseconds.
struct Evaluation {
    model: Model,
    quality: Quality,
    p50: f64,
    p90: f64,
    p99: f64,
}

impl Trial<'_> {
    fn run(
        &self,
        test: &Clicks,
        mut out: Option<&mut impl Write>,
        progress: &dyn Fn(f64),
    ) -> anyhow::Result<Evaluation> {
        let sessions = self.learned.sessions();
        let mut tally = Tally::new(self.k, sessions.catalogue());
        let mut scratch = Scratch::default();
        let mut times: Vec<Duration> = Vec::new();
        let visits = test.visits();
        for (done, (name, visit)) in visits.iter().enumerate() {
            let items: Vec<Number> = visit.iter().map(|(item, _)| *item).collect();
            for revealed in 1..items.len() {
                let begun = Instant::now();
                let now = sessions.since_origin(visit[revealed - 1].1);
                let request = RankRequest { clicks: &items[..revealed], now, k: self.k, model: self.model };
                let list = self.learned.rank(&request, &mut scratch);
                times.push(begun.elapsed());
                tally.add(list.iter().map(|(_, item)| *item), &items[revealed..]);
                if let Some(out) = &mut out {
                    let ids: Vec<&str> = list.iter().map(|(_, item)| self.names.name(*item)).collect();
                    writeln!(out, "{name};{};{}", revealed - 1, ids.join(",")).context("cannot write the lists")?;
                }
            }
            if done % 64 == 0 {
                progress(done as f64 / visits.len() as f64);
            }
        }
        times.sort_unstable();
        let percentile = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |t| t.as_secs_f64() * 1e6);
        Ok(Evaluation {
            model: self.model,
            quality: tally.quality(),
            p50: percentile(50),
            p90: percentile(90),
            p99: percentile(99),
        })
    }
}

impl Evaluation {
    fn to_json(&self) -> Value {
        let Quality { predictions, hit_rate, mrr, ndcg, precision, recall, coverage, hit_rate_margin, mrr_margin } =
            self.quality;
        json!({
            "model": self.model.as_str(), "predictions": predictions, "hit_rate": hit_rate, "mrr": mrr, "ndcg": ndcg,
            "precision": precision, "recall": recall, "coverage": coverage,
            "hit_rate_margin": hit_rate_margin, "mrr_margin": mrr_margin,
            "latency_us": { "p50": self.p50, "p90": self.p90, "p99": self.p99 },
        })
    }
}

fn summary(answers: &[Evaluation], tuned: &Tuned) -> String {
    let mut lines = vec![format!(
        "{:<20}{:>12}{:>18}{:>18}{:>8}{:>11}{:>8}{:>10}{:>9}{:>9}",
        "model", "predictions", "hit rate", "mrr", "ndcg", "precision", "recall", "coverage", "p50 µs", "p90 µs"
    )];
    for answer in answers {
        let q = answer.quality;
        lines.push(format!(
            "{:<20}{:>12}{:>10.4} ±{:.4}{:>10.4} ±{:.4}{:>8.4}{:>11.4}{:>8.4}{:>10.4}{:>9.1}{:>9.1}",
            answer.model.as_str(),
            q.predictions,
            q.hit_rate,
            q.hit_rate_margin,
            q.mrr,
            q.mrr_margin,
            q.ndcg,
            q.precision,
            q.recall,
            q.coverage,
            answer.p50,
            answer.p90
        ));
    }
    let winner = tuned.winner;
    let (best, second) = tuned.margin();
    lines.push(format!(
        "on the last part of the training file {} won: hit rate {:.4}, mrr {:.4}; the next best model had {:.4} and {:.4}",
        winner.as_str(),
        best.hit_rate,
        best.mrr,
        second.hit_rate,
        second.mrr
    ));
    lines.join("\n")
}

/// Sets the progress bar to a share of the whole, 0 to 1.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
fn set_progress(bar: &ProgressBar, share: f64) {
    bar.set_position((share.clamp(0.0, 1.0) * 1000.0) as u64);
}

/// Creates a progress bar, visible only on a terminal.
fn progress_bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
    }
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3}% {elapsed} {msg}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}
