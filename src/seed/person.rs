//! One invented visitor: who they are, what they like, and when they come again.

use super::{
    Plan,
    arrival::{self, Arrival},
    calendar::{Calendar, DAY_MS, MINUTE_MS, in_ms},
    chance::Chance,
    line::Sender,
    shop::{Shop, Taste},
    world::{BROWSERS, COUNTRIES},
};
use crate::model::Timestamp;

/// Shares of visitors who come for a letter, who have it in their mail at all, and who keep coming.
const BY_LETTER: f64 = 0.075;
const SUBSCRIBED: f64 = 0.22;
const LOYAL: f64 = 0.09;
/// How many subscribers follow a letter into the shop.
const FOLLOWS: f64 = 0.4;

const NAMES: [&str; 24] = [
    "Ada", "Bahar", "Clara", "Dariush", "Elif", "Farid", "Greta", "Hanna", "Ilse", "Jonas", "Kian", "Leila", "Mateo",
    "Nora", "Omid", "Paula", "Quentin", "Roya", "Sander", "Tara", "Ulla", "Viktor", "Wanda", "Yara",
];
const SURNAMES: [&str; 20] = [
    "Adler", "Bakker", "Conti", "Dubois", "Ebadi", "Fischer", "Garcia", "Holm", "Irving", "Jansen", "Karimi", "Lund",
    "Moreau", "Novak", "Ortiz", "Parsa", "Rossi", "Sadeghi", "Turner", "Weber",
];

/// A visitor between two visits.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) chance: Chance,
    pub(super) sender: Sender,
    pub(super) taste: usize,
    pub(super) loyal: bool,
    subscribed: bool,
    /// How the next visit begins; `None` leaves it to chance.
    pub(super) arrival: Option<Arrival>,
    pub(super) visits: u32,
    /// Name and address once they logged in.
    pub(super) known: Option<(String, String)>,
    /// Items in the basket and how many.
    pub(super) cart: Vec<(usize, u32)>,
    pub(super) orders: u32,
    /// Views by category, for what the shop showed them.
    pub(super) interest: Vec<u32>,
    /// Messages sent so far.
    pub(super) sent: u64,
}

impl Person {
    /// The person and when they first come.
    pub(super) fn new(number: u32, plan: &Plan, shop: &Shop, calendar: &Calendar) -> (Self, Option<Timestamp>) {
        let number = u64::from(number);
        let mut chance = Chance::of("person", plan.seed, number);
        let country = chance.pick(&COUNTRIES, super::world::Country::weight);
        let browser = chance.pick(&BROWSERS, super::world::Browser::weight);
        let letters: Vec<_> = shop.campaigns.iter().filter(|campaign| !campaign.sent.is_empty()).collect();
        let letter = (!letters.is_empty() && chance.says(BY_LETTER)).then(|| *chance.any(&letters));
        let places: Vec<usize> = (0..shop.tastes.len()).collect();
        let taste = *chance.pick(&places, |taste| shop.tastes[*taste].weight);
        let mut person = Self {
            number,
            sender: Sender {
                origin: plan.origin.clone(),
                anonymous_id: plan.anonymous_id("person", number),
                browser,
                country,
            },
            taste,
            loyal: chance.says(LOYAL),
            subscribed: letter.is_some() || chance.says(SUBSCRIBED),
            arrival: None,
            visits: 0,
            known: None,
            cart: Vec::new(),
            orders: 0,
            interest: vec![0; shop.categories.len()],
            sent: 0,
            chance,
        };
        let chance = &mut person.chance;
        let by_letter = letter.and_then(|letter| {
            let sendings: Vec<_> = calendar.sendings(letter).collect();
            let sent = *chance.any(&sendings);
            let at = calendar.reading(chance, sent, sent, country.offset_minutes)?;
            Some((at, arrival::by(chance, letter)))
        });
        let first = match by_letter {
            Some((at, arrival)) => {
                person.arrival = Some(arrival);
                at
            }
            None => calendar.anytime(chance, country.offset_minutes),
        };
        (person, Some(first))
    }

    pub(super) fn taste<'s>(&self, shop: &'s Shop) -> &'s Taste {
        &shop.tastes[self.taste]
    }

    /// The category in mind for a while.
    pub(super) fn category(&mut self, shop: &Shop) -> usize {
        let categories: Vec<_> = self.taste(shop).categories.iter().collect();
        let (name, _) = self.chance.pick(&categories, |(_, weight)| **weight);
        shop.category_named(name).unwrap_or(0)
    }

    /// When they come again after a visit that ended at `last`, if they do.
    pub(super) fn again(
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
        let next = if self.chance.says(returns) {
            let mean_days = if self.loyal { 4.5 } else { 7.0 };
            let wish = last.plus(in_ms(self.chance.exponential(mean_days * DAY_MS as f64)));
            calendar.about(&mut self.chance, wish, earliest, offset)
        } else {
            None
        };
        self.by_letter(earliest, next, shop, calendar).or(next)
    }

    /// A letter that arrives in between brings some of its readers sooner, or back at all.
    fn by_letter(
        &mut self,
        earliest: Timestamp,
        next: Option<Timestamp>,
        shop: &Shop,
        calendar: &Calendar,
    ) -> Option<Timestamp> {
        let horizon = next.unwrap_or(calendar.until);
        for letter in shop.campaigns.iter().filter(|_| self.subscribed) {
            let Some(sent) = calendar.sendings(letter).find(|sent| earliest < *sent && *sent < horizon) else {
                continue;
            };
            if self.chance.says(FOLLOWS) {
                let at = calendar.reading(&mut self.chance, sent, earliest, self.sender.country.offset_minutes)?;
                self.arrival = Some(arrival::by(&mut self.chance, letter));
                return Some(at);
            }
        }
        None
    }

    /// A name and an address, the same ever after.
    pub(super) fn introduce(&mut self) -> (String, String) {
        if self.known.is_none() {
            let (name, surname) = (*self.chance.any(&NAMES), *self.chance.any(&SURNAMES));
            let email = format!("{name}.{surname}.{}@example.org", self.number).to_lowercase();
            self.known = Some((format!("{name} {surname}"), email));
        }
        self.known.clone().unwrap_or_default()
    }

    pub(super) fn cart_minor(&self, shop: &Shop) -> i64 {
        self.cart.iter().map(|(item, many)| shop.items[*item].price_minor * i64::from(*many)).sum()
    }

    /// The category that a decision would see in their views: the shop's own rule asks for two.
    pub(super) fn preferred(&self) -> Option<usize> {
        let (category, views) = self.interest.iter().enumerate().max_by_key(|(_, views)| **views)?;
        (*views >= 2).then_some(category)
    }
}
