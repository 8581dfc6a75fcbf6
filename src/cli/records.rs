//! `ashna import customers|orders|consents`: rows are checked here, and collected by the service.

use std::io::Read;

use anyhow::{Context, bail};

use super::{
    Common,
    chunk_sender::{progress, summary},
    import_source::{Options, open_source},
    print_answer,
    service::Service,
};
use crate::{
    clock,
    config::Config,
    feed::{FeedError, ReadOptions},
    import::{
        Counts,
        people::{self, CallRow, RecordKind},
        records::ROWS_PER_CHUNK,
    },
    model::Currency,
    operate::Operation,
};

/// Maximum number of rejected rows in the text output.
const REJECTED_SHOWN_MAX: usize = 20;
/// How long to wait for the warehouse, milliseconds.
const SETTLE_MS: u64 = 30_000;

pub async fn run(config: &Config, common: &Common, options: Options, kind: RecordKind) -> anyhow::Result<()> {
    let (source, length) = open_source(&options.file)?;
    let service = Service::open(config, &common.data_dir).await?;
    let bar = progress(length, if length == 0 { "{bytes}" } else { "{bytes}/{total_bytes}" }, common.json);
    let result = import(&service, &options, kind, bar.wrap_read(source)).await;
    if !options.dry_run && result.is_ok() {
        bar.set_message("waiting for the warehouse");
        service.operate(Operation::Settle { limit_ms: SETTLE_MS }).await?;
    }
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
    print_answer(common, &serde_json::to_value(&counts)?, &text(&counts, options.dry_run))
}

/// Imports all rows; returns the counts, and the error if reading stopped before the end.
async fn import(
    service: &Service,
    options: &Options,
    kind: RecordKind,
    source: impl Read + Send,
) -> anyhow::Result<(Counts, Option<FeedError>)> {
    let sites = service.operate(Operation::ListSites).await?;
    let known = sites.as_array().into_iter().flatten().find(|known| known["site_id"] == options.site);
    let currency = known.with_context(|| format!("there is no site {}", options.site))?["currency"].as_str();
    let currency = currency.and_then(Currency::parse).unwrap_or_default();
    let setting = ReadOptions { currency, now: clock::now(), bytes_max: u64::MAX };
    let (mut counts, mut pending) = (Counts::default(), Vec::new());
    for row in people::open(source, kind, setting)? {
        match row {
            Ok(row) => pending.push(row),
            Err(error) => {
                send(service, options, &mut pending, &mut counts).await?;
                return Ok((counts, Some(error)));
            }
        }
        if pending.len() == ROWS_PER_CHUNK {
            send(service, options, &mut pending, &mut counts).await?;
        }
    }
    send(service, options, &mut pending, &mut counts).await?;
    Ok((counts, None))
}

async fn send(
    service: &Service,
    options: &Options,
    pending: &mut Vec<CallRow>,
    counts: &mut Counts,
) -> anyhow::Result<()> {
    let chunk = counts.take_calls(std::mem::take(pending));
    if options.dry_run {
        counts.count_unsent(&chunk);
    } else if !chunk.lines.is_empty() {
        let answer = service.operate(Operation::Import { site: options.site, chunk }).await?;
        counts.add(&serde_json::from_value(answer)?);
    }
    Ok(())
}

fn text(counts: &Counts, dry_run: bool) -> String {
    let mut text = summary(counts);
    for row in counts.rejected_rows.iter().take(REJECTED_SHOWN_MAX) {
        text.push_str(&["\nline ", &row.row.to_string(), ": ", &row.message].concat());
    }
    let named = counts.rejected_rows.len().min(REJECTED_SHOWN_MAX) as u64;
    if counts.rejected > named {
        text.push_str(&["\nand ", &(counts.rejected - named).to_string(), " more"].concat());
    }
    if dry_run {
        text.push_str("\nnothing was stored: --dry-run");
    }
    text
}
