//! `ashna import`: a file, in pieces, with a progress bar on a terminal.

use std::{fs::File, io::Read, path::PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::{
    Common, FormatWord,
    intake::{Intake, in_words, progress},
    open, reach, tell,
};
use crate::{
    clock,
    config::Config,
    feed,
    import::{Counts, Format, items::PIECE},
    model::Currency,
    operate::Operation,
    wire::item::ItemBody,
};

/// Rows that the words on a terminal name.
const NAMED_MAX: usize = 10;

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
    let format = match options.format {
        FormatWord::AccessLog => Format::AccessLog,
        FormatWord::Events => Format::Events,
        FormatWord::Items => return items(config, common, options).await,
    };
    let bytes = open(&options.file)?;
    let file = blake3::hash(&bytes).to_hex().to_string();
    let text = String::from_utf8_lossy(&bytes);
    let reach = reach::Reach::open(config, &common.data_dir).await?;
    let bar = progress(text.len() as u64, "{bytes}/{total_bytes}", common.json);
    let mut intake = Intake::new(&reach, options.site, format, file, bar);
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

/// Items are read here, row by row whatever the file's size, and stored by the service.
async fn items(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let (source, length): (Box<dyn Read + Send>, u64) = if options.file.as_os_str() == "-" {
        (Box::new(std::io::stdin()), 0)
    } else {
        let file = File::open(&options.file).with_context(|| format!("cannot read {}", options.file.display()))?;
        let length = file.metadata().map_or(0, |about| about.len());
        (Box::new(file), length)
    };
    let reach = reach::Reach::open(config, &common.data_dir).await?;
    let bar = progress(length, if length == 0 { "{bytes}" } else { "{bytes}/{total_bytes}" }, common.json);
    let taken = rows(&reach, options.site, bar.wrap_read(source)).await;
    bar.finish_and_clear();
    reach.close().await;
    let (counts, broken) = taken?;
    if let Some(error) = broken {
        bail!(
            "{error}; of {} rows before it {} were kept, {} dropped, {} rejected",
            counts.read,
            counts.kept,
            counts.dropped,
            counts.rejected
        );
    }
    let mut words = in_words(&counts);
    for row in counts.rejected_rows.iter().take(NAMED_MAX) {
        words.push_str(&["\nrow ", &row.row.to_string(), ": ", &row.message].concat());
    }
    tell(common, &serde_json::to_value(&counts)?, &words)
}

/// What became of the rows, and what ended the file before its end.
async fn rows(
    reach: &reach::Reach,
    site: u32,
    source: impl Read + Send,
) -> anyhow::Result<(Counts, Option<feed::FeedError>)> {
    let sites = reach.operate(Operation::ListSites).await?;
    let known = sites.as_array().into_iter().flatten().find(|known| known["site_id"] == site);
    let currency = known.with_context(|| format!("there is no site {site}"))?["currency"].as_str();
    let currency = currency.and_then(Currency::parse).unwrap_or_default();
    let setting = feed::Setting { currency, now: clock::now(), bytes_max: u64::MAX };
    let (mut counts, mut places, mut waiting) = (Counts::default(), Vec::new(), Vec::new());
    let opened = match feed::open(source, setting) {
        Ok(rows) => rows,
        Err(error) => return Err(error.into()),
    };
    for row in opened {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                send(reach, site, &mut places, &mut waiting, &mut counts).await?;
                return Ok((counts, Some(error)));
            }
        };
        match row.item {
            Err(flaw) => {
                counts.read += 1;
                counts.rejected += 1;
                counts.reject(row.place, &flaw);
            }
            Ok(item) => {
                places.push(row.place);
                waiting.push(item);
            }
        }
        if waiting.len() == PIECE {
            send(reach, site, &mut places, &mut waiting, &mut counts).await?;
        }
    }
    send(reach, site, &mut places, &mut waiting, &mut counts).await?;
    Ok((counts, None))
}

async fn send(
    reach: &reach::Reach,
    site: u32,
    places: &mut Vec<u64>,
    waiting: &mut Vec<ItemBody>,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let items = std::mem::take(waiting);
    if !items.is_empty() {
        let answer = reach.operate(Operation::ImportItems { site, items }).await?;
        counts.add(&serde_json::from_value::<Counts>(answer)?.placed(places));
        places.clear();
    }
    Ok(())
}
