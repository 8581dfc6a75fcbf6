//! Lines on their way into a service: pieces, a progress bar on a terminal, and at the end the counts in words.

use std::{collections::BTreeMap, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::reach::Reach;
use crate::{
    import::{Chunk, Counts, Format},
    operate::Operation,
};

const LINES: usize = 500;

/// Takes lines one after another and sends them in pieces.
pub struct Intake<'r> {
    reach: &'r Reach,
    site: u32,
    format: Format,
    file: String,
    waiting: Vec<(u64, String)>,
    counts: Counts,
    bar: ProgressBar,
}

impl<'r> Intake<'r> {
    /// For lines of a file, or of what stands for one, into a site.
    pub fn new(reach: &'r Reach, site: u32, format: Format, file: String, bar: ProgressBar) -> Self {
        Self { reach, site, format, file, waiting: Vec::with_capacity(LINES), counts: Counts::default(), bar }
    }

    /// One line and its place in the file; `done` is how far the whole is with it.
    pub async fn take(&mut self, place: u64, line: String, done: u64) -> anyhow::Result<()> {
        self.waiting.push((place, line));
        if self.waiting.len() == LINES {
            self.send().await?;
            self.bar.set_position(done);
        }
        Ok(())
    }

    /// Sends the rest and waits until the warehouse has everything.
    pub async fn finish(mut self) -> anyhow::Result<Counts> {
        if !self.waiting.is_empty() {
            self.send().await?;
        }
        self.bar.set_position(self.bar.length().unwrap_or_default());
        self.bar.set_message("into the warehouse");
        self.reach.operate(Operation::Settle { limit_ms: 30_000 }).await?;
        self.bar.finish_and_clear();
        Ok(self.counts)
    }

    async fn send(&mut self) -> anyhow::Result<()> {
        let chunk = Chunk { format: self.format, file: self.file.clone(), lines: std::mem::take(&mut self.waiting) };
        let answer = self.reach.operate(Operation::Import { site: self.site, chunk }).await?;
        self.counts.add(&serde_json::from_value(answer)?);
        Ok(())
    }
}

/// A bar on a terminal, and none elsewhere; `amounts` says what it counts, in indicatif's template words.
pub fn progress(length: u64, amounts: &str, json: bool) -> ProgressBar {
    let bar = ProgressBar::new(length);
    if json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template(&format!("{{bar:40}} {amounts}  {{eta}}  {{msg}}"));
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// The counts as a small table.
pub fn in_words(counts: &Counts) -> String {
    let reasons = |by: &BTreeMap<String, u64>| {
        by.iter().fold(String::new(), |text, (reason, n)| text + &format!("\n    {reason:<24}{n:>10}"))
    };
    format!(
        "read      {:>10}\nkept      {:>10}\ndropped   {:>10}{}\nrejected  {:>10}{}",
        counts.read,
        counts.kept,
        counts.dropped,
        reasons(&counts.dropped_by),
        counts.rejected,
        reasons(&counts.rejected_by)
    )
}
