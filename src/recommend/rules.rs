//! What is looked at after what: sequential rules, transitions, and what goes together.
//!
//! For every item the strongest followers, counted over all visits with older ones fading. A follower
//! counts 1/d at a distance of d clicks (sequential rules as Kamehkhosh, Jannach and Ludewig, "A
//! comparison of frequent pattern techniques and a deep learning method for session-based
//! recommendation", 2017), and once more by itself at distance one (a first-order Markov chain); pairs
//! in either order are counted for the cosine measure of Sarwar et al., "Item-based collaborative
//! filtering recommendation algorithms", 2001. An item may follow itself: some shops' visitors reload.

use super::{Number, Sessions, decay::Fading, postings::Postings};

/// How an item goes with another.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rule {
    /// The other item.
    pub(super) target: Number,
    /// Faded visits, each counting 1/distance, in which it came after.
    pub(super) after: f32,
    /// Faded visits in which it came next.
    pub(super) next: f32,
    /// Faded visits with both, over the root of the product of their own.
    pub(super) together: f32,
    /// Visits with both, not faded; those of one visitor in a row count once.
    pub(super) support: u32,
}

/// The followers of every item, strongest first.
#[derive(Debug, Default)]
pub(super) struct Rules {
    offsets: Vec<u32>,
    list: Vec<Rule>,
    /// The sums of `after` and `next` over all followers, those left out included.
    totals: Vec<[f32; 2]>,
    /// Faded visits of every item.
    own: Vec<f32>,
}

/// What follows one item.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Followers<'a> {
    /// Strongest first.
    pub(super) list: &'a [Rule],
    /// The sums of `after` and `next` over all, those left out included.
    pub(super) totals: [f32; 2],
}

impl Followers<'_> {
    /// How likely a walk goes from the item to this follower.
    pub(super) fn share(&self, rule: &Rule) -> f32 {
        (rule.after + 0.2 * rule.together) / (self.totals[0] + 0.5)
    }
}

/// One visit as it is counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted<'a> {
    /// Its number, and whose it is.
    pub(super) visit: u32,
    pub(super) visitor: u32,
    pub(super) items: &'a [Number],
    /// What is left of it.
    pub(super) weight: f32,
}

/// Followers kept of one item.
const RULES_MAX: usize = 40;
/// Clicks behind an item within which another follows it.
const REACH: usize = 10;
/// Visits of one item that are counted.
pub(super) const VISITS_MAX: usize = 3000;

impl Rules {
    pub(super) fn new(sessions: &Sessions, postings: &Postings, fading: &Fading) -> Self {
        let catalogue = sessions.catalogue();
        let now = sessions.last_ended();
        let mut counter = Counter::new(catalogue);
        let mut all = Self { offsets: vec![0], list: Vec::new(), totals: Vec::new(), own: vec![0.0; catalogue] };
        let as_counted = |visit: &u32| Counted {
            visit: *visit,
            visitor: sessions.visitor(*visit),
            items: sessions.items(*visit),
            weight: fading.of(now.saturating_sub(sessions.ended(*visit))),
        };
        for (item, own) in (0..).zip(&mut all.own) {
            let visits = postings.newest(item, VISITS_MAX).iter();
            *own = visits.map(|visit| fading.of(now.saturating_sub(sessions.ended(*visit)))).sum();
        }
        for item in 0..u32::try_from(catalogue).unwrap_or(u32::MAX) {
            let visits = postings.newest(item, VISITS_MAX).iter().map(as_counted);
            let totals = counter.count(item, visits, |other| all.own[other as usize], &mut all.list);
            all.totals.push(totals);
            all.offsets.push(u32::try_from(all.list.len()).unwrap_or(u32::MAX));
        }
        all
    }

    /// What follows an item.
    pub(super) fn of(&self, item: Number) -> Followers<'_> {
        let at = item as usize;
        let Some(totals) = self.totals.get(at) else { return Followers::default() };
        Followers { list: &self.list[self.offsets[at] as usize..self.offsets[at + 1] as usize], totals: *totals }
    }

    /// Faded visits of an item.
    pub(super) fn own(&self, item: Number) -> f32 {
        self.own.get(item as usize).copied().unwrap_or(0.0)
    }
}

/// Counts what follows one item; the arrays are used again for the next.
pub(super) struct Counter {
    found: Vec<Rule>,
    met_in: Vec<u32>,
    met_by: Vec<u32>,
    touched: Vec<Number>,
}

impl Counter {
    pub(super) fn new(catalogue: usize) -> Self {
        let none = || vec![u32::MAX; catalogue];
        Self { found: vec![Rule::default(); catalogue], met_in: none(), met_by: none(), touched: Vec::new() }
    }

    /// Appends the strongest rules of an item to `into`; returns the sums of `after` and `next` over all.
    /// `own` tells the faded visits of any item.
    pub(super) fn count<'s>(
        &mut self,
        item: Number,
        visits: impl Iterator<Item = Counted<'s>>,
        own: impl Fn(Number) -> f32,
        into: &mut Vec<Rule>,
    ) -> [f32; 2] {
        visits.for_each(|visit| self.visit(item, visit));
        self.drain_into(into, &own, own(item))
    }

    fn visit(&mut self, item: Number, Counted { visit, visitor, items, weight }: Counted<'_>) {
        let mut last: Option<usize> = None;
        for (place, other) in items.iter().enumerate() {
            let at = *other as usize;
            let rule = &mut self.found[at];
            let is_first = rule.support == 0;
            if is_first {
                rule.target = *other;
                self.touched.push(*other);
            }
            if is_first || std::mem::replace(&mut self.met_in[at], visit) != visit {
                self.met_in[at] = visit;
                rule.together += weight;
                if is_first || std::mem::replace(&mut self.met_by[at], visitor) != visitor {
                    self.met_by[at] = visitor;
                    rule.support += 1;
                }
            }
            if let Some(last) = last
                && place - last <= REACH
            {
                #[expect(clippy::cast_precision_loss, reason = "at most REACH")]
                let distance = (place - last) as f32;
                rule.after += weight / distance;
                if place - last == 1 {
                    rule.next += weight;
                }
            }
            if *other == item {
                last = Some(place);
            }
        }
    }

    /// The strongest rules of this item, and a clean slate; returns the sums.
    fn drain_into(&mut self, into: &mut Vec<Rule>, own: &impl Fn(Number) -> f32, own_weight: f32) -> [f32; 2] {
        let mut totals = [0.0; 2];
        let from = into.len();
        for other in self.touched.drain(..) {
            let mut rule = std::mem::take(&mut self.found[other as usize]);
            totals[0] += rule.after;
            totals[1] += rule.next;
            rule.together /= (own_weight * own(other)).sqrt().max(f32::MIN_POSITIVE);
            into.push(rule);
        }
        let strength = |rule: &Rule| rule.after + rule.next + 0.1 * rule.together;
        into[from..].sort_unstable_by(|a, b| strength(b).total_cmp(&strength(a)).then_with(|| a.target.cmp(&b.target)));
        into.truncate(from + RULES_MAX);
        totals
    }
}
