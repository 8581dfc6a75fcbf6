//! `ashna import`: a file, in pieces, with a progress bar on a terminal.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use clap::Args;
use flate2::read::MultiGzDecoder;

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

/// What is longer is not one line of a log.
const LINE_BYTES_MAX: u64 = 1 << 20;
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
        FormatWord::AccessLog => return access_log(config, common, options).await,
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

/// A log is read line by line, packed or not, and may be of any size.
async fn access_log(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let (source, length) = source_of(&options.file)?;
    let reach = reach::Reach::open(config, &common.data_dir).await?;
    let bar = progress(length, if length == 0 { "{bytes}" } else { "{bytes}/{total_bytes}" }, common.json);
    let mut source = unpacked(BufReader::new(bar.wrap_read(source)))?;
    let mut intake = Intake::new(&reach, options.site, Format::AccessLog, String::new(), bar.clone());
    let (mut equal, mut line) = (EqualLines::default(), Vec::new());
    while source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if !text.trim().is_empty() {
            let before = equal.count(&text);
            intake.take(before, text, bar.position()).await?;
        }
    }
    let counts = intake.finish().await?;
    reach.close().await;
    tell(common, &serde_json::to_value(&counts)?, &in_words(&counts))
}

/// The file, or standard input for `-`, and its length where it is known.
fn source_of(file: &Path) -> anyhow::Result<(Box<dyn Read + Send>, u64)> {
    if file.as_os_str() == "-" {
        return Ok((Box::new(std::io::stdin()), 0));
    }
    let source = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let length = source.metadata().map_or(0, |about| about.len());
    Ok((Box::new(source), length))
}

/// The same bytes, unpacked where they are gzip.
fn unpacked(mut source: impl BufRead + Send + 'static) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let is_packed = source.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_packed { Box::new(BufReader::new(MultiGzDecoder::new(source))) } else { Box::new(source) })
}

/// How many equal lines came before, remembered for the last [`EqualLines::LINES`] different ones at least: equal lines of
/// a log name the same second.
#[derive(Default)]
struct EqualLines {
    now: HashMap<u64, u64>,
    before: HashMap<u64, u64>,
}

impl EqualLines {
    const LINES: usize = 500_000;

    fn count(&mut self, line: &str) -> u64 {
        if self.now.len() >= Self::LINES {
            self.before = std::mem::take(&mut self.now);
        }
        let name = blake3::hash(line.as_bytes());
        let name = u64::from_le_bytes(*name.as_bytes().first_chunk().unwrap_or(&[0; 8]));
        let earlier = self.before.get(&name).copied().unwrap_or(0);
        let seen = self.now.entry(name).or_insert(earlier);
        *seen += 1;
        *seen - 1
    }
}

/// Items are read here, row by row whatever the file's size, and stored by the service.
async fn items(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let (source, length) = source_of(&options.file)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_are_numbered() {
        let mut equal = EqualLines::default();
        assert_eq!(["a", "b", "a", "a", "b"].map(|line| equal.count(line)), [0, 0, 1, 2, 1]);
    }

    #[test]
    fn a_packed_file_is_unpacked() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"one\ntwo\n").unwrap();
        for bytes in [packed.finish().unwrap(), b"one\ntwo\n".to_vec()] {
            let lines: Vec<_> = unpacked(std::io::Cursor::new(bytes)).unwrap().lines().map(Result::unwrap).collect();
            assert_eq!(lines, ["one", "two"]);
        }
    }
}
