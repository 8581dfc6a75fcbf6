//! What is looked at after what: sequential rules, transitions, and what goes together.
//!
//! For every item the strongest followers, counted over all visits with older ones fading. A follower
//! counts 1/d at a distance of d clicks (sequential rules as Kamehkhosh, Jannach and Ludewig, "A
//! comparison of frequent pattern techniques and a deep learning method for session-based
//! recommendation", 2017), and once more by itself at distance one (a first-order Markov chain); pairs
//! in either order are counted for the cosine measure of Sarwar et al., "Item-based collaborative
//! filtering recommendation algorithms", 2001. An item may follow itself: some shops' visitors reload.

use super::{Number, Sessions, fading::Fading, postings::Postings};

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
    /// Visits with both, not faded.
    pub(super) support: u32,
}

/// The followers of every item, strongest first.
#[derive(Debug, Default)]
pub(super) struct Rules {
    offsets: Vec<u32>,
    list: Vec<Rule>,
    /// The sums of `after` and `next` over all followers, those left out included.
    totals: Vec<[f32; 2]>,
}

/// Followers kept of one item.
const RULES_MAX: usize = 40;
/// Clicks behind an item within which another follows it.
const REACH: usize = 10;
/// Visits of one item that are counted.
const VISITS_MAX: usize = 3000;

impl Rules {
    pub(super) fn new(sessions: &Sessions, postings: &Postings, fading: &Fading) -> Self {
        let catalogue = sessions.catalogue();
        let now = sessions.last_ended();
        let mut counter = Counter::new(catalogue);
        let mut all = Self { offsets: vec![0], list: Vec::new(), totals: Vec::with_capacity(catalogue) };
        let mut own = vec![0.0_f32; catalogue];
        for (item, own) in (0..).zip(&mut own) {
            let visits = postings.newest(item, VISITS_MAX).iter();
            *own = visits.map(|visit| fading.of(now.saturating_sub(sessions.ended(*visit)))).sum();
        }
        for item in 0..u32::try_from(catalogue).unwrap_or(u32::MAX) {
            for visit in postings.newest(item, VISITS_MAX) {
                let weight = fading.of(now.saturating_sub(sessions.ended(*visit)));
                counter.visit(item, sessions.items(*visit), weight, *visit);
            }
            let totals = counter.drain_into(&mut all.list, &own, own[item as usize]);
            all.totals.push(totals);
            all.offsets.push(u32::try_from(all.list.len()).unwrap_or(u32::MAX));
        }
        all
    }

    /// The followers of an item, strongest first.
    pub(super) fn of(&self, item: Number) -> &[Rule] {
        let at = item as usize;
        if at + 1 >= self.offsets.len() {
            return &[];
        }
        &self.list[self.offsets[at] as usize..self.offsets[at + 1] as usize]
    }

    /// How likely a walk goes from an item to this follower.
    pub(super) fn share(&self, item: Number, rule: &Rule) -> f32 {
        (rule.after + 0.2 * rule.together) / (self.totals(item)[0] + 0.5)
    }

    /// The sums of `after` and `next` over all followers of an item.
    pub(super) fn totals(&self, item: Number) -> [f32; 2] {
        self.totals.get(item as usize).copied().unwrap_or_default()
    }
}

/// Counts what follows one item; the arrays are used again for the next.
struct Counter {
    found: Vec<Rule>,
    met_in: Vec<u32>,
    touched: Vec<Number>,
}

impl Counter {
    fn new(catalogue: usize) -> Self {
        Self { found: vec![Rule::default(); catalogue], met_in: vec![u32::MAX; catalogue], touched: Vec::new() }
    }

    fn visit(&mut self, item: Number, items: &[Number], weight: f32, visit: u32) {
        let mut last: Option<usize> = None;
        for (place, other) in items.iter().enumerate() {
            let rule = &mut self.found[*other as usize];
            if rule.support == 0 {
                rule.support = 1;
                rule.target = *other;
                self.touched.push(*other);
                self.met_in[*other as usize] = visit;
                rule.together += weight;
            } else if std::mem::replace(&mut self.met_in[*other as usize], visit) != visit {
                rule.support += 1;
                rule.together += weight;
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
    fn drain_into(&mut self, into: &mut Vec<Rule>, own: &[f32], own_weight: f32) -> [f32; 2] {
        let mut totals = [0.0; 2];
        let from = into.len();
        for other in self.touched.drain(..) {
            let mut rule = std::mem::take(&mut self.found[other as usize]);
            totals[0] += rule.after;
            totals[1] += rule.next;
            rule.together /= (own_weight * own[other as usize]).sqrt().max(f32::MIN_POSITIVE);
            into.push(rule);
        }
        let strength = |rule: &Rule| rule.after + rule.next + 0.1 * rule.together;
        into[from..].sort_unstable_by(|a, b| strength(b).total_cmp(&strength(a)).then_with(|| a.target.cmp(&b.target)));
        into.truncate(from + RULES_MAX);
        totals
    }
}
