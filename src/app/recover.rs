//! What a start makes of what the last run left.

use std::ops::Range;

use anyhow::Context;

use crate::{
    dedup::Dedup,
    journal::{Journal, ReadError, Recovery},
    learn::Learn,
    model::Position,
    profiles::{Profiles, reducer},
    store::rows,
};

/// Says loudly what is not as it was left. `beyond`: positions behind the journal's end that were given before.
pub fn report(recovery: &Recovery, beyond: &Range<Position>) {
    if !beyond.is_empty() {
        tracing::error!(
            from = %beyond.start, to = %beyond.end, cut_bytes = recovery.torn_bytes,
            "the journal's newest records are damaged or gone, although they had been made durable and were known by \
             their positions; those that the warehouse has already are safe, the others are counted as lost. New records \
             go on behind them"
        );
    } else if recovery.torn_bytes > 0 {
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
