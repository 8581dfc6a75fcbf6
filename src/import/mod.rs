//! Imports of files: access logs, event files, catalogues.
//!
//! The command splits a file into chunks of lines; they are parsed here, next to the modules that store events. Every
//! line ends in exactly one of kept, dropped, rejected; a line's message id is a function of file, offset and text, so
//! that a second import adds nothing.

mod access_log;
pub mod feeds;
pub mod items;
pub mod people;
mod people_values;
pub mod records;

use std::{collections::BTreeMap, net::Ipv4Addr};

pub use access_log::{Line, NotAPageView, parse_line};
use futures_util::future::join_all;
pub use people_values::{RowIssue, RowIssueKind};
use serde::{Deserialize, Serialize};

pub use crate::wire::import::{Counts, RejectedRow};
use crate::{
    catalog::{Catalog, CatalogError, SiteSnapshot},
    clock,
    collect::{CollectError, Collector, IncomingBatch},
    ingest::{ClientHints, Consent, Identity, Sender, identify},
    model::{KnownBy, Site},
    telemetry::Outcome,
    wire::{collect, item::ItemBody},
};

/// A chunk of a file: whole lines, in order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// File format.
    pub format: Format,
    /// Hash of the file's content, hexadecimal: part of every line's message id. Empty for an access log, which grows.
    pub file: String,
    /// The lines, each with its byte offset in the file, or, for an access log, with the number of equal lines before
    /// it.
    pub lines: Vec<(u64, String)>,
}

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Requests in the combined log format.
    AccessLog,
    /// Segment calls, one per line.
    Events,
}

impl Counts {
    /// Maximum number of rows listed individually.
    pub const REJECTED_ROWS_MAX: usize = 100;

    /// Adds the counts of another chunk.
    pub fn add(&mut self, other: &Self) {
        self.read += other.read;
        self.kept += other.kept;
        self.dropped += other.dropped;
        self.rejected += other.rejected;
        let room = Self::REJECTED_ROWS_MAX - self.rejected_rows.len();
        self.rejected_rows.extend(other.rejected_rows.iter().take(room).cloned());
        let pairs = [
            (&mut self.dropped_by, &other.dropped_by),
            (&mut self.rejected_by, &other.rejected_by),
            (&mut self.noticed, &other.noticed),
        ];
        for (mine, theirs) in pairs {
            for (reason, n) in theirs {
                *mine.entry(reason.clone()).or_default() += n;
            }
        }
    }
}

impl From<Outcome> for Counts {
    fn from(outcome: Outcome) -> Self {
        let named = |by: &BTreeMap<&'static str, u64>| by.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
        Self {
            read: outcome.received,
            kept: outcome.kept,
            dropped: outcome.dropped_total(),
            rejected: outcome.rejected_total(),
            dropped_by: named(&outcome.dropped),
            rejected_by: named(&outcome.rejected),
            noticed: named(&outcome.noticed),
            rejected_rows: Vec::new(),
        }
    }
}

/// Why a chunk was not imported. The whole chunk can be sent again: lines already kept are recognized.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Storing events failed.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// Storing items failed.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Imports one chunk.
pub async fn import_chunk(collector: &Collector, site: &SiteSnapshot, chunk: Chunk) -> Result<Counts, ImportError> {
    match chunk.format {
        Format::Events => Ok(import_events(collector, &site.site, &chunk).await?.into()),
        Format::AccessLog => Ok(import_requests(collector, &site.site, &chunk).await?.into()),
    }
}

/// Imports items parsed elsewhere; rows are numbered by their index, from 1.
///
/// # Errors
/// If they could not be stored.
pub async fn import_items(catalog: &Catalog, site: &SiteSnapshot, items: Vec<ItemBody>) -> Result<Counts, ImportError> {
    Ok(items::store(catalog, site.site.id, items.into_iter().map(Ok).collect()).await?.0)
}

