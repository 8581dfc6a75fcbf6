//! PURE: the invented past of the demo shop, as calls of Segment's specification in order of time.
//!
//! Visitors with tastes come by several ways, look at goods of mostly one kind, come back, and now and
//! then buy; robots read beside them. Everything follows from the plan: the same plan is the same past
//! to the byte, on every machine. The room knows no clock and no IO, and it must never be mistaken for
//! the truth: every call names [`LIBRARY`] as its sender.
//! Example: `Story::new(&plan, &Shop::demo()?).count()` is some ninety thousand lines for 4,000 visitors.

mod arrival;
mod basket;
mod calendar;
mod chance;
mod line;
mod person;
mod products;
mod robot;
mod shop;
#[cfg(test)]
mod tests;
mod visit;
mod world;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

pub use line::{LIBRARY, Line};
pub use shop::{Shop, ShopError};

use self::{calendar::Calendar, person::Person, robot::Robot, visit::Visit};
use crate::model::Timestamp;

/// What the past is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Another seed is another past.
    pub seed: u64,
    /// The moment before which everything happened.
    pub until: Timestamp,
    /// How many days before that it begins.
    pub days: u32,
    /// How many people come.
    pub visitors: u32,
    /// Origin of the shop's pages, without a slash at its end.
    pub origin: String,
}

impl Plan {
    /// The plan in one word, for files and notes.
    #[must_use]
    pub fn name(&self) -> String {
        format!("seed-{}-{}d-{}v-{}", self.seed, self.days, self.visitors, self.until)
    }

    /// The moment at which it begins.
    #[must_use]
    pub fn begin(&self) -> Timestamp {
        Calendar::new(self.until, self.days).begin
    }

    /// Identity of a message: the same for the same period, however many visitors there are.
    fn message_id(&self, stream: &str, number: u64, message: u64) -> String {
        let stream = format!("{stream} {number} {} {}", self.days, self.until.0);
        format!("seed-{}", &chance::digest(&stream, self.seed, message).to_hex()[..32])
    }

    /// Identity of somebody: the same seed brings the same people.
    fn anonymous_id(&self, stream: &str, number: u64) -> String {
        chance::digest(&format!("{stream} id"), self.seed, number).to_hex()[..32].to_owned()
    }
}

/// The past, line by line, oldest first. Holds a few hundred bytes for each visitor, and besides only
/// the visits under way.
pub struct Story<'s> {
    plan: &'s Plan,
    shop: &'s Shop,
    calendar: Calendar,
    cast: Vec<Actor>,
    /// Whose turn it is: the moment of the next line, or of the next visit's beginning.
    turns: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

struct Actor {
    who: Who,
    /// Lines of the visit under way.
    lines: VecDeque<Line>,
    /// When the next visit begins.
    next: Option<Timestamp>,
}

enum Who {
    Person(Box<Person>),
    Robot(Robot),
}

impl<'s> Story<'s> {
    /// Gathers everybody who will come.
    #[must_use]
    pub fn new(plan: &'s Plan, shop: &'s Shop) -> Self {
        let calendar = Calendar::new(plan.until, plan.days);
        let people = (0..plan.visitors).map(|number| {
            let (person, first) = Person::new(number, plan, shop, &calendar);
            (Who::Person(Box::new(person)), first)
        });
        let robots = (0..world::ROBOTS.len()).map(|number| {
            let (robot, first) = Robot::new(number, plan, &calendar);
            (Who::Robot(robot), first)
        });
        let cast: Vec<Actor> =
            people.chain(robots).map(|(who, next)| Actor { who, lines: VecDeque::new(), next }).collect();
        let turns = cast.iter().enumerate().filter_map(|(at, actor)| Some(Reverse((actor.next?, at)))).collect();
        Self { plan, shop, calendar, cast, turns }
    }
}

impl Iterator for Story<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let Reverse((at, place)) = self.turns.pop()?;
            let actor = &mut self.cast[place];
            let line = actor.lines.pop_front();
            if line.is_none() {
                let (lines, next) = match &mut actor.who {
                    Who::Person(person) => Visit::run(person, at, self.plan, self.shop, &self.calendar),
                    Who::Robot(robot) => robot.visit(at, self.plan, self.shop, &self.calendar),
                };
                (actor.lines, actor.next) = (lines.into(), next);
            }
            if let Some(turn) = actor.lines.front().map(|line| line.at).or(actor.next) {
                self.turns.push(Reverse((turn, place)));
            }
            if line.is_some() {
                return line;
            }
        }
    }
}
