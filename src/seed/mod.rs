//! No I/O: generates history for the demo shop, as calls of Segment's specification in order of time.
//!
//! Visitors with different interests arrive from several sources, view items of mostly one category, return, and
//! sometimes buy; bots read as well. The output is a function of the plan alone: the same plan gives the same bytes on
//! every machine. The clock is never read, and the result must be recognizable as generated: every call has [`LIBRARY`]
//! as its library.
//! Example: `GeneratedHistory::new(&plan, &Shop::demo()?).count()` is some ninety thousand lines for 4,000 visitors.

mod bot;
mod calendar;
mod cart;
mod line;
mod products;
mod rng;
mod session;
mod session_start;
mod shop;
#[cfg(test)]
mod tests;
mod visitor;
mod world;

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

pub use line::{LIBRARY, Line};
pub use shop::{Shop, ShopError};

use self::{bot::Bot, calendar::Calendar, session::Session, visitor::Visitor};
use crate::model::Timestamp;

/// What to generate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// A different seed gives a different history.
    pub seed: u64,
    /// End of the period, exclusive.
    pub until: Timestamp,
    /// Length of the period, days.
    pub days: u32,
    /// Number of visitors.
    pub visitors: u32,
    /// Origin of the shop's pages, without a trailing slash.
    pub origin: String,
}

impl Plan {
    /// The plan as one token, for files and records.
    #[must_use]
    pub fn name(&self) -> String {
        format!("seed-{}-{}d-{}v-{}", self.seed, self.days, self.visitors, self.until)
    }

    /// Start of the period.
    #[must_use]
    pub fn begin(&self) -> Timestamp {
        Calendar::new(self.until, self.days).begin
    }

    /// A message id: independent of the number of visitors.
    fn message_id(&self, stream: &str, number: u64, message: u64) -> String {
        let stream = format!("{stream} {number} {} {}", self.days, self.until.0);
        format!("seed-{}", &rng::digest(&stream, self.seed, message).to_hex()[..32])
    }

    /// A visitor's or bot's id: the same for every plan with the same seed.
    fn anonymous_id(&self, stream: &str, number: u64) -> String {
        rng::digest(&format!("{stream} id"), self.seed, number).to_hex()[..32].to_owned()
    }
}

/// The generated lines, oldest first. Memory: a few hundred bytes per visitor, plus the sessions in progress.
pub struct GeneratedHistory<'s> {
    plan: &'s Plan,
    shop: &'s Shop,
    calendar: Calendar,
    actors: Vec<Actor>,
    /// Actors by the time of their next line, or of their next session.
    queue: BinaryHeap<Reverse<(Timestamp, usize)>>,
}

struct Actor {
    kind: ActorKind,
    /// Remaining lines of the current session.
    lines: VecDeque<Line>,
    /// Start of the next session.
    next: Option<Timestamp>,
}

enum ActorKind {
    Visitor(Box<Visitor>),
    Bot(Bot),
}

impl<'s> GeneratedHistory<'s> {
    /// Creates all visitors and bots.
    #[must_use]
    pub fn new(plan: &'s Plan, shop: &'s Shop) -> Self {
        let calendar = Calendar::new(plan.until, plan.days);
        let people = (0..plan.visitors).map(|number| {
            let (visitor, first) = Visitor::new(number, plan, shop, &calendar);
            (ActorKind::Visitor(Box::new(visitor)), first)
        });
        let robots = (0..world::BOTS.len()).map(|number| {
            let (bot, first) = Bot::new(number, plan, &calendar);
            (ActorKind::Bot(bot), first)
        });
        let actors: Vec<Actor> =
            people.chain(robots).map(|(kind, next)| Actor { kind, lines: VecDeque::new(), next }).collect();
        let queue = actors.iter().enumerate().filter_map(|(at, actor)| Some(Reverse((actor.next?, at)))).collect();
        Self { plan, shop, calendar, actors, queue }
    }
}

impl Iterator for GeneratedHistory<'_> {
    type Item = Line;

    fn next(&mut self) -> Option<Line> {
        loop {
            let Reverse((at, index)) = self.queue.pop()?;
            let actor = &mut self.actors[index];
            let line = actor.lines.pop_front();
            if line.is_none() {
                let (lines, next) = match &mut actor.kind {
                    ActorKind::Visitor(visitor) => Session::run(visitor, at, self.plan, self.shop, &self.calendar),
                    ActorKind::Bot(bot) => bot.visit(at, self.plan, self.shop, &self.calendar),
                };
                (actor.lines, actor.next) = (lines.into(), next);
            }
            if let Some(time) = actor.lines.front().map(|line| line.at).or(actor.next) {
                self.queue.push(Reverse((time, index)));
            }
            if line.is_some() {
                return line;
            }
        }
    }
}
