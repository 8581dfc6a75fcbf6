//! What a start makes of what the last run left.

use anyhow::Context;

use crate::{
    dedup::Dedup,
    journal::{Journal, ReadError, Recovery},
    learn::Learn,
    model::Position,
    profiles::{Profiles, reducer},
    store::rows,
};

/// Says loudly what is not as it was left.
pub fn report(recovery: &Recovery) {
    if recovery.torn_bytes > 0 {
        tracing::info!(
            bytes = recovery.torn_bytes,
            "an unfinished write was cut off the journal; nothing in it was promised"
        );
    }
    for range in &recovery.lost {
        tracing::error!(from = %range.start, to = %range.end, "journal records are damaged; copies are in journal/corrupt");
    }
}

/// Message ids of records that the files of `dedup` do not cover yet.
pub fn message_ids(journal: &Journal, dedup: &Dedup, complete: Position) -> anyhow::Result<()> {
    let mut next = complete.max(journal.first());
    dedup.skip(complete..next);
    let mut reader = journal.reader(next);
    loop {
        match reader.read(10_000, 16 << 20) {
            Ok(records) if records.is_empty() => return Ok(()),
            Ok(records) => {
                for record in records {
                    dedup.remember(record.position, record.key);
                    next = record.position.plus(1);
                }
            }
            Err(ReadError::Lost(range)) => {
                tracing::error!(from = %range.start, to = %range.end, "journal records are lost");
                dedup.skip(range);
            }
            Err(error) => return Err(error).context(format!("reading the journal at {next}")),
        }
    }
}

/// Live profiles, and what is learned from everybody, begin with what the warehouse does not have yet.
pub fn undelivered(
    journal: &Journal,
    (profiles, learn): (&Profiles, &Learn),
    delivered: Position,
) -> anyhow::Result<()> {
    let mut reader = journal.reader(delivered.max(journal.first()));
    loop {
        match reader.read(10_000, 16 << 20) {
            Ok(records) if records.is_empty() => return Ok(()),
            Ok(records) => {
                for record in records {
                    let Ok(event) = rows::decode(&record.payload) else { continue };
                    if event.visitor.is_somebody() && event.robot.is_empty() {
                        let folded = reducer::event_of(&event, journal.id(), record.position);
                        profiles.apply(event.site, event.visitor, &folded);
                        learn.recover(event.site, event.visitor, &folded);
                    }
                }
            }
            Err(ReadError::Lost(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
