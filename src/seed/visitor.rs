//! One generated visitor: device, interests, and when they return.

use super::{
    Plan,
    calendar::{Calendar, DAY_MS, MINUTE_MS, in_ms},
    line::Sender,
    rng::Rng,
    session_start::{self, SessionStart},
    shop::{Persona, Shop},
    world::{BROWSERS, COUNTRIES},
};
use crate::model::Timestamp;

/// Shares of visitors who first come through a newsletter, who are subscribed, and who are loyal.
const NEWSLETTER_SHARE: f64 = 0.075;
const SUBSCRIBED: f64 = 0.22;
const LOYAL: f64 = 0.09;
/// Share of subscribers who follow a newsletter to the shop.
const OPEN_RATE: f64 = 0.4;

const NAMES: [&str; 24] = [
    "Ada", "Bahar", "Clara", "Dariush", "Elif", "Farid", "Greta", "Hanna", "Ilse", "Jonas", "Kian", "Leila", "Mateo",
    "Nora", "Omid", "Paula", "Quentin", "Roya", "Sander", "Tara", "Ulla", "Viktor", "Wanda", "Yara",
];
const SURNAMES: [&str; 20] = [
    "Adler", "Bakker", "Conti", "Dubois", "Ebadi", "Fischer", "Garcia", "Holm", "Irving", "Jansen", "Karimi", "Lund",
    "Moreau", "Novak", "Ortiz", "Parsa", "Rossi", "Sadeghi", "Turner", "Weber",
];

/// A visitor between two sessions.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) number: u64,
    pub(super) rng: Rng,
    pub(super) sender: Sender,
    pub(super) persona: usize,
    pub(super) loyal: bool,
    subscribed: bool,
    /// How the next session starts; random if `None`.
    pub(super) start: Option<SessionStart>,
    pub(super) visits: u32,
    /// Name and e-mail after a login.
    pub(super) known: Option<(String, String)>,
    /// Items in the cart with quantities.
    pub(super) cart: Vec<(usize, u32)>,
    pub(super) orders: u32,
    /// Views by category, on which shown offers depend.
    pub(super) interest: Vec<u32>,
    /// Number of messages sent so far.
    pub(super) sent: u64,
}

impl Visitor {
    /// The visitor and the start of the first session.
    pub(super) fn new(number: u32, plan: &Plan, shop: &Shop, calendar: &Calendar) -> (Self, Option<Timestamp>) {
        let number = u64::from(number);
        let mut rng = Rng::new("person", plan.seed, number);
        let country = rng.pick(&COUNTRIES, super::world::Country::weight);
        let browser = rng.pick(&BROWSERS, super::world::Browser::weight);
        let newsletters: Vec<_> = shop.campaigns.iter().filter(|campaign| !campaign.sent.is_empty()).collect();
        let newsletter = (!newsletters.is_empty() && rng.happens(NEWSLETTER_SHARE)).then(|| *rng.any(&newsletters));
        let places: Vec<usize> = (0..shop.personas.len()).collect();
        let persona = *rng.pick(&places, |persona| shop.personas[*persona].weight);
        let mut visitor = Self {
            number,
            sender: Sender {
                origin: plan.origin.clone(),
                anonymous_id: plan.anonymous_id("person", number),
                browser,
                country,
            },
            persona,
            loyal: rng.happens(LOYAL),
            subscribed: newsletter.is_some() || rng.happens(SUBSCRIBED),
            start: None,
            visits: 0,
            known: None,
            cart: Vec::new(),
            orders: 0,
            interest: vec![0; shop.categories.len()],
            sent: 0,
            rng,
        };
        let rng = &mut visitor.rng;
        let after_newsletter = newsletter.and_then(|newsletter| {
            let send_times: Vec<_> = calendar.send_times(newsletter).collect();
            let sent = *rng.any(&send_times);
            let at = calendar.open_time(rng, sent, sent, country.offset_minutes)?;
            Some((at, session_start::from_campaign(rng, newsletter)))
        });
        let first = match after_newsletter {
            Some((at, start)) => {
                visitor.start = Some(start);
                at
            }
            None => calendar.random_time(rng, country.offset_minutes),
        };
        (visitor, Some(first))
    }

    pub(super) fn persona<'s>(&self, shop: &'s Shop) -> &'s Persona {
        &shop.personas[self.persona]
    }

    /// A category of current interest.
    pub(super) fn category(&mut self, shop: &Shop) -> usize {
        let categories: Vec<_> = self.persona(shop).categories.iter().collect();
        let (name, _) = self.rng.pick(&categories, |(_, weight)| **weight);
        shop.category_named(name).unwrap_or(0)
    }

    /// Start of the next session after one that ended at `last`, if any.
    pub(super) fn next_session(
        &mut self,
        last: Timestamp,
        engaged: bool,
        shop: &Shop,
        calendar: &Calendar,
    ) -> Option<Timestamp> {
        let offset = self.sender.country.offset_minutes;
        let earliest = last.plus(45 * MINUTE_MS);
        let returns = match (self.loyal, engaged) {
            (true, _) => 0.9,
            (false, true) => 0.46,
            (false, false) => 0.26,
        };
        let next = if self.rng.happens(returns) {
            let mean_days = if self.loyal { 4.5 } else { 7.0 };
            let wish = last.plus(in_ms(self.rng.exponential(mean_days * DAY_MS as f64)));
            calendar.near(&mut self.rng, wish, earliest, offset)
        } else {
            None
        };
        self.after_newsletter(earliest, next, shop, calendar).or(next)
    }

    /// A newsletter sent in between brings some readers back sooner, or at all.
    fn after_newsletter(
        &mut self,
        earliest: Timestamp,
        next: Option<Timestamp>,
        shop: &Shop,
        calendar: &Calendar,
    ) -> Option<Timestamp> {
        let horizon = next.unwrap_or(calendar.until);
        for newsletter in shop.campaigns.iter().filter(|_| self.subscribed) {
            let Some(sent) = calendar.send_times(newsletter).find(|sent| earliest < *sent && *sent < horizon) else {
                continue;
            };
            if self.rng.happens(OPEN_RATE) {
                let at = calendar.open_time(&mut self.rng, sent, earliest, self.sender.country.offset_minutes)?;
                self.start = Some(session_start::from_campaign(&mut self.rng, newsletter));
                return Some(at);
            }
        }
        None
    }

    /// Name and e-mail, generated once.
    pub(super) fn account(&mut self) -> (String, String) {
        if self.known.is_none() {
            let (name, surname) = (*self.rng.any(&NAMES), *self.rng.any(&SURNAMES));
            let email = format!("{name}.{surname}.{}@example.org", self.number).to_lowercase();
            self.known = Some((format!("{name} {surname}"), email));
        }
        self.known.clone().unwrap_or_default()
    }

    pub(super) fn cart_minor(&self, shop: &Shop) -> i64 {
        self.cart.iter().map(|(item, quantity)| shop.items[*item].price_minor * i64::from(*quantity)).sum()
    }

    /// The preferred category, as a decision would see it: the shop's own rule requires two views.
    pub(super) fn preferred(&self) -> Option<usize> {
        let (category, views) = self.interest.iter().enumerate().max_by_key(|(_, views)| **views)?;
        (*views >= 2).then_some(category)
    }
}
