//! What offers share between people: frequency caps while a decision waits for its impression, budgets of impressions,
//! pools of coupons; and which slots pages ask for.
//!
//! A decision reserves what an offer needs before it is answered, and the impression confirms it; what is not seen within
//! 30 minutes is given back. Caps and budgets are reserved in memory (`ledger`): a budget is taken from the control
//! database in blocks, so that deciding waits for no disk. A coupon is on disk before it is answered. Nothing is ever
//! given out more often than it exists: what a killed process held of a budget is lost, never handed out twice.
//!
//! Example: `reserve` of an offer with one impression left returns a [`Reservation`] to one of 64 callers, and
//! [`Skip::Budget`] to the others, whose page shows the next offer.

mod coupons;
mod ledger;
mod networks;
mod slots;

use std::{collections::HashSet, net::IpAddr, sync::Arc, time::Duration};

use parking_lot::{Mutex, RwLock};
use tokio::time::timeout;

pub use self::slots::SeenSlot;
use self::{
    coupons::CouponWriter,
    ledger::{Claim, Ledger, Person, Refused},
    networks::{Kind, Networks},
    slots::SlotLog,
};
use crate::{
    catalog::snapshot::CompiledOffer,
    clock, config,
    control::{Control, ControlError, CouponCounts, CouponRequest, SeenCoupon},
    decide::Skip,
    model::{SiteId, Timestamp, VisitorId},
    tasks::Stopping,
};

/// Longest wait for the control database on the way to an answer.
const RESERVE_TIMEOUT: Duration = Duration::from_secs(1);
/// Most impressions of a budget taken from the database at once.
const BLOCK_MAX: u64 = 64;
/// A coupon that is asked for again after this time is kept for another period.
const RENEW_AFTER_MS: i64 = 10 * 60_000;
/// A coupon is seen, or asked for again, within this time, or it is given back: a little more than 30 minutes after it was
/// last answered.
const COUPON_UNSEEN_MS: i64 = ledger::UNSEEN_MS + RENEW_AFTER_MS;
/// How often changes are stored, and what was not seen is given back.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The limited offers of all sites, and their slots. Cheap to clone.
#[derive(Clone)]
pub struct Offers(Arc<Service>);

struct Service {
    control: Control,
    config: config::Offers,
    ledger: Mutex<Ledger>,
    networks: Mutex<Networks>,
    slots: Mutex<SlotLog>,
    /// One block is taken at a time: of many that wait for one, only the first takes it.
    leasing: tokio::sync::Mutex<()>,
    /// Offers that have coupons: only their impressions are written.
    with_coupons: RwLock<HashSet<(SiteId, Box<str>)>>,
    coupons: CouponWriter,
    /// Coupons given before may have been seen without being noted: they are not taken back.
    started: Timestamp,
}

/// Who an offer is reserved for.
#[derive(Debug, Clone, Copy)]
pub struct Recipient<'a> {
    /// Names the person, as [`unit_of`] does.
    pub unit: &'a str,
    /// Their browser.
    pub visitor: VisitorId,
    /// The address whose network is bounded; `None` for people that the site has proven.
    pub bounded_address: Option<IpAddr>,
}

/// What was reserved for one decision.
#[derive(Debug)]
pub struct Reservation {
    /// The person's coupon, if the offer gives one.
    pub coupon: Option<String>,
    site: SiteId,
    person: Person,
    number: u64,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotReserved {
    /// Another request of the person was faster: decide again.
    Outdated,
    /// The offer cannot be shown now.
    Skip(Skip),
}

/// Names a person for control groups and limits: the user if the site verified them, else the browser.
#[must_use]
pub fn unit_of(user: &str, visitor: VisitorId) -> Option<String> {
    if !user.is_empty() {
        Some(["user:", user].concat())
    } else if visitor.is_identified() {
        Some(["visitor:", &visitor.to_string()].concat())
    } else {
        None
    }
}

impl Offers {
    /// Loads what is needed in memory.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn open(control: Control, config: &config::Offers) -> Result<Self, ControlError> {
        let with_coupons = control.offers_with_coupons().await?.into_iter();
        let with_coupons = with_coupons.map(|(site, offer)| (site, offer.into())).collect();
        let slots = SlotLog::new(control.seen_slots().await?, config.slots_max);
        Ok(Self(Arc::new(Service {
            coupons: CouponWriter::new(control.clone()),
            control,
            ledger: Mutex::new(Ledger::new(config.reservations_max)),
            networks: Mutex::default(),
            slots: Mutex::new(slots),
            leasing: tokio::sync::Mutex::default(),
            with_coupons: RwLock::new(with_coupons),
            started: clock::now(),
            config: config.clone(),
        })))
    }

    /// Impressions that are reserved for a person and were not seen yet: offer and time. Ask before reading the profile:
    /// an impression that arrives in between counts twice then, not zero times.
    #[must_use]
    pub fn reserved(&self, site: SiteId, unit: &str, now: Timestamp) -> Vec<(Box<str>, Timestamp)> {
        self.0.ledger.lock().of(site, hash(unit), now)
    }

