//! Sequential rules, transitions and co-views between items.
//!
//! For every item the strongest followers, counted over all visits, with older visits decayed. A follower
//! counts 1/d at a distance of d clicks (sequential rules as Kamehkhosh, Jannach and Ludewig, "A
//! comparison of frequent pattern techniques and a deep learning method for session-based
//! recommendation", 2017), and separately at distance one (a first-order Markov chain); pairs
//! in either order are counted for the cosine measure of Sarwar et al., "Item-based collaborative
//! filtering recommendation algorithms", 2001. An item may follow itself: visitors of some shops reload.

use super::{decay::Decay, postings::Postings, sessions::Sessions, types::Number};

/// How one item follows another.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Rule {
    /// The other item.
    pub(super) target: Number,
    /// Decayed visits in which it came after, each counting 1/distance.
    pub(super) after: f32,
    /// Decayed visits in which it came next.
    pub(super) next: f32,
    /// Cosine: decayed visits with both, divided by the root of the product of the visits of each.
    pub(super) together: f32,
    /// Visits with both, without decay; consecutive ones of one visitor count once.
    pub(super) support: u32,
}

/// The followers of every item, strongest first.
#[derive(Debug, Default)]
pub(super) struct Rules {
    offsets: Vec<u32>,
    list: Vec<Rule>,
    /// Sums of `after` and `next` over all followers, including those left out.
    totals: Vec<[f32; 2]>,
    /// Decayed visits of every item.
    visits: Vec<f32>,
}

/// The followers of one item.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Followers<'a> {
    /// Strongest first.
    pub(super) list: &'a [Rule],
    /// Sums of `after` and `next` over all followers, including those left out.
    pub(super) totals: [f32; 2],
}

impl Followers<'_> {
    /// Transition probability from the item to this follower.
    pub(super) fn share(&self, rule: &Rule) -> f32 {
        (rule.after + 0.2 * rule.together) / (self.totals[0] + 0.5)
    }
}

/// A visit and its weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct WeightedVisit<'a> {
    /// Its number, and its visitor.
    pub(super) visit: u32,
    pub(super) visitor: u32,
    pub(super) items: &'a [Number],
    /// After decay.
    pub(super) weight: f32,
}

/// Followers kept for one item.
const RULES_MAX: usize = 40;
/// Clicks after an item within which another counts as a follower.
const DISTANCE_MAX: usize = 10;
/// Visits counted for one item.
pub(super) const VISITS_MAX: usize = 3000;

impl Rules {
    pub(super) fn new(sessions: &Sessions, postings: &Postings, decay: &Decay) -> Self {
        let catalogue = sessions.catalogue();
        let now = sessions.last_ended();
        let mut counter = Counter::new(catalogue);
        let mut all = Self { offsets: vec![0], list: Vec::new(), totals: Vec::new(), visits: vec![0.0; catalogue] };
        let weighted = |visit: &u32| WeightedVisit {
            visit: *visit,
            visitor: sessions.visitor(*visit),
            items: sessions.items(*visit),
            weight: decay.factor(now.saturating_sub(sessions.ended(*visit))),
        };
        for (item, sum) in (0..).zip(&mut all.visits) {
            let visits = postings.newest(item, VISITS_MAX).iter();
            *sum = visits.map(|visit| decay.factor(now.saturating_sub(sessions.ended(*visit)))).sum();
        }
        for item in 0..u32::try_from(catalogue).unwrap_or(u32::MAX) {
            let visits = postings.newest(item, VISITS_MAX).iter().map(weighted);
            let totals = counter.count(item, visits, |other| all.visits[other as usize], &mut all.list);
            all.totals.push(totals);
            all.offsets.push(u32::try_from(all.list.len()).unwrap_or(u32::MAX));
        }
        all
    }

    /// The followers of an item.
    pub(super) fn followers(&self, item: Number) -> Followers<'_> {
        let at = item as usize;
        let Some(totals) = self.totals.get(at) else { return Followers::default() };
        Followers { list: &self.list[self.offsets[at] as usize..self.offsets[at + 1] as usize], totals: *totals }
    }

    /// Decayed visits of an item.
    pub(super) fn visits(&self, item: Number) -> f32 {
        self.visits.get(item as usize).copied().unwrap_or(0.0)
    }
}

/// Counts the followers of one item; the buffers are reused for the next.
pub(super) struct Counter {
    found: Vec<Rule>,
    last_visit: Vec<u32>,
    last_visitor: Vec<u32>,
    touched: Vec<Number>,
}

impl Counter {
    pub(super) fn new(catalogue: usize) -> Self {
        let none = || vec![u32::MAX; catalogue];
        Self { found: vec![Rule::default(); catalogue], last_visit: none(), last_visitor: none(), touched: Vec::new() }
    }

    /// Appends the strongest rules of an item to `into`; returns the sums of `after` and `next` over all followers.
    /// `visit_weight` returns the decayed visits of any item.
    pub(super) fn count<'s>(
        &mut self,
        item: Number,
        visits: impl Iterator<Item = WeightedVisit<'s>>,
        visit_weight: impl Fn(Number) -> f32,
        into: &mut Vec<Rule>,
    ) -> [f32; 2] {
        visits.for_each(|visit| self.count_visit(item, visit));
        self.drain_into(into, &visit_weight, visit_weight(item))
    }

    fn count_visit(&mut self, item: Number, WeightedVisit { visit, visitor, items, weight }: WeightedVisit<'_>) {
        let mut last: Option<usize> = None;
        for (position, other) in items.iter().enumerate() {
            let at = *other as usize;
            let rule = &mut self.found[at];
            let is_first = rule.support == 0;
            if is_first {
                rule.target = *other;
                self.touched.push(*other);
            }
            if is_first || std::mem::replace(&mut self.last_visit[at], visit) != visit {
                self.last_visit[at] = visit;
                rule.together += weight;
                if is_first || std::mem::replace(&mut self.last_visitor[at], visitor) != visitor {
                    self.last_visitor[at] = visitor;
                    rule.support += 1;
                }
            }
            if let Some(last) = last
                && position - last <= DISTANCE_MAX
            {
                #[expect(clippy::cast_precision_loss, reason = "at most DISTANCE_MAX")]
                let distance = (position - last) as f32;
                rule.after += weight / distance;
                if position - last == 1 {
                    rule.next += weight;
                }
            }
            if *other == item {
                last = Some(position);
            }
        }
    }

    /// Appends the strongest rules of this item, resets the buffers and returns the sums.
    fn drain_into(&mut self, into: &mut Vec<Rule>, visit_weight: &impl Fn(Number) -> f32, own: f32) -> [f32; 2] {
        let mut totals = [0.0; 2];
        let from = into.len();
        for other in self.touched.drain(..) {
            let mut rule = std::mem::take(&mut self.found[other as usize]);
            totals[0] += rule.after;
            totals[1] += rule.next;
            rule.together /= (own * visit_weight(other)).sqrt().max(f32::MIN_POSITIVE);
            into.push(rule);
        }
        let strength = |rule: &Rule| rule.after + rule.next + 0.1 * rule.together;
        into[from..].sort_unstable_by(|a, b| strength(b).total_cmp(&strength(a)).then_with(|| a.target.cmp(&b.target)));
        into.truncate(from + RULES_MAX);
        totals
    }
}
