//! Sends lines to the service in chunks, with a progress bar on a terminal; formats the resulting counts.

use std::{collections::BTreeMap, io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::service::Service;
use crate::{
    import::{Chunk, Counts, Format},
    operate::Operation,
};

/// Lines per chunk.
const CHUNK_LINES: usize = 500;

/// Collects lines and sends them in chunks.
pub struct ChunkSender<'r> {
    service: &'r Service,
    site: u32,
    format: Format,
    file: String,
    pending: Vec<(u64, String)>,
    counts: Counts,
    bar: ProgressBar,
}

impl<'r> ChunkSender<'r> {
    /// Creates a sender for one site; `file` identifies the source, for stable message ids.
    pub fn new(service: &'r Service, site: u32, format: Format, file: String, bar: ProgressBar) -> Self {
        Self { service, site, format, file, pending: Vec::with_capacity(CHUNK_LINES), counts: Counts::default(), bar }
    }

    /// Adds one line with its position in the file; `done` is the progress after it.
    pub async fn push(&mut self, position: u64, line: String, done: u64) -> anyhow::Result<()> {
        self.pending.push((position, line));
        if self.pending.len() == CHUNK_LINES {
            self.send().await?;
            self.bar.set_position(done);
        }
        Ok(())
    }

    /// Sends the remaining lines and waits until all events are in the warehouse.
    pub async fn finish(mut self) -> anyhow::Result<Counts> {
        if !self.pending.is_empty() {
            self.send().await?;
        }
        self.bar.set_position(self.bar.length().unwrap_or_default());
        self.bar.set_message("waiting for the warehouse");
        self.service.operate(Operation::Settle { limit_ms: 30_000 }).await?;
        self.bar.finish_and_clear();
        Ok(self.counts)
    }

    async fn send(&mut self) -> anyhow::Result<()> {
        let chunk = Chunk { format: self.format, file: self.file.clone(), lines: std::mem::take(&mut self.pending) };
        let answer = self.service.operate(Operation::Import { site: self.site, chunk }).await?;
        self.counts.add(&serde_json::from_value(answer)?);
        Ok(())
    }
}

/// Creates a progress bar, visible only on a terminal; `amounts` is a part of an indicatif template.
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

/// Formats the counts as a small table.
pub fn summary(counts: &Counts) -> String {
    let reasons = |by_reason: &BTreeMap<String, u64>| {
        by_reason.iter().fold(String::new(), |text, (reason, n)| text + &format!("\n    {reason:<24}{n:>10}"))
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