    /// Reserves what an offer needs for one impression. `known` are the person's reservations that the decision knew.
    ///
    /// # Errors
    /// If nothing is left, or the person's reservations changed meanwhile.
    pub async fn reserve(
        &self,
        site: SiteId,
        offer: &CompiledOffer,
        recipient: Recipient<'_>,
        known: &[(Box<str>, Timestamp)],
        now: Timestamp,
    ) -> Result<Reservation, NotReserved> {
        let person = hash(recipient.unit);
        let known = known.iter().filter(|(known, _)| *known == offer.id).count();
        let claim = Claim {
            site,
            offer: &offer.id,
            person,
            visitor: recipient.visitor,
            budget: offer.budget,
            known: if offer.caps.is_empty() { usize::MAX } else { known },
            now,
        };
        let number = self.impression(claim, recipient.bounded_address).await?;
        let mut reservation = Reservation { coupon: None, site, person, number };
        if offer.coupons {
            let coupon = timeout(RESERVE_TIMEOUT, self.coupon(site, &offer.id, recipient, now)).await;
            match coupon.unwrap_or(Err(Skip::Busy)) {
                Ok(code) => reservation.coupon = Some(code),
                Err(skip) => {
                    self.cancel(&reservation);
                    return Err(NotReserved::Skip(skip));
                }
            }
        }
        Ok(reservation)
    }

    async fn impression(&self, claim: Claim<'_>, address: Option<IpAddr>) -> Result<u64, NotReserved> {
        let Claim { site, offer, budget, now, .. } = claim;
        let mut bounded = address.filter(|_| budget.is_some());
        loop {
            // Bound first: the ledger is not locked while the result is used.
            let reserved = self.0.ledger.lock().reserve(claim);
            match reserved {
                Ok(number) => {
                    let most = self.0.config.impressions_per_network_hour;
                    let take = |address| self.0.networks.lock().take(Kind::Impression, address, most, now);
                    if bounded.take().is_none_or(take) {
                        return Ok(number);
                    }
                    self.0.ledger.lock().cancel(site, claim.person, number);
                    return Err(NotReserved::Skip(Skip::Network));
                }
                Err(Refused::Outdated) => return Err(NotReserved::Outdated),
                Err(Refused::Skip(skip)) => return Err(NotReserved::Skip(skip)),
                Err(Refused::NeedsBudget) => {}
            }
            let total = budget.unwrap_or_default();
            let leased = timeout(RESERVE_TIMEOUT, self.lease(site, offer, total, now)).await;
            leased.unwrap_or(Err(Skip::Busy)).map_err(NotReserved::Skip)?;
        }
    }

    /// Takes a block of a budget, unless another request did so meanwhile.
    async fn lease(&self, site: SiteId, offer: &str, total: u64, now: Timestamp) -> Result<(), Skip> {
        let before = self.0.ledger.lock().version(site, offer);
        let _one = self.0.leasing.lock().await;
        if self.0.ledger.lock().version(site, offer) != before {
            return Ok(());
        }
        let block = self.0.control.lease_budget(site, offer, total, BLOCK_MAX).await.map_err(|error| {
            tracing::warn!(%site, offer, %error, "the budget of an offer cannot be read");
            Skip::Busy
        })?;
        self.0.ledger.lock().add_budget(site, offer, total, block, now);
        Ok(())
    }

    async fn coupon(
        &self,
        site: SiteId,
        offer: &str,
        recipient: Recipient<'_>,
        now: Timestamp,
    ) -> Result<String, Skip> {
        let failed = |error: ControlError| {
            tracing::warn!(%site, offer, %error, "a coupon cannot be given");
            Skip::Busy
        };
        let person = person_key(recipient.unit);
        let held = self.0.control.held_coupon(site, offer, &person).await.map_err(failed)?;
        if let Some(held) = &held
            && (held.seen || now.since(held.given_at) < RENEW_AFTER_MS)
        {
            return Ok(held.code.clone());
        }
        if held.is_none() {
            if !self.0.control.has_coupon(site, offer).await.map_err(failed)? {
                return Err(Skip::NoCoupon);
            }
            let most = self.0.config.coupons_per_network_hour;
            let take = |address| self.0.networks.lock().take(Kind::Coupon, address, most, now);
            if !recipient.bounded_address.is_none_or(take) {
                return Err(Skip::Network);
            }
        }
        self.0.coupons.give(CouponRequest { site, offer: offer.into(), person, at: now }).await
    }

