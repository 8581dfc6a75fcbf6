//! One visit: the pages in the order in which they are looked at, and what is done on them.

use serde_json::{Value, json};

use super::{
    Plan,
    arrival::{self, Arrival},
    calendar::{Calendar, MINUTE_MS, in_ms},
    line::{Call, Line, Page, part},
    person::Person,
    products::{self, ShownProducts},
    shop::Shop,
};
use crate::model::Timestamp;

/// Somebody on their way through the shop.
pub(super) struct Visit<'v> {
    pub(super) person: &'v mut Person,
    pub(super) plan: &'v Plan,
    pub(super) shop: &'v Shop,
    campaign: String,
    now: Timestamp,
    page: Page,
    lines: Vec<Line>,
}

/// Where a visit begins.
enum Landing {
    Home,
    List(usize),
    Item(usize),
}

/// Nobody looks longer at one page than this and goes on: it would be another visit.
const DWELL_MS_MAX: i64 = 14 * MINUTE_MS;

impl<'v> Visit<'v> {
    /// The lines of a visit that begins at `at`, and when the next one does.
    pub(super) fn run(
        person: &'v mut Person,
        at: Timestamp,
        plan: &'v Plan,
        shop: &'v Shop,
        calendar: &Calendar,
    ) -> (Vec<Line>, Option<Timestamp>) {
        let main = person.category(shop);
        let arrival = person.arrival.take();
        let first = person.visits == 0;
        let arrival = arrival.unwrap_or_else(|| arrival::any(&mut person.chance, shop, main, first));
        let mut visit =
            Visit { person, plan, shop, campaign: String::new(), now: at, page: Page::default(), lines: Vec::new() };
        let engaged = visit.walk(arrival, main);
        let Visit { now, mut lines, .. } = visit;
        // Where the shop went silent, the rest of the visit was never told.
        let told = lines.iter().take_while(|line| calendar.records(line.at)).count();
        lines.truncate(told);
        person.visits += 1;
        (lines, person.again(now, engaged, shop, calendar))
    }

