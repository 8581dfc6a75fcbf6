//! A bot that reads the shop page by page and buys nothing.

use serde_json::json;

use super::{
    Plan,
    calendar::{Calendar, DAY_MS, HOUR_MS, in_ms},
    line::{Line, product_line},
    rng::Rng,
    shop::Shop,
    world::BOTS,
};
use crate::model::Timestamp;

/// Pages that all bots together read per visitor of the period.
const PAGES_PER_VISITOR: f64 = 1.1;
const PAGES_PER_READING: i64 = 9;

/// One of [`BOTS`].
#[derive(Debug)]
pub(super) struct Bot {
    number: u64,
    rng: Rng,
    gap_ms: f64,
    read: u64,
}

impl Bot {
    /// The bot and the time of its first visit.
    pub(super) fn new(number: usize, plan: &Plan, calendar: &Calendar) -> (Self, Option<Timestamp>) {
        let number = number as u64;
        let share = BOTS.get(index(number)).map_or(0.0, |(_, share)| *share);
        let readings = f64::from(plan.visitors) * PAGES_PER_VISITOR * share / PAGES_PER_READING as f64;
        let gap_ms = f64::from(plan.days) * DAY_MS as f64 / readings.max(1.0);
        let mut bot = Self { number, rng: Rng::new("robot", plan.seed, number), gap_ms, read: 0 };
        let first = bot.next(calendar.begin, calendar);
        (bot, first)
    }

    /// One visit, and the time of the next. Bots come at any hour, but the outage stops them too.
    pub(super) fn visit(
        &mut self,
        at: Timestamp,
        plan: &Plan,
        shop: &Shop,
        calendar: &Calendar,
    ) -> (Vec<Line>, Option<Timestamp>) {
        let mut now = at;
        let pages = self.rng.between(PAGES_PER_READING / 2, PAGES_PER_READING * 3 / 2);
        let mut lines = Vec::new();
        for _ in 0..pages {
            self.read(now, plan, shop, &mut lines);
            now = now.plus(self.rng.between(700, 9_000));
        }
        lines.retain(|line| calendar.is_recorded(line.at));
        (lines, self.next(now, calendar))
    }

    fn read(&mut self, at: Timestamp, plan: &Plan, shop: &Shop, lines: &mut Vec<Line>) {
        let item = self.rng.any(&shop.items);
        let mut emit = |kind: &str, more: serde_json::Value| {
            let id = plan.message_id("robot", self.number, self.read);
            self.read += 1;
            let mut call = json!({
                "type": kind,
                "messageId": id,
                "timestamp": at.to_string(),
                "anonymousId": plan.anonymous_id("robot", self.number),
                "context": {
                    "page": { "url": format!("{}{}", plan.origin, item.url), "title": item.title, "referrer": "" },
                    "userAgent": BOTS[index(self.number)].0,
                    "library": { "name": super::LIBRARY, "version": env!("CARGO_PKG_VERSION") },
                },
            });
            if let (Some(call), serde_json::Value::Object(more)) = (call.as_object_mut(), more) {
                call.extend(more);
            }
            lines.push(Line { at, json: call.to_string() });
        };
        emit("page", json!({}));
        emit("track", json!({ "event": "Product Viewed", "properties": product_line(item) }));
    }

    fn next(&mut self, after: Timestamp, calendar: &Calendar) -> Option<Timestamp> {
        let at = after.plus(in_ms(self.rng.exponential(self.gap_ms))).plus(HOUR_MS / 60);
        (at < calendar.until).then_some(at)
    }
}

fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX) % BOTS.len()
}
