//! Taking files in: access logs, event files, catalogues.
//!
//! A file is cut into chunks of lines by the command and understood here, beside the rooms that keep
//! the events. Every line ends in exactly one of kept, dropped, rejected; a line's message id is a
//! function of the file, the place and the text, so that a second import adds nothing.

mod access_log;
pub mod feeds;
pub mod items;

use std::{collections::BTreeMap, net::Ipv4Addr};

pub use access_log::{Line, NotAPageView, parse_line};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    catalog::{Catalog, CatalogError, SiteSnapshot},
    clock,
    collect::{Arrival, CollectError, Collector},
    ingest::{Consent, Hints, Identity, Sender, identify},
    model::{KnownBy, Site},
    telemetry::Outcome,
    wire::{collect, item::ItemBody},
};

/// A piece of a file: whole lines, in order.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chunk {
    /// What the file is.
    pub format: Format,
    /// Hash of the whole file's content, hexadecimal: part of every line's message id. Empty for an access log, which grows.
    pub file: String,
    /// The lines, each with its byte offset in the file; of an access log with how many equal lines stand before it.
    pub lines: Vec<(u64, String)>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// Requests in the combined log format.
    AccessLog,
    /// Calls of the Segment specification, one a line.
    Events,
}

/// What became of the lines; `read = kept + dropped + rejected`.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Lines read.
    pub read: u64,
    /// Lines stored.
    pub kept: u64,
    /// Lines left out on purpose.
    pub dropped: u64,
    /// Lines that cannot be used.
    pub rejected: u64,
    /// Lines left out, by reason.
    pub dropped_by: BTreeMap<String, u64>,
    /// Lines that cannot be used, by reason.
    pub rejected_by: BTreeMap<String, u64>,
    /// What was noticed about lines besides, such as the kinds of robots.
    #[serde(default)]
    pub noticed: BTreeMap<String, u64>,
    /// The first rows of items that cannot be used, at most [`Counts::REJECTED_ROWS_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_rows: Vec<RejectedRow>,
}

/// A row of items that cannot be used.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RejectedRow {
    /// Its line or place, counted from 1.
    pub row: u64,
    /// Why, in one word.
    pub reason: String,
    /// Why, in one line.
    pub message: String,
}

impl Counts {
    /// Rows that are named one by one.
    pub const REJECTED_ROWS_MAX: usize = 100;

    /// Adds the counts of another piece.
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

/// Why a chunk was not taken. The whole chunk can be sent again: what was kept is known.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Events could not be made durable.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// Items could not be stored.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Takes one chunk.
pub async fn take(collector: &Collector, site: &SiteSnapshot, chunk: Chunk) -> Result<Counts, ImportError> {
    match chunk.format {
        Format::Events => Ok(take_events(collector, &site.site, &chunk).await?.into()),
        Format::AccessLog => Ok(take_requests(collector, &site.site, &chunk).await?.into()),
    }
}

/// Takes items that were read elsewhere; rows are named by their place, counted from 1.
///
/// # Errors
/// When they could not be stored.
pub async fn take_items(catalog: &Catalog, site: &SiteSnapshot, items: Vec<ItemBody>) -> Result<Counts, ImportError> {
    Ok(items::put(catalog, site.site.id, items.into_iter().map(Ok).collect()).await?.0)
}

/// Segment calls, one a line. A call without a message id gets one from its place in the file.
async fn take_events(collector: &Collector, site: &Site, chunk: &Chunk) -> Result<Outcome, CollectError> {
    let lines: Vec<String> = chunk.lines.iter().map(|(offset, line)| named_call(&chunk.file, *offset, line)).collect();
    let body = format!("{{\"batch\":[{}]}}", lines.join(","));
    let Ok(batch) = collect::parse(body.as_bytes()) else {
        let received = chunk.lines.len() as u64;
        let unreadable = Outcome { received, rejected: [("unreadable_line", received)].into(), ..Outcome::default() };
        collector.count(site.id, &unreadable);
        return Ok(unreadable);
    };
    let identity = identify::settle(None, "", true, rand::random(), clock::now());
    let arrival = Arrival {
        site,
        batch: &batch,
        sender: Sender::Server,
        hints: Hints::default(),
        user_agent: "",
        address: None,
        identity,
        server_key: true,
        from_file: true,
        consent: Consent::FULL,
        refusal_signal: false,
    };
    Ok(collector.take(arrival).await?.outcome)
}

fn named_call(file: &str, offset: u64, line: &str) -> String {
    let Ok(serde_json::Value::Object(mut call)) = serde_json::from_str::<serde_json::Value>(line) else {
        // Not a JSON object: sent on as a text, which ingest rejects and counts.
        return serde_json::Value::from(line).to_string();
    };
    if call.get("messageId").and_then(serde_json::Value::as_str).is_none_or(str::is_empty) {
        call.insert("messageId".into(), message_id(file, offset, line).into());
    }
    serde_json::Value::Object(call).to_string()
}

/// Requests of an access log: page views are taken as events, all else is dropped by reason.
async fn take_requests(collector: &Collector, site: &Site, chunk: &Chunk) -> Result<Outcome, CollectError> {
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
    // Lines of one chunk share an fsync: they are taken side by side, in order of the file.
    let taken = waiting.iter().map(|(line, event)| take_view(collector, site, line, event));
    for outcome in join_all(taken).await {
        total.add(&outcome?);
    }
    Ok(total)
}

async fn take_view(collector: &Collector, site: &Site, line: &Line<'_>, event: &str) -> Result<Outcome, CollectError> {
    let Line { address, user_agent, at, .. } = *line;
    let Ok(batch) = collect::parse(event.as_bytes()) else {
        let unreadable = Outcome { received: 1, rejected: [("unreadable_line", 1)].into(), ..Outcome::default() };
        collector.count(site.id, &unreadable);
        return Ok(unreadable);
    };
    // A log knows no cookies: address and user agent together stand for a visitor, hashed with the
    // site's secret so that the address cannot be guessed back. A site that knows visitors for a day
    // knows them so in its logs too.
    let address_or_none = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let day = match site.visitors.known_by {
        KnownBy::Cookie => 0,
        KnownBy::DailyHash => at.0.div_euclid(86_400_000),
    };
    let known_by = format!("{day}\0{address_or_none}\0{user_agent}");
    let visitor = identify::visitor_of(site, identify::IdKind::LogClient, &known_by);
    let arrival = Arrival {
        site,
        batch: &batch,
        sender: Sender::Import,
        user_agent,
        hints: Hints::default(),
        address,
        identity: Identity::derived(visitor),
        server_key: false,
        from_file: true,
        consent: Consent::FULL,
        refusal_signal: false,
    };
    Ok(collector.take(arrival).await?.outcome)
}

/// Identity of a line: file, place and text, so that identical lines count separately. A line of an access log is its text
/// and its number among equal ones, so that a log that grew adds only what is new.
fn message_id(file: &str, offset: u64, line: &str) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(file.as_bytes());
    hasher.update(&offset.to_le_bytes());
    hasher.update(line.as_bytes());
    hasher.finalize().to_hex().to_string()
}
