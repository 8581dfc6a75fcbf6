//! `ashna import`: a file, in pieces, with a progress bar on a terminal.

use std::{io::IsTerminal, path::PathBuf, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Common, FormatWord, open, reach, tell};
use crate::{
    config::Config,
    import::{Chunk, Counts},
    operate::Operation,
};

/// What to take in.
#[derive(Debug, Args)]
pub struct Options {
    /// What the file holds.
    format: FormatWord,
    /// The file; `-` is standard input.
    file: PathBuf,
    /// The site it belongs to.
    #[arg(long)]
    site: u32,
}

const LINES: usize = 500;

pub async fn run(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let bytes = open(&options.file)?;
    let file = blake3::hash(&bytes).to_hex().to_string();
    let text = String::from_utf8_lossy(&bytes);
    let reach = reach::Reach::open(config, &common.data_dir).await?;
    let bar = progress(text.len() as u64, common.json);
    let mut counts = Counts::default();
    let mut chunk = Vec::with_capacity(LINES);
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let content = line.trim_end_matches(['\n', '\r']);
        if !content.trim().is_empty() {
            chunk.push((offset, content.to_owned()));
        }
        offset += line.len() as u64;
        if chunk.len() == LINES {
            send(&reach, &options, &file, std::mem::take(&mut chunk), &mut counts).await?;
            bar.set_position(offset);
        }
    }
    if !chunk.is_empty() {
        send(&reach, &options, &file, chunk, &mut counts).await?;
    }
    bar.set_position(offset);
    bar.set_message("into the warehouse");
    reach.operate(Operation::Settle { limit_ms: 30_000 }).await?;
    bar.finish_and_clear();
    reach.close().await;
    tell(common, &serde_json::to_value(&counts)?, &in_words(&counts))
}

/// One piece; where the service cannot take it now, the same piece again, since what it kept is known.
async fn send(
    reach: &reach::Reach,
    options: &Options,
    file: &str,
    lines: Vec<(u64, String)>,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let chunk = Chunk { format: options.format.into(), file: file.to_owned(), lines };
    let answer = reach.operate(Operation::Import { site: options.site, chunk }).await?;
    counts.add(&serde_json::from_value(answer)?);
    Ok(())
}

fn progress(bytes: u64, json: bool) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    if json || !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes}  {eta}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn in_words(counts: &Counts) -> String {
    let reasons = |by: &std::collections::BTreeMap<String, u64>| {
        by.iter().map(|(reason, n)| format!("\n    {reason:<24}{n:>10}")).collect::<String>()
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
