//! `ashna import`: imports a file in chunks, with a progress bar on a terminal.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read},
};

use anyhow::{Context, bail};
use flate2::read::MultiGzDecoder;

use super::{
    Common, FileFormat,
    chunk_sender::{ChunkSender, progress, summary},
    import_source::{Options, open_source},
    print_answer, read_file, records, service,
};
use crate::{
    clock,
    config::Config,
    feed,
    import::{Counts, Format, items::ROWS_PER_CHUNK, people::RecordKind},
    model::Currency,
    operate::Operation,
    wire::item::ItemBody,
};

/// Maximum size of an unpacked file of events, which is held in memory.
const EVENTS_BYTES_MAX: u64 = 8 << 30;
/// Maximum length of a line of an access log.
const LINE_BYTES_MAX: u64 = 1 << 20;
/// Maximum number of rejected rows in the text output.
const REJECTED_SHOWN_MAX: usize = 10;

pub async fn run(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    if options.dry_run && matches!(options.format, FileFormat::AccessLog | FileFormat::Events | FileFormat::Items) {
        bail!("--dry-run is for customers, orders and consents");
    }
    let format = match options.format {
        FileFormat::Customers => return records::run(config, common, options, RecordKind::Customers).await,
        FileFormat::Orders => return records::run(config, common, options, RecordKind::Orders).await,
        FileFormat::Consents => return records::run(config, common, options, RecordKind::Consents).await,
        FileFormat::AccessLog => return access_log(config, common, options).await,
        FileFormat::Events => Format::Events,
        FileFormat::Items => return items(config, common, options).await,
    };
    let bytes = unpacked(read_file(&options.file)?)?;
    let file = blake3::hash(&bytes).to_hex().to_string();
    let text = String::from_utf8_lossy(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
    let service = service::Service::open(config, &common.data_dir).await?;
    let bar = progress(text.len() as u64, "{bytes}/{total_bytes}", common.json);
    let mut sender = ChunkSender::new(&service, options.site, format, file, bar);
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let position = offset;
        offset += line.len() as u64;
        let content = line.trim_end_matches(['\n', '\r']);
        if !content.trim().is_empty() {
            sender.push(position, content.to_owned(), offset).await?;
        }
    }
    let counts = sender.finish().await?;
    service.close().await;
    print_answer(common, &serde_json::to_value(&counts)?, &summary(&counts))?;
    // Exports of other products are JSON too, but their lines are no Segment calls.
    if counts.read > 0 && counts.rejected == counts.read {
        bail!(
            "none of the {} lines is a Segment call such as {{\"type\": \"track\", \"event\": \"Signed Up\", \"userId\": \"7\", \"timestamp\": \"2026-01-31T08:00:00Z\"}}",
            counts.read
        );
    }
    Ok(())
}

/// Unpacks gzip; other input is passed through.
fn unpacked(bytes: Vec<u8>) -> anyhow::Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut unpacked = Vec::new();
    let mut source = MultiGzDecoder::new(&*bytes).take(EVENTS_BYTES_MAX + 1);
    source.read_to_end(&mut unpacked).context("the file cannot be unpacked")?;
    if unpacked.len() as u64 > EVENTS_BYTES_MAX {
        bail!("the unpacked file is larger than {EVENTS_BYTES_MAX} bytes; import it in parts");
    }
    Ok(unpacked)
}

/// Imports an access log line by line; it may be gzipped and of any size.
async fn access_log(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let (source, length) = open_source(&options.file)?;
    let service = service::Service::open(config, &common.data_dir).await?;
    let bar = progress(length, if length == 0 { "{bytes}" } else { "{bytes}/{total_bytes}" }, common.json);
    let mut source = decompressed(BufReader::new(bar.wrap_read(source)))?;
    let mut sender = ChunkSender::new(&service, options.site, Format::AccessLog, String::new(), bar.clone());
    let (mut equal, mut line) = (EqualLines::default(), Vec::new());
    while source.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        line.clear();
        if !text.trim().is_empty() {
            let before = equal.count(&text);
            sender.push(before, text, bar.position()).await?;
        }
    }
    let counts = sender.finish().await?;
    service.close().await;
    print_answer(common, &serde_json::to_value(&counts)?, &summary(&counts))
}

