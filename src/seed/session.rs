//! One session: the pages in order, and the actions on them.

use serde_json::{Value, json};

use super::{
    Plan,
    calendar::{Calendar, MINUTE_MS, in_ms},
    line::{Call, Line, Page, product_line},
    products::{self, ShownProducts},
    session_start::{self, SessionStart},
    shop::Shop,
    visitor::Visitor,
};
use crate::model::Timestamp;

/// A visitor's session in progress.
pub(super) struct Session<'v> {
    pub(super) visitor: &'v mut Visitor,
    pub(super) plan: &'v Plan,
    pub(super) shop: &'v Shop,
    campaign: String,
    now: Timestamp,
    page: Page,
    lines: Vec<Line>,
}

/// The page a session starts on.
enum Landing {
    Home,
    List(usize),
    Item(usize),
}

/// Longest time on a page, below the session timeout.
const DWELL_MS_MAX: i64 = 14 * MINUTE_MS;

impl<'v> Session<'v> {
    /// The lines of a session that starts at `at`, and the time of the next session.
    pub(super) fn run(
        visitor: &'v mut Visitor,
        at: Timestamp,
        plan: &'v Plan,
        shop: &'v Shop,
        calendar: &Calendar,
    ) -> (Vec<Line>, Option<Timestamp>) {
        let main = visitor.category(shop);
        let start = visitor.start.take();
        let first = visitor.visits == 0;
        let start = start.unwrap_or_else(|| session_start::random(&mut visitor.rng, shop, main, first));
        let mut visit =
            Session { visitor, plan, shop, campaign: String::new(), now: at, page: Page::default(), lines: Vec::new() };
        let engaged = visit.walk(start, main);
        let Session { now, mut lines, .. } = visit;
        // During the outage the rest of the session was not recorded.
        let properties = lines.iter().take_while(|line| calendar.is_recorded(line.at)).count();
        lines.truncate(properties);
        visitor.visits += 1;
        (lines, visitor.next_session(now, engaged, shop, calendar))
    }

    /// Returns whether the session continues after the first page.
    fn walk(&mut self, start: SessionStart, main: usize) -> bool {
        let SessionStart { target, referrer, campaign } = start;
        self.campaign = campaign;
        let path = target.split('?').next().unwrap_or_default();
        let landing = match (self.shop.item_at(path), self.shop.category_at(path)) {
            (Some(item), _) => Landing::Item(item),
            (None, Some(category)) => Landing::List(category),
            (None, None) => Landing::Home,
        };
        let stays = match landing {
            Landing::Home => 0.44,
            Landing::List(_) => 0.6,
            Landing::Item(_) => 0.52,
        };
        let habit = if self.visitor.visits > 0 { 0.16 } else { 0.0 };
        let stays = self.visitor.rng.happens(stays + habit);
        referrer.clone_into(&mut self.page.url);
        match landing {
            Landing::Home => self.home(&target, stays, main),
            Landing::List(category) => self.list(category, &target),
            Landing::Item(item) => {
                self.item(item, &target);
            }
        }
        if stays {
            let known = matches!(landing, Landing::Item(_));
            self.browse(main, known);
            self.buy();
        }
        stays
    }

    /// Views some items, mostly of one category.
    fn browse(&mut self, main: usize, one_seen: bool) {
        let wants = self.wants();
        let warm = !self.visitor.cart.is_empty() && self.visitor.rng.happens(0.4);
        let mut views = if warm { 0 } else { self.views() };
        let (mut seen, mut below): (Option<usize>, Option<ShownProducts>) = (None, None);
        if one_seen {
            views = views.saturating_sub(1);
        }
        for view in 0..views {
            let item = self.choose(main, seen);
            if !self.click_recommendation(below.take(), item) {
                self.navigate_to(item, view == 0);
            }
            below = self.item(item, &self.shop.items[item].url);
            if wants && self.shop.items[item].available && self.visitor.rng.happens(0.55) {
                self.add(item);
            }
            seen = Some(item);
        }
        if self.visitor.visits > 0 && self.visitor.known.is_none() && self.visitor.rng.happens(0.08) {
            self.log_in();
        }
    }

