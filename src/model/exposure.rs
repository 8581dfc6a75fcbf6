//! How the items of one slot came to be drawn: what anybody must know who judges from what was seen what
//! another choice would have done.

/// The draw of one slot. Two things are left to chance, each with a known probability: by which model the
/// slot is ranked, and whether one of its places goes to an item that is hardly known yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposure {
    /// Word of the model that ranked the slot.
    pub model: &'static str,
    /// Probability with which this model was drawn, 0 to 1.
    pub model_probability: f64,
    /// Probability with which a place of the slot was given away, 0 to 1; 0 where there was nothing to try.
    pub explore: f64,
    /// The place that was given away, if one was.
    pub explored: Option<Explored>,
    /// The places that the marketer filled, one bit each, the lowest for the first: no chance has a part in them.
    pub pinned: u64,
}

/// A place that was given to an item out of turn. Of the places without a pin each was as likely as the others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explored {
    /// Counted from 1.
    pub position: u8,
    /// Probability with which this item was drawn among those that could have been tried, 0 to 1.
    pub probability: f64,
}

impl Exposure {
    /// What is shown by a model that nobody drew, without any chance in it.
    #[must_use]
    pub const fn certain(model: &'static str) -> Self {
        Self { model, model_probability: 1.0, explore: 0.0, explored: None, pinned: 0 }
    }

    /// Whether the marketer filled this place (counted from 1).
    #[must_use]
    pub fn is_pinned(&self, position: usize) -> bool {
        (1..=64).contains(&position) && self.pinned & (1 << (position - 1)) != 0
    }

    /// Probability with which this model ranked the slot and the item of this position (counted from 1) stood
    /// there, in a slot of `places`: the propensity. The same item at the same place by another model counts
    /// as something else, so it is never more than the item's probability of being there at all. What is pinned
    /// stands there whoever ranks: 1.
    #[must_use]
    pub fn propensity(&self, position: usize, places: usize) -> f64 {
        if self.is_pinned(position) {
            return 1.0;
        }
        let pinned = (1..=places).filter(|place| self.is_pinned(*place)).count();
        let given_away = self.explore / (places - pinned).max(1) as f64;
        self.model_probability
            * match self.explored {
                Some(explored) if usize::from(explored.position) == position => given_away * explored.probability,
                _ => 1.0 - given_away,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_items_propensity_is_that_of_the_model_times_that_of_its_place() {
        let usual = Exposure { model: "auto", model_probability: 0.96, explore: 0.08, explored: None, pinned: 0 };
        let tried = Exposure { explored: Some(Explored { position: 3, probability: 0.25 }), ..usual.clone() };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        near(usual.propensity(3, 8), 0.96 * 0.99);
        near(tried.propensity(3, 8), 0.96 * 0.01 * 0.25);
        near(tried.propensity(2, 8), 0.96 * 0.99);
        near(Exposure::certain("trending").propensity(1, 8), 1.0);
        // With the first and the last place pinned the chance is divided among six.
        let beside = Exposure { pinned: 0b1000_0001, ..usual };
        let tried_beside = Exposure { pinned: 0b1000_0001, ..tried };
        near(beside.propensity(3, 8), 0.96 * (1.0 - 0.08 / 6.0));
        near(tried_beside.propensity(3, 8), 0.96 * 0.08 / 6.0 * 0.25);
        near(beside.propensity(1, 8), 1.0);
        near(beside.propensity(8, 8), 1.0);
        near(Exposure { pinned: u64::MAX, ..beside }.propensity(65, 65), 0.96 * (1.0 - 0.08));
    }
}