    /// Whether something is left of what an offer needs, for a person of its control group.
    ///
    /// # Errors
    /// Why it could not be shown.
    pub async fn check_left(&self, site: SiteId, offer: &CompiledOffer, now: Timestamp) -> Result<(), Skip> {
        if offer.budget.is_some_and(|total| !self.0.ledger.lock().has_budget(site, &offer.id, total, now)) {
            return Err(Skip::Budget);
        }
        if offer.coupons {
            let has_one = timeout(RESERVE_TIMEOUT, self.0.control.has_coupon(site, &offer.id)).await;
            return match has_one {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false)) => Err(Skip::NoCoupon),
                Ok(Err(_)) | Err(_) => Err(Skip::Busy),
            };
        }
        Ok(())
    }

    /// Gives a reservation back; its coupon stays with the person until it expires.
    pub fn cancel(&self, reservation: &Reservation) {
        self.0.ledger.lock().cancel(reservation.site, reservation.person, reservation.number);
    }

    /// Records that an offer was seen in a browser, whose verified user is `user` if there is one. Called for every
    /// durable impression, on the journal's thread: never waits.
    pub fn confirm(&self, site: SiteId, visitor: VisitorId, user: &str, offer: &str, at: Timestamp) {
        let now = clock::now();
        let units = [unit_of(user, visitor), unit_of("", visitor)];
        let mut people: Vec<Person> = units.iter().flatten().map(|unit| hash(unit)).collect();
        {
            let mut ledger = self.0.ledger.lock();
            people.extend(ledger.person_of(site, visitor));
            people.dedup();
            people.iter().any(|person| ledger.confirm(site, *person, offer, now));
        }
        if !self.0.with_coupons.read().contains(&(site, Box::from(offer))) {
            return;
        }
        for person in people {
            let seen = SeenCoupon { site, offer: offer.into(), person: person_text(person), at };
            self.0.coupons.note_seen(seen);
        }
    }

    /// Forgets what is held of an offer that was removed.
    pub fn forget(&self, site: SiteId, offer: &str) {
        self.0.ledger.lock().forget(site, offer);
    }

    /// Adds coupons to an offer; returns how many were new.
    ///
    /// # Errors
    /// If there is no such offer, or the control database failed.
    pub async fn add_coupons(&self, site: SiteId, offer: &str, codes: &[String]) -> Result<u64, ControlError> {
        let added = self.0.control.add_coupons(site, offer, codes).await?;
        self.0.with_coupons.write().insert((site, offer.into()));
        Ok(added)
    }

    /// Counts the coupons of an offer.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn coupon_counts(&self, site: SiteId, offer: &str) -> Result<CouponCounts, ControlError> {
        self.0.control.coupon_counts(site, offer).await
    }

    /// Removes the link of a visitor to their coupons.
    ///
    /// # Errors
    /// If the control database failed.
    pub async fn erase(&self, site: SiteId, visitor: VisitorId) -> Result<(), ControlError> {
        match unit_of("", visitor) {
            Some(unit) => self.0.control.erase_coupon_holder(site, &person_key(&unit)).await,
            None => Ok(()),
        }
    }

    /// Records which slots a page asked for.
    pub fn record_slots(&self, site: SiteId, slots: &[String], path: &str, now: Timestamp) {
        let mut log = self.0.slots.lock();
        for slot in slots {
            log.record(site, slot, path, now);
        }
    }

    /// The slots that pages of a site asked for, by name.
    #[must_use]
    pub fn seen_slots(&self, site: SiteId) -> Vec<SeenSlot> {
        self.0.slots.lock().of(site)
    }

    /// Writes coupons to the control database until the service stops.
    pub async fn run_coupons(self, stopping: Stopping) {
        self.0.coupons.run(stopping).await;
    }

    /// Gives back what was not seen, and stores the slots, until the service stops; then returns the budget that it holds.
    pub async fn run_upkeep(self, mut stopping: Stopping) {
        while !stopping.sleep(UPKEEP_INTERVAL).await {
            let now = clock::now();
            self.0.ledger.lock().expire(now);
            self.store_slots().await;
            let unseen = now.plus(-COUPON_UNSEEN_MS);
            if let Err(error) = self.0.control.take_back_coupons(self.0.started, unseen).await {
                tracing::warn!(%error, "coupons that were not seen cannot be given back");
            }
        }
        self.store_slots().await;
        let held = self.0.ledger.lock().close();
        for ((site, offer), impressions) in held {
            if let Err(error) = self.0.control.return_budget(site, &offer, impressions).await {
                tracing::warn!(%site, %offer, impressions, %error, "the rest of a budget cannot be returned");
            }
        }
    }

    async fn store_slots(&self) {
        let (changed, removed) = self.0.slots.lock().take_changes();
        if changed.is_empty() && removed.is_empty() {
            return;
        }
        if let Err(error) = self.0.control.put_seen_slots(&changed, &removed).await {
            tracing::warn!(%error, "the slots that pages ask for cannot be stored");
        }
    }
}

fn hash(unit: &str) -> Person {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(unit.as_bytes()).as_bytes()[..16]);
    u128::from_be_bytes(first)
}

/// A person in the control database.
fn person_key(unit: &str) -> String {
    person_text(hash(unit))
}

fn person_text(person: Person) -> String {
    format!("{person:032x}")
}
