//! Preview of the shop as a visitor sees it, for its owners: with a real visitor's live profile, or a simulated one with
//! given views. Nothing is randomized, counted or signed.

use std::sync::Arc;

use super::{Answer, PersonalizationRequest, Personalizer};
use crate::{
    catalog::SiteSnapshot,
    clock,
    decide::{self, Context, OfferState},
    model::{Action, Currency, Kind, Position, Profile, ProfileEvent, Timestamp, VisitorId},
    offers::unit_of,
    profiles::{Freshness, reducer::rebuild, rules::Params},
};

/// Time between two views of a simulated visitor, milliseconds.
const VIEW_INTERVAL_MS: i64 = 20_000;

impl Personalizer {
    /// Decides the slots for a visitor, with explanations; if `viewed` is given, for a simulated visitor with these views,
    /// oldest first.
    pub async fn preview<'a>(
        &self,
        request: &PersonalizationRequest<'a>,
        viewed: Option<&[String]>,
    ) -> (Arc<Profile>, Answer<'a>) {
        let (site, now) = (request.site.site.id, clock::now());
        let (profile, degraded) = if let Some(viewed) = viewed {
            (Arc::new(self.simulated_profile(request.site, viewed, now)), false)
        } else {
            let (profile, freshness) = self.profiles.known(site, request.visitor, request.user, self.budget).await;
            (profile, freshness == Freshness::Degraded)
        };
        let unit = unit_of(if profile.user_verified { &profile.user_id } else { "" }, request.visitor);
        let reserved = unit.as_deref().map(|unit| self.offers.reserved(site, unit, now)).unwrap_or_default();
        let offers = OfferState {
            unit: unit.as_deref(),
            reserved: &reserved,
            refused: &[],
            may_get_coupons: true,
            history_is_complete: !degraded,
        };
        let context = Context { explain: true, ..self.context(request, now, &profile, None, offers) };
        let decisions = decide::run(&profile, request.site, &self.learn.index(site), &context, request.slots);
        let exposures = vec![None; decisions.len()];
        let answer = Answer {
            decisions,
            variants: Vec::new(),
            exposures,
            degraded,
            profile: std::time::Duration::ZERO,
            decide: std::time::Duration::ZERO,
        };
        (profile, answer)
    }

    fn simulated_profile(&self, site: &SiteSnapshot, viewed: &[String], now: Timestamp) -> Profile {
        let views = (1_i64..).zip(viewed.iter().rev()).map(|(ago, id)| {
            let item = site.items.get(id);
            ProfileEvent {
                journal: 0,
                position: Position(u64::MAX - ago.unsigned_abs()),
                occurred_at: now.plus(-ago * VIEW_INTERVAL_MS),
                kind: Kind::Track,
                action: Action::ItemViewed,
                session_start: Timestamp::default(),
                items: vec![(id.as_str().into(), item.map_or(0, |item| item.price_minor), 1)],
                category: item.map_or("", |item| item.main_category()).into(),
                amount_minor: 0,
                currency: Currency::NONE,
                user_id: Box::default(),
                user_verified: false,
                path: Box::default(),
                channel: "Internal",
                source: Box::default(),
                campaign: Box::default(),
                country: Box::default(),
                device: "",
                slot: Box::default(),
                offer: Box::default(),
                traits: Box::default(),
                name: Box::default(),
                order_id: Box::default(),
                refunds_whole_order: false,
                by_server_key: false,
                past: Vec::new(),
                rules: 0,
            }
        });
        // All views belong to one visit, however many there are.
        let params = Params { half_life_ms: self.settings.half_life_ms, session_ms: i64::MAX };
        rebuild(site.site.id, VisitorId::ANONYMOUS, views.collect(), 0, &params)
    }
}
