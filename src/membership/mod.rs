//! Who enters and leaves segments, when and why.
//!
//! Follows the journal and evaluates, for the person of each event, the rules that the event can change (`follow`); a
//! timer evaluates those whose answer changes by time (`waiting`). What changed is stored in one transaction with the
//! position: the people, a list of changes, sizes by day, and the calls of webhooks. A new or changed rule is first
//! counted over the stored past, silently (`count`); what its people do meanwhile is evaluated afterwards. It never makes
//! an event or a decision wait, and costs nothing while no site has segments of its own.
//!
//! Example: an order makes a visitor enter `loyal`; ninety days later, without a further one, the timer finds that they
//! left. Both are in `changes`, and both are calls of a webhook with `segment.entered:loyal` and `segment.left:loyal`.

mod count;
mod evaluate;
mod evaluation;
mod follow;
mod followed;
pub mod person;
mod read;
mod stored;
mod sync;
#[cfg(test)]
mod tests;
pub mod transition;
mod types;
mod value;
mod waiting;

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

use self::followed::FollowedSites;
pub use self::read::DAYS_MAX;
use crate::{
    catalog::snapshot::Snapshot,
    config,
    control::{Control, ControlError, NewDelivery},
    decide::Settings,
    journal::Journal,
    model::{PersonValue, Position, Profile, SiteId, VisitorId},
    store::Store,
    telemetry::MembershipMetrics,
    webhooks::event::WebhookEvent,
};

/// Position for which nothing in the journal is needed.
const NOTHING_NEEDED: u64 = u64::MAX;
/// How long an erasure waits for the evaluation of events that are in the journal.
const ERASURE_WAIT: Duration = Duration::from_secs(10);

/// Why membership could not be read or stored.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// The site has no such segment.
    #[error("there is no such segment")]
    Missing,
    /// The control database failed.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// Live profiles.
pub trait People: Send + Sync {
    /// The profile of the person a visitor is, or of the user `user`, and whether it is complete.
    fn known<'a>(
        &'a self,
        site: SiteId,
        visitor: VisitorId,
        user: &'a str,
        budget: Duration,
    ) -> BoxFuture<'a, (Arc<Profile>, bool)>;
}

/// The values of people.
pub trait Values: Send + Sync {
    /// The value of the person that a profile describes.
    fn of(&self, site: SiteId, profile: &Profile) -> Option<PersonValue>;
    /// Grows whenever values changed; `None` until they are known.
    fn generation(&self) -> Option<u64>;
}

/// Webhooks.
pub trait Calls: Send + Sync {
    /// Whether an enabled webhook of the site has this name.
    fn are_wanted(&self, site: SiteId, name: &str) -> bool;
    /// The calls of every enabled webhook with the event's name; their ids depend only on webhook and `identity`.
    fn of(&self, site: SiteId, event: &WebhookEvent, identity: &[u8]) -> Vec<NewDelivery>;
    /// Calls were queued, and some dropped.
    fn were_queued(&self, dropped: u64);
}

/// What the service uses.
pub struct Dependencies {
    /// The control database.
    pub control: Control,
    /// The journal.
    pub journal: Arc<Journal>,
    /// The warehouse.
    pub store: Store,
    /// Every event below is in the warehouse.
    pub delivered: watch::Receiver<Position>,
    /// The sites and their segments.
    pub sites: Arc<ArcSwap<Snapshot>>,
    /// Live profiles.
    pub people: Arc<dyn People>,
    /// The values of people.
    pub values: Arc<dyn Values>,
    /// Webhooks.
    pub calls: Arc<dyn Calls>,
    /// Limits and constants of decisions.
    pub settings: Settings,
    /// Default session timeout, minutes.
    pub session_minutes: u64,
    /// `[membership]`.
    pub config: config::Membership,
    /// Most calls that wait for one webhook.
    pub calls_waiting_max: u32,
    /// Metrics.
    pub metrics: MembershipMetrics,
    /// Where it stores from which position on it needs the journal.
    pub needed_from: Arc<AtomicU64>,
}

/// Follows the members of segments. Cheap to clone.
#[derive(Clone)]
pub struct Membership(Arc<Service>);

struct Service {
    uses: Dependencies,
    followed: ArcSwap<FollowedSites>,
    /// Counts changes of `followed`.
    version: watch::Sender<u64>,
    /// Held while what is followed changes.
    editing: tokio::sync::Mutex<()>,
    /// Held from reading people until they are stored.
    writing: tokio::sync::Mutex<()>,
    /// Events below are evaluated.
    position: watch::Sender<Position>,
    /// The users that visitors were last evaluated as.
    users: Mutex<HashMap<(SiteId, VisitorId), u128, ahash::RandomState>>,
    /// Held while all people of a site are read.
    reading: tokio::sync::Mutex<()>,
    /// Visitors that wait, about.
    waiting: AtomicU64,
    /// Wakes whoever counts.
    uncounted: Notify,
}

impl Membership {
    /// Loads what is followed.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn open(uses: Dependencies) -> Result<Self, ControlError> {
        let start = match uses.control.segment_cursor().await? {
            Some((journal, position)) if journal == uses.journal.id() => position,
            Some(_) => uses.journal.first(),
            None => Position(NOTHING_NEEDED),
        };
        uses.needed_from.store(start.0, Ordering::Relaxed);
        let waiting = uses.control.count_waiting_segment_visitors().await?;
        let membership = Self(Arc::new(Service {
            uses,
            followed: ArcSwap::default(),
            version: watch::Sender::new(0),
            editing: tokio::sync::Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            position: watch::Sender::new(start),
            users: Mutex::default(),
            waiting: AtomicU64::new(waiting),
            uncounted: Notify::new(),
        }));
        membership.sync().await?;
        Ok(membership)
    }

    /// Removes what is known of a visitor, whose rows and profile must have been removed before.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<(), ControlError> {
        // What was read before is stored, and removed, first. Without it only a change of the last moment may remain.
        let end = self.0.uses.journal.next();
        let mut position = self.0.position.subscribe();
        let _ = tokio::time::timeout(ERASURE_WAIT, position.wait_for(|position| *position >= end)).await;
        let _writing = self.0.writing.lock().await;
        self.0.users.lock().remove(&(site, visitor));
        self.0.uses.control.erase_membership(site, visitor).await
    }
}
