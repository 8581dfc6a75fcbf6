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
    tasks::contained,
    telemetry::Counter,
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

/// Live profiles, and what is learned from everybody, begin with what the warehouse does not have yet. A record whose
/// folding panics is left out of them, or the service could not start until it is delivered.
pub fn undelivered(
    journal: &Journal,
    (profiles, learn): (&Profiles, &Learn),
    delivered: Position,
    panics: &Counter,
) -> anyhow::Result<()> {
    let mut reader = journal.reader(delivered.max(journal.first()));
    loop {
        match reader.read(10_000, 16 << 20) {
            Ok(records) if records.is_empty() => return Ok(()),
            Ok(records) => {
                for record in records {
                    let Ok(event) = rows::decode(&record.payload) else { continue };
                    if event.visitor.is_somebody() && event.robot.is_empty() {
                        contained("folding a stored event into its profile", panics, || {
                            let folded = reducer::event_of(&event, journal.id(), record.position);
                            profiles.apply(event.site, event.visitor, &folded);
                            learn.recover(event.site, event.visitor, &folded);
                        });
                    }
                }
            }
            Err(ReadError::Lost(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    };

    use super::*;
    use crate::{
        config::{Config, Endpoint},
        control::Control,
        journal::Batch,
        model::{
            Action, Currency, Device, Event, Kind, MessageHash, Page, Place, SiteId, Timestamp, Traffic, VisitorId,
        },
        profiles::reducer::SessionMinutes,
        store::Store,
    };

    fn view(visitor: u128) -> Event<'static> {
        Event {
            site: SiteId(1),
            message: MessageHash(visitor),
            kind: Kind::Page,
            name: "".into(),
            action: Action::Other,
            occurred_at: Timestamp(1_767_323_045_678),
            received_at: Timestamp(1_767_323_045_678),
            visitor: VisitorId(visitor),
            user_id: "".into(),
            user_verified: false,
            session_start: Timestamp(1_767_323_045_678),
            robot: "",
            page: Page::default(),
            traffic: Traffic::default(),
            device: Device::default(),
            place: Place::default(),
            language: "".into(),
            timezone: "".into(),
            screen_width: 0,
            screen_height: 0,
            items: Vec::new(),
            category: "".into(),
            amount_minor: 0,
            currency: Currency::NONE,
            order_id: "".into(),
            properties: "".into(),
            library: "".into(),
            violations: Vec::new(),
            exposure: "".into(),
        }
    }

    #[tokio::test]
    async fn a_record_that_cannot_be_folded_does_not_keep_the_service_from_starting() {
        let (dir, config) = (tempfile::tempdir().unwrap(), Config::defaults());
        let (journal, _) = Journal::open(&dir.path().join("journal"), &config.journal).unwrap();
        for visitor in 1..=3 {
            let mut batch = Batch::default();
            batch.push(visitor, |out| rows::encode(&view(visitor), out));
            journal.append(batch).await.unwrap();
        }
        let nowhere = Endpoint {
            url: "http://127.0.0.1:9".into(),
            user: String::new(),
            password: String::new(),
            database: "none".into(),
        };
        let store = Store::connect_to(nowhere, &config.clickhouse);
        // Asked once for each event that is folded into a live profile: the second one fails.
        let asked = AtomicU32::new(0);
        let chosen: SessionMinutes = Arc::new(move |_| {
            assert!(asked.fetch_add(1, Relaxed) != 4, "as the test wants it");
            None
        });
        let profiles = Profiles::with_choices(&config.profiles, 30, chosen, journal.id(), store.clone());
        (1..=3).for_each(|visitor| profiles.begin(SiteId(1), VisitorId(visitor)));
        let control = Control::open(dir.path()).await.unwrap();
        let learn = Learn::open(store, control, &config.learn, 30, None, Arc::new(Vec::new)).await.unwrap();
        let panics = Counter::default();
        undelivered(&journal, (&profiles, &learn), Position(0), &panics).unwrap();
        assert_eq!(panics.get(), 1);
        let known = |visitor| profiles.session_of(SiteId(1), VisitorId(visitor)).map(|(start, _)| start.0 > 0);
        assert_eq!([1, 2, 3].map(known), [Some(true), Some(false), Some(true)], "the others are as they were");
    }
}
