//! Request flow: export and erasure of all data of one visitor, and parting it from a user.
//!
//! All first wait until all events accepted before the request are delivered to the warehouse. An export reads the
//! visitor's rows. An erasure removes them from every table and from the quarantine, and drops the live profile. The
//! journal starts a new segment with the next event, after which the delivered old one is deleted; damaged bytes kept
//! for inspection are deleted at once. The warehouse removes rows in the background: the mutation is started once and
//! then polled. A visitor who returns with the same cookie starts a new history.
//! Example: `privacy.erase(site, visitor).await?`.

mod lossless_json;

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{sync::watch, time::timeout};

use crate::{
    clock,
    control::ControlError,
    delivery::{Delivery, Matcher, Replay, ReplayError},
    erasures::{Erasures, Person, Tombstone},
    journal::Journal,
    membership::Membership,
    model::{Position, Site, SiteId, VisitorId},
    offers::Offers,
    profiles::Profiles,
    store::{Store, StoreError},
    webhooks::{WebhookError, Webhooks},
    wire::privacy::VisitorCopy,
};

/// Maximum wait for delivery, and for the removal of rows.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Maximum wait for the removal of rows from a restored warehouse.
const RESTORE_WAIT_MAX: Duration = Duration::from_mins(30);
/// Poll interval while rows are removed.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum events of an export; an export of more is marked as incomplete.
const EVENTS_MAX: u64 = 100_000;