/// Segment calls, one per line. A call without a message id gets one derived from its offset in the file.
async fn import_events(collector: &Collector, site: &Site, chunk: &Chunk) -> Result<Outcome, CollectError> {
    let lines: Vec<String> = chunk.lines.iter().map(|(offset, line)| named_call(&chunk.file, *offset, line)).collect();
    let body = format!("{{\"batch\":[{}]}}", lines.join(","));
    let Ok(batch) = collect::parse(body.as_bytes()) else {
        let received = chunk.lines.len() as u64;
        let unreadable = Outcome { received, rejected: [("unreadable_line", received)].into(), ..Outcome::default() };
        collector.count(site.id, &unreadable);
        return Ok(unreadable);
    };
    let identity = identify::resolve(None, "", true, rand::random(), clock::now());
    let arrival = IncomingBatch {
        site,
        batch: &batch,
        sender: Sender::Server,
        hints: ClientHints::default(),
        user_agent: "",
        address: None,
        identity,
        server_key: true,
        from_file: true,
        consent: Consent::FULL,
        refusal_signal: false,
    };
    Ok(collector.collect(arrival).await?.outcome)
}

fn named_call(file: &str, offset: u64, line: &str) -> String {
    let Ok(serde_json::Value::Object(mut call)) = serde_json::from_str::<serde_json::Value>(line) else {
        // Not a JSON object: passed on as a string, which ingest rejects and counts.
        return serde_json::Value::from(line).to_string();
    };
    if call.get("messageId").and_then(serde_json::Value::as_str).is_none_or(str::is_empty) {
        call.insert("messageId".into(), message_id(file, offset, line).into());
    }
    serde_json::Value::Object(call).to_string()
}

/// Requests of an access log: page views become events, everything else is dropped by reason.
async fn import_requests(collector: &Collector, site: &Site, chunk: &Chunk) -> Result<Outcome, CollectError> {
    let mut total = Outcome::default();
    let mut waiting = Vec::new();
    for (offset, text) in &chunk.lines {
        match parse_line(text) {
            Err(_) => total.count_rejected("unreadable_line"),
            Ok(line) => {
                if let Err(reason) = line.page_view() {
                    total.count_dropped(reason.as_str());
                    continue;
                }
                let event = line.as_event(site, &message_id(&chunk.file, *offset, text));
                waiting.push((line, event));
            }
        }
    }
    total.received = (chunk.lines.len() - waiting.len()) as u64;
    collector.count(site.id, &total);
    // Lines of one chunk share an fsync: they are collected concurrently, in order of the file.
    let imports = waiting.iter().map(|(line, event)| import_view(collector, site, line, event));
    for outcome in join_all(imports).await {
        total.add(&outcome?);
    }
    Ok(total)
}

async fn import_view(
    collector: &Collector,
    site: &Site,
    line: &Line<'_>,
    event: &str,
) -> Result<Outcome, CollectError> {
    let Line { address, user_agent, at, .. } = *line;
    let Ok(batch) = collect::parse(event.as_bytes()) else {
        let unreadable = Outcome { received: 1, rejected: [("unreadable_line", 1)].into(), ..Outcome::default() };
        collector.count(site.id, &unreadable);
        return Ok(unreadable);
    };
    // A log has no cookies: address and user agent identify a visitor, hashed with the site's secret so that the
    // address cannot be recovered. For a site that recognizes visitors for one day only, the same holds for its logs.
    let address_or_none = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let day = match site.visitors.known_by {
        KnownBy::Cookie => 0,
        KnownBy::DailyHash => at.0.div_euclid(86_400_000),
    };
    let known_by = format!("{day}\0{address_or_none}\0{user_agent}");
    let visitor = identify::visitor_of(site, identify::IdKind::LogClient, &known_by);
    let arrival = IncomingBatch {
        site,
        batch: &batch,
        sender: Sender::Import,
        user_agent,
        hints: ClientHints::default(),
        address,
        identity: Identity::derived(visitor),
        server_key: false,
        from_file: true,
        consent: Consent::FULL,
        refusal_signal: false,
    };
    Ok(collector.collect(arrival).await?.outcome)
}

/// Identity of a line: file, offset and text, so that identical lines count separately. A line of an access log is
/// identified by its text and its number among equal ones, so that a log that has grown only adds what is new.
fn message_id(file: &str, offset: u64, line: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(file.as_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(line.as_bytes());
    hasher.finalize().to_hex().to_string()
}
