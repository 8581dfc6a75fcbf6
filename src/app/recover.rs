//! Recovery at the start from what the last run left.

use std::ops::Range;

use anyhow::Context;

use crate::{
    collect::confirm_offer,
    dedup::Dedup,
    journal::{Journal, ReadError, Recovery},
    learn::Learn,
    model::Position,
    offers::Offers,
    profiles::{Profiles, reducer},
    store::rows,
    tasks::catch_panic,
    telemetry::Counter,
};

/// Logs damage of the journal. `beyond`: positions after the journal's end that were assigned before.
pub fn report(recovery: &Recovery, beyond: &Range<Position>) {
    if !beyond.is_empty() {
        tracing::error!(
            from = %beyond.start, to = %beyond.end, cut_bytes = recovery.torn_bytes,
            "the journal's newest records are damaged or missing although they were durable; those already in the warehouse \
             are safe, the others are counted as lost. New records continue after them"
        );
    } else if recovery.torn_bytes > 0 {
        tracing::info!(
            bytes = recovery.torn_bytes,
            "an incomplete write was removed from the journal; none of it was acknowledged"
        );
    }
    for range in &recovery.lost {
        tracing::error!(from = %range.start, to = %range.end, "journal records are damaged; copies are in journal/corrupt");
    }
}

/// Restores message ids that the files of `dedup` do not contain yet from the journal.
pub fn message_ids(journal: &Journal, dedup: &Dedup, complete: Position) -> anyhow::Result<()> {
    let mut next = complete.max(journal.first());
    dedup.skip(complete..next);
    let mut reader = journal.reader(next);
    loop {
        match reader.read(10_000, 16 << 20) {
            Ok(records) if records.is_empty() => return Ok(()),
            Ok(records) => {
                for record in records {
                    dedup.restore(record.position, record.key);
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

/// Applies undelivered events to live profiles and recommendation models. A record that causes a panic is skipped:
/// otherwise the service could not start until it is delivered.
pub fn undelivered_events(
    journal: &Journal,
    (profiles, learn, offers): (&Profiles, &Learn, &Offers),
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
                    if event.visitor.is_identified() && event.robot.is_empty() {
                        catch_panic("applying a stored event to its profile", panics, || {
                            let profile_event = reducer::profile_event(
                                &event,
                                journal.id(),
                                record.position,
                                &profiles.wanted(event.site),
                            );
                            profiles.apply(event.site, event.visitor, &profile_event);
                            learn.recover(event.site, event.visitor, &profile_event);
                            confirm_offer(offers, profiles, (event.site, event.visitor), &profile_event);
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
            Action, Currency, Device, Event, GeoLocation, Kind, MessageHash, Page, SiteId, Timestamp, Traffic,
            VisitorId,
        },
        profiles::rules::SiteChoices,
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
            place: GeoLocation::default(),
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
            by_server_key: false,
            user_id_only: false,
        }
    }

    /// Asked once for each event applied to a live profile: the second time panics.
    struct Failing(AtomicU32);

    impl SiteChoices for Failing {
        fn session_minutes(&self, _: SiteId) -> Option<u32> {
            assert!(self.0.fetch_add(1, Relaxed) != 1, "intended by the test");
            None
        }
    }

    #[tokio::test]
    async fn a_record_that_causes_a_panic_does_not_prevent_the_start() {
        let (dir, config) = (tempfile::tempdir().unwrap(), Config::defaults());
        let (journal, _) = Journal::open(&dir.path().join("journal"), &config.journal).unwrap();
        for visitor in 1..=3 {
            let mut batch = Batch::default();
            batch.push(visitor, |out| rows::encode(&view(visitor), out));
            journal.append(batch).await.unwrap();
        }
        let unreachable = Endpoint {
            url: "http://127.0.0.1:9".into(),
            user: String::new(),
            password: crate::config::Secret::default(),
            database: "none".into(),
        };
        let store = Store::connect_to(unreachable, &config.clickhouse);
        let choices = Arc::new(Failing(AtomicU32::new(0)));
        let profiles = Profiles::with_choices(&config.profiles, 30, choices, journal.id(), store.clone());
        (1..=3).for_each(|visitor| profiles.start_profile(SiteId(1), VisitorId(visitor)));
        let control = Control::open(dir.path()).await.unwrap();
        let offers = Offers::open(control.clone(), &config.offers).await.unwrap();
        let learn = Learn::open(store, control, &config.learn, 30, None, Arc::new(Vec::new)).await.unwrap();
        let panics = Counter::default();
        undelivered_events(&journal, (&profiles, &learn, &offers), Position(0), &panics).unwrap();
        assert_eq!(panics.get(), 1);
        let known = |visitor| profiles.session_of(SiteId(1), VisitorId(visitor)).map(|(start, _)| start.0 > 0);
        assert_eq!([1, 2, 3].map(known), [Some(true), Some(false), Some(true)], "the other profiles are updated");
    }
}