/// Why an export or erasure failed.
#[derive(Debug, thiserror::Error)]
pub enum PrivacyError {
    /// Events of the visitor may not be delivered yet.
    #[error("events are still being delivered to the warehouse; try again in a moment")]
    NotDelivered,
    /// The warehouse is still removing the rows.
    #[error("the warehouse is still removing the rows; repeat the request in a moment to see whether it is done")]
    Erasing,
    /// Damaged bytes kept by the journal for inspection cannot be deleted.
    #[error("cannot delete the damaged bytes in journal/corrupt: {0}")]
    Evidence(std::io::Error),
    /// The erasure cannot be recorded.
    #[error("cannot write the list of erased people: {0}")]
    Tombstone(std::io::Error),
    /// The warehouse failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Webhook calls about the visitor cannot be removed.
    #[error(transparent)]
    Webhooks(#[from] WebhookError),
    /// What the control database knows of the visitor, segments and coupons, cannot be removed.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The quarantine's files cannot be read or written.
    #[error(transparent)]
    Quarantine(#[from] ReplayError),
}

/// Exports and erases visitors.
#[derive(Clone)]
pub struct Privacy {
    store: Store,
    journal: Arc<Journal>,
    profiles: Arc<Profiles>,
    /// All events below this position are in the warehouse or in quarantine.
    delivered: watch::Receiver<Position>,
    quarantine: Replay,
    webhooks: Webhooks,
    membership: Membership,
    offers: Offers,
    erasures: Arc<Erasures>,
}

impl Privacy {
    /// Creates the flow from its collaborators.
    #[must_use]
    pub fn new(
        store: Store,
        journal: Arc<Journal>,
        profiles: Arc<Profiles>,
        delivery: &Delivery,
        (webhooks, membership, offers): (Webhooks, Membership, Offers),
        erasures: Arc<Erasures>,
    ) -> Self {
        let (delivered, quarantine) = (delivery.delivered(), delivery.replayer());
        Self { store, journal, profiles, delivered, quarantine, webhooks, membership, offers, erasures }
    }

    /// Exports all stored data of a visitor as one JSON document: `events` with all columns, and `identities`, the user
    /// ids that the visitor was identified with. 128-bit ids are 32 hexadecimal digits; numbers that a double would
    /// round are strings.
    ///
    /// # Errors
    /// If events may not be delivered yet, or the warehouse fails.
    pub async fn export(&self, site: SiteId, visitor: VisitorId) -> Result<VisitorCopy, PrivacyError> {
        self.wait_for_delivery().await?;
        let events = self.store.visitor_events(site, visitor, EVENTS_MAX).await?;
        let identities = self.store.visitor_identities(site, visitor).await?;
        let contact_keys = self.store.visitor_contact_keys(site, visitor).await?;
        Ok(VisitorCopy {
            site_id: site.0,
            visitor: visitor.to_string(),
            complete: (events.len() as u64) < EVENTS_MAX,
            identities: to_json_rows(&identities),
            contact_keys: to_json_rows(&contact_keys),
            browsers: Vec::new(),
            events: to_json_rows(&events),
        })
    }

    /// Parts a browser from the user that it was joined to by mistake, in reports of any time and in decisions. Returns
    /// the user; `None` if the browser belongs to no one. Later only the site's own statement joins them again.
    ///
    /// # Errors
    /// If events may not be delivered yet, or the warehouse fails.
    pub async fn part(&self, site: SiteId, visitor: VisitorId) -> Result<Option<String>, PrivacyError> {
        self.wait_for_delivery().await?;
        let Some(user) = self.store.visitor_user(site, visitor).await? else { return Ok(None) };
        self.store.part_visitor(site, visitor, &user, clock::now()).await?;
        // It is read again, without the user.
        self.profiles.forget(site, visitor);
        Ok(Some(user))
    }

    /// Removes a visitor from every table, the quarantine and memory, and keeps it from coming back by imports, replays or
    /// older backups. Returns the number of events removed.
    ///
    /// # Errors
    /// If events may not be delivered yet, or the warehouse fails; a repeated request removes the rest.
    pub async fn erase(&self, site: &Site, visitor: VisitorId) -> Result<u64, PrivacyError> {
        self.wait_for_delivery().await?;
        self.add_tombstones(site, visitor).await?;
        let site = site.id;
        // Delivered records must never be sent again from now on: that would restore erased rows.
        self.quarantine.forget_delivered().await?;
        let events = self.store.visitor_event_count(site, visitor).await?;
        let quarantined = self.quarantine.erase(site, visitor).await?;
        self.profiles.forget(site, visitor);
        self.webhooks.erase(site, visitor, WAIT_MAX).await?;
        self.offers.erase(site, visitor).await?;
        self.journal.rotate();
        let journal = Arc::clone(&self.journal);
        let deleted = tokio::task::spawn_blocking(move || journal.delete_corrupt_copies()).await;
        deleted.map_err(std::io::Error::other).flatten().map_err(PrivacyError::Evidence)?;
        self.remove_rows(site, visitor).await?;
        self.membership.erase(site, visitor).await?;
        Ok(events + quarantined)
    }

    /// Records the erasure of the visitor, and of users that no other browser belongs to.
    async fn add_tombstones(&self, site: &Site, visitor: VisitorId) -> Result<(), PrivacyError> {
        let users = self.store.users_of_visitor_alone(site.id, visitor).await?;
        let people = users.iter().map(|user| Person::User(user)).chain([Person::Visitor(visitor)]);
        let erased_at = clock::now();
        let tombstones: Vec<_> =
            people.map(|person| Tombstone { site: site.id, hash: person.hash(site), erased_at }).collect();
        let erasures = Arc::clone(&self.erasures);
        let added = tokio::task::spawn_blocking(move || erasures.add(&tombstones)).await;
        added.map_err(std::io::Error::other).flatten().map_err(PrivacyError::Tombstone)
    }

    /// Removes what a restored backup has of people who were erased after it was made. Returns how many visitors.
    ///
    /// # Errors
    /// If events may not be delivered yet, or the warehouse fails; a repeated call removes the rest.
    pub async fn apply_erasures(&self, site: &Arc<Site>) -> Result<u64, PrivacyError> {
        if !self.erasures.has_any(site.id) {
            return Ok(0);
        }
        self.wait_for_delivery().await?;
        self.quarantine.forget_delivered().await?;
        let (erasures, of) = (Arc::clone(&self.erasures), Arc::clone(site));
        let matcher = Matcher::new(move |event| {
            event.site == of.id && erasures.covers(&of, event.visitor, &event.user_id, event.occurred_at)
        });
        self.quarantine.erase_matching(matcher).await?;
        let (mut whole, mut count) = (Vec::new(), 0);
        for span in self.store.visitor_spans(site.id).await? {
            let visitor = VisitorId(span.visitor);
            let Some(at) = self.erasures.erased_at(site, visitor).filter(|at| span.first_ms < at.0) else { continue };
            count += 1;
            if span.last_ms < at.0 {
                whole.push(span.visitor);
            } else {
                self.store.erase_visitors(site.id, &[span.visitor], Some(at)).await?;
            }
            self.profiles.forget(site.id, visitor);
            self.membership.erase(site.id, visitor).await?;
            self.offers.erase(site.id, visitor).await?;
            self.webhooks.erase(site.id, visitor, WAIT_MAX).await?;
        }
        self.store.erase_visitors(site.id, &whole, None).await?;
        let removed = async {
            while self.store.is_removing_rows().await? {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            Ok::<(), StoreError>(())
        };
        timeout(RESTORE_WAIT_MAX, removed).await.map_err(|_| PrivacyError::Erasing)??;
        Ok(count)
    }

    /// Waits until the warehouse has rewritten its files without the visitor's rows.
    async fn remove_rows(&self, site: SiteId, visitor: VisitorId) -> Result<(), PrivacyError> {
        let removed = async {
            while !self.store.erase_visitor(site, visitor).await? {
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            Ok::<(), StoreError>(())
        };
        Ok(timeout(WAIT_MAX, removed).await.map_err(|_| PrivacyError::Erasing)??)
    }

    /// Waits until all events accepted so far are delivered.
    async fn wait_for_delivery(&self) -> Result<(), PrivacyError> {
        let end = self.journal.next();
        let mut delivered = self.delivered.clone();
        match timeout(WAIT_MAX, delivered.wait_for(|position| *position >= end)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(PrivacyError::NotDelivered),
        }
    }
}

fn to_json_rows(rows: &[String]) -> Vec<Value> {
    rows.iter().filter_map(|text| lossless_json::row(text)).collect()
}
