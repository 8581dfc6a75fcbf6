//! Request flow: what became of one event, from its arrival to the tables.
//!
//! It is looked for by its message id in the journal, the quarantine and the warehouse. Dropped and rejected events are
//! counted by reason and stored nowhere, so they are not found.
//! Example: `trace.event(site, "order-17").await?`.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    delivery::{DeliveryStatus, Replay, ReplayError},
    journal::{Journal, ReadError},
    model::{MessageHash, Position, SiteId, Timestamp, VisitorId},
    store::{Store, StoreError},
};

/// Records of one read from the journal.
const RECORDS: usize = 10_000;
const BYTES: usize = 16 << 20;

/// Why an event cannot be traced now.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The warehouse failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The quarantine cannot be read.
    #[error(transparent)]
    Quarantine(#[from] ReplayError),
    /// The journal cannot be read.
    #[error("the journal cannot be read: {0}")]
    Journal(String),
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TraceOutcome {
    /// It is in the warehouse.
    Inserted,
    /// The warehouse refused it.
    Quarantined,
    /// It is durable and waits for the warehouse.
    Waiting,
    /// It was delivered, but the warehouse has no row of it: erased or pruned, or lost.
    Removed,
    /// It was never kept, or so long ago that nothing remains: dropped and rejected events are counted, not stored.
    NotFound,
}

/// What is known of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// What became of it.
    pub outcome: TraceOutcome,
    /// Hash of the message id, as in the column `message`, 32 hexadecimal digits.
    pub message: String,
    /// Its place in the journal.
    pub journal: Option<JournalPlace>,
    /// Its rows in the table of events; more than one is an error.
    pub rows: Vec<TraceRow>,
    /// How many rows each table has of its position.
    pub tables: Vec<TableRows>,
    /// Why the warehouse refused it.
    pub quarantine_reason: Option<String>,
}

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct JournalPlace {
    /// The journal's id.
    pub journal: u64,
    /// Its position.
    pub position: u64,
    /// Whether delivery has passed it.
    pub is_delivered: bool,
    /// Whether the journal still holds the record.
    pub is_held: bool,
}

/// A stored row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TraceRow {
    /// Name of the event.
    pub name: String,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// When it was received.
    pub received_at: Timestamp,
    /// The visitor; all zeros without consent.
    pub visitor: String,
    /// Why it counts as a robot's; empty for humans.
    pub robot: String,
    /// The part of the table that holds it, which begins with its month.
    pub part: String,
}

/// Rows of one position in a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableRows {
    /// The table.
    pub table: String,
    /// Its rows.
    pub rows: u64,
}

/// Traces events.
#[derive(Clone)]
pub struct Tracer {
    /// The warehouse.
    pub store: Store,
    /// Durable events.
    pub journal: Arc<Journal>,
    /// How far delivery is.
    pub delivery: DeliveryStatus,
    /// Rows that the warehouse refused.
    pub quarantine: Replay,
}

impl Tracer {
    /// Traces an event by its message id as it was sent, or by the hash of it, 32 hexadecimal digits with or without
    /// dashes.
    ///
    /// # Errors
    /// If the warehouse does not respond, or files cannot be read.
    pub async fn event(&self, site: SiteId, id: &str) -> Result<Trace, TraceError> {
        let sent = self.message(site, MessageHash::new(site, id.as_bytes())).await?;
        // An id of this form may be the hash.
        match id.parse::<VisitorId>() {
            Ok(hash) if sent.outcome == TraceOutcome::NotFound => self.message(site, MessageHash(hash.0)).await,
            _ => Ok(sent),
        }
    }

    async fn message(&self, site: SiteId, message: MessageHash) -> Result<Trace, TraceError> {
        let journal = Arc::clone(&self.journal);
        let held = tokio::task::spawn_blocking(move || find(&journal, message)).await;
        let held = held.map_err(|error| TraceError::Journal(error.to_string()))??;
        let quarantined = self.quarantine.find(message).await?;
        let stored = self.store.trace_message(site, message).await?;
        let own = self.journal.id();
        let place = stored
            .first()
            .map(|row| (row.journal, Position(row.position)))
            .or(quarantined.as_ref().map(|record| (record.journal, Position(record.position))))
            .or(held.map(|position| (own, position)));
        let delivered = self.delivery.delivered();
        let journal = place.map(|(journal, position)| JournalPlace {
            journal,
            position: position.0,
            is_delivered: journal != own || position < delivered,
            is_held: held.is_some(),
        });
        let outcome = match (&journal, stored.is_empty(), &quarantined) {
            (_, false, _) => TraceOutcome::Inserted,
            (_, _, Some(_)) => TraceOutcome::Quarantined,
            (Some(place), ..) if place.is_delivered => TraceOutcome::Removed,
            (Some(_), ..) => TraceOutcome::Waiting,
            (None, ..) => TraceOutcome::NotFound,
        };
        let mut tables = Vec::new();
        if let Some((journal, position)) = place {
            let counts = self.store.trace_position(journal, position).await?;
            tables.extend(counts.into_iter().map(|(table, rows)| TableRows { table, rows }));
        }
        let rows = stored.into_iter().map(|row| TraceRow {
            name: row.name,
            occurred_at: Timestamp(row.occurred_ms),
            received_at: Timestamp(row.received_ms),
            visitor: VisitorId(row.visitor).to_string(),
            robot: row.robot,
            part: row.part,
        });
        Ok(Trace {
            outcome,
            message: format!("{:032x}", message.0),
            journal,
            rows: rows.collect(),
            tables,
            quarantine_reason: quarantined.map(|record| record.reason),
        })
    }
}

/// The position of a message in the journal, delivered or not. Reads the whole journal.
fn find(journal: &Journal, message: MessageHash) -> Result<Option<Position>, TraceError> {
    let mut reader = journal.reader(journal.first());
    loop {
        match reader.read(RECORDS, BYTES) {
            Ok(records) if records.is_empty() => return Ok(None),
            Ok(records) => {
                if let Some(found) = records.iter().find(|record| record.key == message.0) {
                    return Ok(Some(found.position));
                }
            }
            Err(ReadError::Lost(_)) => {}
            Err(error) => return Err(TraceError::Journal(error.to_string())),
        }
    }
}