/// Decompresses gzip; other input is passed through.
fn decompressed(mut source: impl BufRead + Send + 'static) -> anyhow::Result<Box<dyn BufRead + Send>> {
    let is_gzip = source.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if is_gzip { Box::new(BufReader::new(MultiGzDecoder::new(source))) } else { Box::new(source) })
}

/// Counts earlier equal lines among at least the last [`EqualLines::LINES`] different ones: equal lines of a log have the
/// same second.
#[derive(Default)]
struct EqualLines {
    current: HashMap<u64, u64>,
    previous: HashMap<u64, u64>,
}

impl EqualLines {
    const LINES: usize = 500_000;

    fn count(&mut self, line: &str) -> u64 {
        if self.current.len() >= Self::LINES {
            self.previous = std::mem::take(&mut self.current);
        }
        let hash = blake3::hash(line.as_bytes());
        let hash = u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap_or(&[0; 8]));
        let earlier = self.previous.get(&hash).copied().unwrap_or(0);
        let seen = self.current.entry(hash).or_insert(earlier);
        *seen += 1;
        *seen - 1
    }
}

/// Imports items: parsed here row by row, in bounded memory, and stored by the service.
async fn items(config: &Config, common: &Common, options: Options) -> anyhow::Result<()> {
    let (source, length) = open_source(&options.file)?;
    let service = service::Service::open(config, &common.data_dir).await?;
    let bar = progress(length, if length == 0 { "{bytes}" } else { "{bytes}/{total_bytes}" }, common.json);
    let result = import_rows(&service, options.site, bar.wrap_read(source)).await;
    bar.finish_and_clear();
    service.close().await;
    let (counts, error) = result?;
    if let Some(error) = error {
        bail!(
            "{error}; of {} rows before it {} were kept, {} dropped, {} rejected",
            counts.read,
            counts.kept,
            counts.dropped,
            counts.rejected
        );
    }
    let mut text = summary(&counts);
    for row in counts.rejected_rows.iter().take(REJECTED_SHOWN_MAX) {
        text.push_str(&["\nrow ", &row.row.to_string(), ": ", &row.message].concat());
    }
    print_answer(common, &serde_json::to_value(&counts)?, &text)
}

/// Imports all rows; returns the counts, and the error if reading stopped before the end.
async fn import_rows(
    service: &service::Service,
    site: u32,
    source: impl Read + Send,
) -> anyhow::Result<(Counts, Option<feed::FeedError>)> {
    let sites = service.operate(Operation::ListSites).await?;
    let known = sites.as_array().into_iter().flatten().find(|known| known["site_id"] == site);
    let currency = known.with_context(|| format!("there is no site {site}"))?["currency"].as_str();
    let currency = currency.and_then(Currency::parse).unwrap_or_default();
    let setting = feed::ReadOptions { currency, now: clock::now(), bytes_max: u64::MAX };
    let (mut counts, mut positions, mut pending) = (Counts::default(), Vec::new(), Vec::new());
    let opened = match feed::open(source, setting) {
        Ok(rows) => rows,
        Err(error) => return Err(error.into()),
    };
    for row in opened {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                send(service, site, &mut positions, &mut pending, &mut counts).await?;
                return Ok((counts, Some(error)));
            }
        };
        match row.item {
            Err(issue) => {
                counts.read += 1;
                counts.rejected += 1;
                counts.reject(row.number, &issue);
            }
            Ok(item) => {
                positions.push(row.number);
                pending.push(item);
            }
        }
        if pending.len() == ROWS_PER_CHUNK {
            send(service, site, &mut positions, &mut pending, &mut counts).await?;
        }
    }
    send(service, site, &mut positions, &mut pending, &mut counts).await?;
    Ok((counts, None))
}

async fn send(
    service: &service::Service,
    site: u32,
    positions: &mut Vec<u64>,
    pending: &mut Vec<ItemBody>,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let items = std::mem::take(pending);
    if !items.is_empty() {
        let answer = service.operate(Operation::ImportItems { site, items }).await?;
        counts.add(&serde_json::from_value::<Counts>(answer)?.with_row_numbers(positions));
        positions.clear();
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
    fn a_packed_file_is_decompressed() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut packed, b"one\ntwo\n").unwrap();
        for bytes in [packed.finish().unwrap(), b"one\ntwo\n".to_vec()] {
            let lines: Vec<_> =
                decompressed(std::io::Cursor::new(bytes)).unwrap().lines().map(Result::unwrap).collect();
            assert_eq!(lines, ["one", "two"]);
        }
    }
}