    /// Returns whether they looked further than the first page.
    fn walk(&mut self, arrival: Arrival, main: usize) -> bool {
        let Arrival { target, referrer, campaign } = arrival;
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
        let habit = if self.person.visits > 0 { 0.16 } else { 0.0 };
        let stays = self.person.chance.says(stays + habit);
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

    /// Looks at a few things, mostly of one kind.
    fn browse(&mut self, main: usize, one_seen: bool) {
        let wants = self.wants();
        let warm = !self.person.cart.is_empty() && self.person.chance.says(0.4);
        let mut views = if warm { 0 } else { self.views() };
        let (mut seen, mut below): (Option<usize>, Option<ShownProducts>) = (None, None);
        if one_seen {
            views = views.saturating_sub(1);
        }
        for turn in 0..views {
            let item = self.choose(main, seen);
            if !self.by_shelf(below.take(), item) {
                self.by_list(item, turn == 0);
            }
            below = self.item(item, &self.shop.items[item].url);
            if wants && self.shop.items[item].available && self.person.chance.says(0.55) {
                self.add(item);
            }
            seen = Some(item);
        }
        if self.person.visits > 0 && self.person.known.is_none() && self.person.chance.says(0.08) {
            self.log_in();
        }
    }

    /// Finds an item by the search, in the list of its category, by way of the home page, or by a link.
    fn by_list(&mut self, item: usize, first: bool) {
        if first && self.person.chance.says(0.16) {
            self.search(item);
        } else if first || self.person.chance.says(0.45) {
            let category = self.shop.main_category(item);
            let target = format!("/demo/c/{}", self.shop.categories[category].slug);
            if self.page.url != format!("{}{target}", self.plan.origin) {
                self.list(category, &target);
            }
        } else if self.person.chance.says(0.2) {
            self.home("/demo/", true, self.shop.main_category(item));
        }
    }

    /// Two to six, seldom more.
    fn views(&mut self) -> u32 {
        let more = self.person.chance.exponential(1.9).min(7.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
        let more = more as u32;
        more + if self.person.chance.says(0.25) { 1 } else { 2 }
    }

    /// Whether they would put something into the basket today.
    fn wants(&mut self) -> bool {
        let readiness = self.person.taste(self.shop).buys * 2.9;
        let device = if self.person.sender.browser.handheld { 0.8 } else { 1.2 };
        let habit = if self.person.visits > 0 { 1.35 } else { 0.85 };
        self.person.chance.says(readiness * device * habit)
    }

    /// The next thing to look at: what belongs to the last one, more of the same kind, or something else.
    fn choose(&mut self, main: usize, seen: Option<usize>) -> usize {
        let companions = seen.map_or(&[][..], |seen| self.shop.companions(seen));
        if !companions.is_empty() && self.person.chance.says(0.26) {
            return *self.person.chance.any(companions);
        }
        let category = if self.person.chance.says(0.8) { main } else { self.person.category(self.shop) };
        let shop = self.shop;
        let others: Vec<usize> =
            shop.categories[category].items.iter().copied().filter(|item| Some(*item) != seen).collect();
        *self.person.chance.pick(&others, |item| shop.items[*item].appeal())
    }

    fn home(&mut self, target: &str, stays: bool, main: usize) {
        self.open(target, "Hojreh, a small shop of good things".into());
        let hero = products::hero(self.person, &self.campaign, self.shop);
        if let Some((shown, _)) = &hero {
            self.passes(1_100, 2_500);
            self.track("Slot Viewed", shown.seen(self.shop));
        }
        if !self.person.chance.says(if stays { 0.75 } else { 0.35 }) {
            return;
        }
        let shown = products::home(self.person, self.shop);
        self.passes(1_500, 9_000);
        self.track("Slot Viewed", shown.seen(self.shop));
        if !stays {
            return;
        }
        if let Some((hero, url)) = hero.filter(|_| self.person.chance.says(0.13)) {
            self.passes(800, 6_000);
            self.track("Slot Clicked", hero.clicked(self.shop, None));
            match (self.shop.item_at(&url), self.shop.category_at(&url)) {
                (Some(item), _) => {
                    self.item(item, &url);
                }
                (None, Some(category)) => self.list(category, &url),
                (None, None) => {}
            }
        } else if let Some(place) = shown.items.iter().position(|item| self.shop.main_category(*item) == main)
            && self.person.chance.says(0.16)
        {
            self.passes(800, 6_000);
            self.track("Slot Clicked", shown.clicked(self.shop, Some(place)));
            let item = shown.items[place];
            self.item(item, &self.shop.items[item].url);
        }
    }

    fn list(&mut self, category: usize, target: &str) {
        let shown = &self.shop.categories[category];
        self.open(target, format!("{} · Hojreh", shown.name));
        let products: Vec<Value> = (1..)
            .zip(shown.items.iter().take(12))
            .map(|(position, item)| {
                let mut told = part(&self.shop.items[*item]);
                told["position"] = Value::from(position);
                told
            })
            .collect();
        self.track(
            "Product List Viewed",
            json!({ "list_id": shown.slug, "category": shown.name, "products": products }),
        );
    }

    /// An item's page; returns the products below it if they came to see it.
    fn item(&mut self, item: usize, target: &str) -> Option<ShownProducts> {
        let good = &self.shop.items[item];
        self.open(target, format!("{} · Hojreh", titled(&good.id)));
        self.track("Product Viewed", self.person.sender.subject(good));
        let main = self.shop.main_category(item);
        self.person.interest[main] += 1;
        if !self.person.chance.says(0.42) {
            return None;
        }
        let shown = products::beside(&mut self.person.chance, "product-recs", item, self.shop);
        self.passes(3_000, 20_000);
        self.track("Slot Viewed", shown.seen(self.shop));
        Some(shown)
    }

    /// Follows a products of the page to an item, if the products has it; returns whether it was so.
    fn by_shelf(&mut self, below: Option<ShownProducts>, item: usize) -> bool {
        let Some(shown) = below.filter(|_| self.person.chance.says(0.5)) else { return false };
        let Some(place) = shown.items.iter().position(|other| *other == item) else { return false };
        self.passes(2_000, 15_000);
        self.track("Slot Clicked", shown.clicked(self.shop, Some(place)));
        true
    }

    /// Searches for a word of an item, or now and then for something the shop does not have.
    fn search(&mut self, item: usize) {
        const NOT_HERE: [&str; 6] = ["gift card", "chai", "espresso machine", "rug", "matcha", "bonsai"];
        let good = &self.shop.items[item];
        let query = if self.person.chance.says(0.12) {
            (*self.person.chance.any(&NOT_HERE)).to_owned()
        } else if self.person.chance.says(0.5) && !good.tags.is_empty() {
            self.person.chance.any(&good.tags).clone()
        } else {
            let words: Vec<&str> = good.title.split([' ', ',']).filter(|word| word.len() > 3).collect();
            if words.is_empty() { good.title.to_lowercase() } else { self.person.chance.any(&words).to_lowercase() }
        };
        self.open(&format!("/demo/search?q={}", query.replace(' ', "+")), "Search · Hojreh".into());
        let results = self.shop.found(&query).len();
        self.track("Products Searched", json!({ "query": query, "results": results }));
    }

    pub(super) fn log_in(&mut self) {
        self.open("/demo/account", "Your account · Hojreh".into());
        let (name, email) = self.person.introduce();
        self.passes(8_000, 40_000);
        self.say(Call::Identify { email, name });
        self.track("Signed In", json!({ "method": "demo" }));
    }

    /// Goes to another page after a while on this one.
    pub(super) fn open(&mut self, target: &str, title: String) {
        if !self.lines.is_empty() {
            // Most pages get a glance, some a long look.
            let glance = self.person.chance.exponential(26_000.0);
            self.now = self.now.plus(3_000 + in_ms(glance).min(DWELL_MS_MAX));
        }
        let referrer = std::mem::take(&mut self.page.url);
        self.page = Page { url: format!("{}{target}", self.plan.origin), title, referrer };
        self.say(Call::Page);
        self.passes(120, 700);
    }

    pub(super) fn passes(&mut self, least_ms: i64, most_ms: i64) {
        self.now = self.now.plus(self.person.chance.between(least_ms, most_ms));
    }

    pub(super) fn track(&mut self, event: &'static str, properties: Value) {
        self.say(Call::Track(event, properties));
    }

    fn say(&mut self, call: Call) {
        let id = self.plan.message_id("person", self.person.number, self.person.sent);
        self.person.sent += 1;
        self.lines.push(self.person.sender.line(self.now, &id, &self.page, call));
    }
}

/// The page's title before the catalogue is there: taken from the address, as the page does it.
fn titled(id: &str) -> String {
    let words = id.split_once('-').map_or(id, |(_, words)| words).replace('-', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
