//! The shop as a visitor sees it, for its owners to look at: a real visitor's live profile, or one made up of
//! what somebody looked at. Nothing is left to chance in it, nothing is counted, nothing is signed.

use std::sync::Arc;

use super::{Answer, Ask, Personalizer};
use crate::{
    catalog::SiteSnapshot,
    clock,
    decide::{self, Context},
    model::{Action, Currency, Kind, Position, Profile, ProfileEvent, Timestamp, VisitorId},
    profiles::{
        Freshness,
        reducer::{Params, rebuild},
    },
};

/// Between two looks of a visitor who is made up, milliseconds.
const PACE_MS: i64 = 20_000;

impl Personalizer {
    /// What fills the slots for a visitor, with explanations; for one who looked at these items, oldest
    /// first, where `viewed` is told.
    pub async fn preview(&self, ask: &Ask<'_>, viewed: Option<&[String]>) -> (Arc<Profile>, Answer) {
        let (site, now) = (ask.site.site.id, clock::now());
        let (profile, degraded) = if let Some(viewed) = viewed {
            (Arc::new(self.made_up(ask.site, viewed, now)), false)
        } else {
            let (profile, freshness) = self.profiles.known(site, ask.visitor, ask.user, self.budget).await;
            (profile, freshness == Freshness::Degraded)
        };
        let context = Context {
            now,
            item: ask.item,
            cart: ask.cart,
            url_path: ask.url_path,
            language: ask.language,
            explain: true,
            exploring: None,
            remembered: Some(&self.remembered),
            settings: self.settings,
        };
        let decisions = decide::run(&profile, ask.site, &self.learn.index(site), &context, ask.slots);
        let exposures = vec![None; decisions.len()];
        let answer = Answer {
            decisions,
            exposures,
            degraded,
            profile: std::time::Duration::ZERO,
            decide: std::time::Duration::ZERO,
        };
        (profile, answer)
    }

    fn made_up(&self, site: &SiteSnapshot, viewed: &[String], now: Timestamp) -> Profile {
        let looks = (1_i64..).zip(viewed.iter().rev()).map(|(ago, id)| {
            let item = site.items.get(id);
            ProfileEvent {
                journal: 0,
                position: Position(u64::MAX - ago.unsigned_abs()),
                occurred_at: now.plus(-ago * PACE_MS),
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
                traits: Box::default(),
            }
        });
        // All looks lie within one visit, however many they are.
        let params = Params { half_life_ms: self.settings.half_life_ms, session_ms: i64::MAX };
        rebuild(site.site.id, VisitorId::NOBODY, looks.collect(), 0, &params)
    }
}
