//! `ashna import`: a file, in pieces, with a progress bar on a terminal.

use std::path::PathBuf;

use clap::Args;

use super::{
    Common, FormatWord,
    intake::{Intake, in_words, progress},
    open, reach, tell,
};
use crate::config::Config;

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

pub async fn run(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let bytes = open(&options.file)?;
    let file = blake3::hash(&bytes).to_hex().to_string();
    let text = String::from_utf8_lossy(&bytes);
    let reach = reach::Reach::open(config, &common.data_dir).await?;
    let bar = progress(text.len() as u64, "{bytes}/{total_bytes}", common.json);
    let mut intake = Intake::new(&reach, options.site, options.format.into(), file, bar);
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let place = offset;
        offset += line.len() as u64;
        let content = line.trim_end_matches(['\n', '\r']);
        if !content.trim().is_empty() {
            intake.take(place, content.to_owned(), offset).await?;
        }
    }
    let counts = intake.finish().await?;
    reach.close().await;
    tell(common, &serde_json::to_value(&counts)?, &in_words(&counts))
}