    /// Navigates to an item: by search, its category's list, the home page, or a direct link.
    fn navigate_to(&mut self, item: usize, first: bool) {
        if first && self.visitor.rng.happens(0.16) {
            self.search(item);
        } else if first || self.visitor.rng.happens(0.45) {
            let category = self.shop.main_category(item);
            let target = format!("/demo/c/{}", self.shop.categories[category].slug);
            if self.page.url != format!("{}{target}", self.plan.origin) {
                self.list(category, &target);
            }
        } else if self.visitor.rng.happens(0.2) {
            self.home("/demo/", true, self.shop.main_category(item));
        }
    }

    /// Number of views: two to six, rarely more.
    fn views(&mut self) -> u32 {
        let more = self.visitor.rng.exponential(1.9).min(7.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
        let more = more as u32;
        more + if self.visitor.rng.happens(0.25) { 1 } else { 2 }
    }

    /// Whether the visitor is ready to buy in this session.
    fn wants(&mut self) -> bool {
        let readiness = self.visitor.persona(self.shop).buys * 2.9;
        let device = if self.visitor.sender.browser.handheld { 0.8 } else { 1.2 };
        let habit = if self.visitor.visits > 0 { 1.35 } else { 0.85 };
        self.visitor.rng.happens(readiness * device * habit)
    }

    /// The next item: related to the last one, of the main category, or another.
    fn choose(&mut self, main: usize, seen: Option<usize>) -> usize {
        let related = seen.map_or(&[][..], |seen| self.shop.related(seen));
        if !related.is_empty() && self.visitor.rng.happens(0.26) {
            return *self.visitor.rng.any(related);
        }
        let category = if self.visitor.rng.happens(0.8) { main } else { self.visitor.category(self.shop) };
        let shop = self.shop;
        let others: Vec<usize> =
            shop.categories[category].items.iter().copied().filter(|item| Some(*item) != seen).collect();
        *self.visitor.rng.pick(&others, |item| shop.items[*item].appeal())
    }

    fn home(&mut self, target: &str, stays: bool, main: usize) {
        self.open(target, "Hojreh, a small shop of good things".into());
        let hero = products::hero(self.visitor, &self.campaign, self.shop);
        if let Some((shown, _)) = &hero {
            self.wait(1_100, 2_500);
            self.track("Slot Viewed", shown.seen(self.shop));
        }
        if !self.visitor.rng.happens(if stays { 0.75 } else { 0.35 }) {
            return;
        }
        let shown = products::home(self.visitor, self.shop);
        self.wait(1_500, 9_000);
        self.track("Slot Viewed", shown.seen(self.shop));
        if !stays {
            return;
        }
        if let Some((hero, url)) = hero.filter(|_| self.visitor.rng.happens(0.13)) {
            self.wait(800, 6_000);
            self.track("Slot Clicked", hero.clicked(self.shop, None));
            match (self.shop.item_at(&url), self.shop.category_at(&url)) {
                (Some(item), _) => {
                    self.item(item, &url);
                }
                (None, Some(category)) => self.list(category, &url),
                (None, None) => {}
            }
        } else if let Some(index) = shown.items.iter().position(|item| self.shop.main_category(*item) == main)
            && self.visitor.rng.happens(0.16)
        {
            self.wait(800, 6_000);
            self.track("Slot Clicked", shown.clicked(self.shop, Some(index)));
            let item = shown.items[index];
            self.item(item, &self.shop.items[item].url);
        }
    }

    fn list(&mut self, category: usize, target: &str) {
        let shown = &self.shop.categories[category];
        self.open(target, format!("{} · Hojreh", shown.name));
        let products: Vec<Value> = (1..)
            .zip(shown.items.iter().take(12))
            .map(|(position, item)| {
                let mut properties = product_line(&self.shop.items[*item]);
                properties["position"] = Value::from(position);
                properties
            })
            .collect();
        self.track(
            "Product List Viewed",
            json!({ "list_id": shown.slug, "category": shown.name, "products": products }),
        );
    }

    /// An item's page; returns the recommendations on it if they were seen.
    fn item(&mut self, item: usize, target: &str) -> Option<ShownProducts> {
        let product = &self.shop.items[item];
        self.open(target, format!("{} · Hojreh", titled(&product.id)));
        self.track("Product Viewed", self.visitor.sender.subject(product));
        let main = self.shop.main_category(item);
        self.visitor.interest[main] += 1;
        if !self.visitor.rng.happens(0.42) {
            return None;
        }
        let shown = products::related_to(&mut self.visitor.rng, "product-recs", item, self.shop);
        self.wait(3_000, 20_000);
        self.track("Slot Viewed", shown.seen(self.shop));
        Some(shown)
    }

    /// Clicks an item among the page's recommendations; returns false if it is not there.
    fn click_recommendation(&mut self, below: Option<ShownProducts>, item: usize) -> bool {
        let Some(shown) = below.filter(|_| self.visitor.rng.happens(0.5)) else { return false };
        let Some(index) = shown.items.iter().position(|other| *other == item) else { return false };
        self.wait(2_000, 15_000);
        self.track("Slot Clicked", shown.clicked(self.shop, Some(index)));
        true
    }

    /// Searches for a keyword of an item, or sometimes for something the shop does not have.
    fn search(&mut self, item: usize) {
        const NOT_HERE: [&str; 6] = ["gift card", "chai", "espresso machine", "rug", "matcha", "bonsai"];
        let product = &self.shop.items[item];
        let query = if self.visitor.rng.happens(0.12) {
            (*self.visitor.rng.any(&NOT_HERE)).to_owned()
        } else if self.visitor.rng.happens(0.5) && !product.tags.is_empty() {
            self.visitor.rng.any(&product.tags).clone()
        } else {
            let words: Vec<&str> = product.title.split([' ', ',']).filter(|word| word.len() > 3).collect();
            if words.is_empty() { product.title.to_lowercase() } else { self.visitor.rng.any(&words).to_lowercase() }
        };
        self.open(&format!("/demo/search?q={}", query.replace(' ', "+")), "Search · Hojreh".into());
        let results = self.shop.found(&query).len();
        self.track("Products Searched", json!({ "query": query, "results": results }));
    }

    pub(super) fn log_in(&mut self) {
        self.open("/demo/account", "Your account · Hojreh".into());
        let (name, email) = self.visitor.account();
        self.wait(8_000, 40_000);
        self.emit(Call::Identify { email, name });
        self.track("Signed In", json!({ "method": "demo" }));
    }

    /// Opens another page after some time on this one.
    pub(super) fn open(&mut self, target: &str, title: String) {
        if !self.lines.is_empty() {
            // Most pages get a glance, some a long look.
            let glance = self.visitor.rng.exponential(26_000.0);
            self.now = self.now.plus(3_000 + in_ms(glance).min(DWELL_MS_MAX));
        }
        let referrer = std::mem::take(&mut self.page.url);
        self.page = Page { url: format!("{}{target}", self.plan.origin), title, referrer };
        self.emit(Call::Page);
        self.wait(120, 700);
    }

    pub(super) fn wait(&mut self, least_ms: i64, most_ms: i64) {
        self.now = self.now.plus(self.visitor.rng.between(least_ms, most_ms));
    }

    pub(super) fn track(&mut self, event: &'static str, properties: Value) {
        self.emit(Call::Track(event, properties));
    }

    fn emit(&mut self, call: Call) {
        let id = self.plan.message_id("person", self.visitor.number, self.visitor.sent);
        self.visitor.sent += 1;
        self.lines.push(self.visitor.sender.line(self.now, &id, &self.page, call));
    }
}

/// The page title before the catalogue has loaded: derived from the URL, as the page does it.
fn titled(id: &str) -> String {
    let words = id.split_once('-').map_or(id, |(_, words)| words).replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
