//! Decides, and reserves what the chosen offers need; if nothing is left of it, decides again without them.

use std::time::Instant;

use super::{Answer, PersonalizationRequest, Personalizer};
use crate::{
    catalog::SiteSnapshot,
    decide::{self, Exploration, OfferState, Skip},
    model::{Decision, Offer, Profile, Reason, Timestamp},
    offers::{NotReserved, Recipient, Reservation, unit_of},
    profiles::Freshness,
};

/// Most decisions of one request; then without offers that need a reservation.
const ROUNDS_MAX: usize = 24;

/// Open impressions of a person: offer and time.
type Reserved = Vec<(Box<str>, Timestamp)>;

/// Why to decide again.
enum Again {
    /// The person's reservations changed meanwhile.
    Outdated,
    /// Without this offer.
    Without(Box<str>, Skip),
}

impl Personalizer {
    pub(super) async fn decide_and_reserve<'a>(
        &self,
        request: &PersonalizationRequest<'a>,
        now: Timestamp,
        exploration: Exploration<'_>,
    ) -> Answer<'a> {
        let start = Instant::now();
        let site = request.site.site.id;
        let (mut profile, mut freshness) = self.known(request).await;
        let mut profile_time = start.elapsed();
        let unit = unit(request, &profile);
        let is_limited = unit.is_some() && limited(request.site, request.slots).next().is_some();
        let index = self.learn.index(site);
        let mut refused = Vec::new();
        let mut rounds = 0;
        let decisions = loop {
            let mut reserved = Reserved::new();
            if let Some(unit) = unit.as_deref().filter(|_| is_limited) {
                // In this order, so that an impression that arrives in between is not missed.
                reserved = self.offers.reserved(site, unit, now);
                let asked = Instant::now();
                (profile, freshness) = self.known(request).await;
                profile_time += asked.elapsed();
            }
            let state = OfferState {
                unit: unit.as_deref(),
                reserved: &reserved,
                refused: &refused,
                may_get_coupons: request.access.coupons,
                history_is_complete: freshness == Freshness::Complete,
            };
            let context = self.context(request, now, &profile, Some(exploration), state);
            let mut decisions = decide::run(&profile, request.site, &index, &context, request.slots);
            let Some(unit) = unit.as_deref().filter(|_| is_limited) else { break decisions };
            match self.reserve(request, unit, &mut decisions, &reserved, now).await {
                Ok(()) => break decisions,
                Err(Again::Outdated) => {}
                Err(Again::Without(offer, skip)) => refused.push((offer, skip)),
            }
            rounds += 1;
            if rounds == ROUNDS_MAX {
                refused = limited(request.site, request.slots).map(|offer| (offer.into(), Skip::Busy)).collect();
            }
        };
        let variants = if request.experiments.is_empty() {
            Vec::new()
        } else {
            Self::variants(request, &profile, &self.context(request, now, &profile, None, OfferState::UNRECOGNIZED))
        };
        Answer { variants, ..self.finish(decisions, freshness, profile_time, start) }
    }

    /// Reserves all that the decisions need, or nothing, and adds the coupons.
    async fn reserve(
        &self,
        request: &PersonalizationRequest<'_>,
        unit: &str,
        decisions: &mut [Decision],
        reserved: &Reserved,
        now: Timestamp,
    ) -> Result<(), Again> {
        let site = request.site.site.id;
        let bounded_address = request.access.bounded_address;
        let recipient = Recipient { unit, visitor: request.visitor, bounded_address };
        let mut done: Vec<Reservation> = Vec::new();
        for decision in decisions {
            let offer = decision.offer.as_deref().and_then(|id| request.site.offer(&decision.slot, id));
            let Some(offer) = offer.filter(|offer| offer.needs_reservation()) else { continue };
            let result = if decision.reason == Reason::Control {
                self.offers.check_left(site, offer, now).await.map(|()| None).map_err(NotReserved::Skip)
            } else {
                self.offers.reserve(site, offer, recipient, reserved, now).await.map(Some)
            };
            match result {
                Ok(None) => {}
                Ok(Some(mut reservation)) => {
                    let coupon = reservation.coupon.take();
                    decision.content.extend(coupon.map(|code| (Offer::COUPON.to_owned(), code.into())));
                    done.push(reservation);
                }
                Err(not_reserved) => {
                    for reservation in &done {
                        self.offers.cancel(reservation);
                    }
                    return Err(match not_reserved {
                        NotReserved::Outdated => Again::Outdated,
                        NotReserved::Skip(skip) => Again::Without(offer.id.clone(), skip),
                    });
                }
            }
        }
        Ok(())
    }
}

/// Names the person: the user that the request or the browser's own history proves, else the browser. Visitors without
/// consent have no name.
fn unit(request: &PersonalizationRequest<'_>, profile: &Profile) -> Option<String> {
    let proven = if profile.user_verified { &*profile.user_id } else { "" };
    let user = if request.user.is_empty() { proven } else { request.user };
    unit_of(user, request.visitor).filter(|_| request.visitor.is_identified())
}

/// The offers of slots of which something must be reserved.
fn limited<'s>(site: &'s SiteSnapshot, slots: &'s [String]) -> impl Iterator<Item = &'s str> {
    let offers = slots.iter().flat_map(|slot| site.offers_for(slot));
    offers.filter(|offer| offer.needs_reservation()).map(|offer| &*offer.id)
}
