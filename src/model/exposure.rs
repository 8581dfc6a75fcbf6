//! How the items of one slot were selected: the probabilities that counterfactual (off-policy) evaluation needs.

/// The random choices of one slot, each with a known probability: which model ranks the slot, and whether one of its
/// positions goes to a little-known item.
#[derive(Debug, Clone, PartialEq)]
pub struct Exposure {
    /// Name of the model that ranked the slot.
    pub model: &'static str,
    /// Probability that this model was chosen, 0 to 1.
    pub model_probability: f64,
    /// Probability that a position of the slot is explored, 0 to 1; 0 if there was no candidate.
    pub explore: f64,
    /// The explored position, if any.
    pub explored: Option<Explored>,
    /// Positions pinned by the marketer, one bit each, lowest bit first: not random.
    pub pinned: u64,
}

/// A position given to an item for exploration; all unpinned positions are equally likely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Explored {
    /// Counted from 1.
    pub position: u8,
    /// Probability that this item was drawn among the candidates for exploration, 0 to 1.
    pub probability: f64,
}

impl Exposure {
    /// An exposure without randomness, such as an explicitly requested model.
    #[must_use]
    pub const fn certain(model: &'static str) -> Self {
        Self { model, model_probability: 1.0, explore: 0.0, explored: None, pinned: 0 }
    }

    /// Whether a position (counted from 1) is pinned.
    #[must_use]
    pub fn is_pinned(&self, position: usize) -> bool {
        (1..=64).contains(&position) && self.pinned & (1 << (position - 1)) != 0
    }

    /// The propensity: probability that this model ranked the slot and the item was at this position (counted from 1)
    /// in a slot of `positions`. The same item at the same position by another model counts as a different action, so
    /// this is at most the item's probability of being there. Pinned items are there whatever the model: 1.
    #[must_use]
    pub fn propensity(&self, position: usize, positions: usize) -> f64 {
        if self.is_pinned(position) {
            return 1.0;
        }
        let pinned = (1..=positions).filter(|position| self.is_pinned(*position)).count();
        let explored_share = self.explore / (positions - pinned).max(1) as f64;
        self.model_probability
            * match self.explored {
                Some(explored) if usize::from(explored.position) == position => explored_share * explored.probability,
                _ => 1.0 - explored_share,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_items_propensity_is_that_of_the_model_times_that_of_its_position() {
        let usual = Exposure { model: "auto", model_probability: 0.96, explore: 0.08, explored: None, pinned: 0 };
        let tried = Exposure { explored: Some(Explored { position: 3, probability: 0.25 }), ..usual.clone() };
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
        near(usual.propensity(3, 8), 0.96 * 0.99);
        near(tried.propensity(3, 8), 0.96 * 0.01 * 0.25);
        near(tried.propensity(2, 8), 0.96 * 0.99);
        near(Exposure::certain("trending").propensity(1, 8), 1.0);
        // With the first and the last position pinned, exploration is divided among six.
        let with_pins = Exposure { pinned: 0b1000_0001, ..usual };
        let tried_with_pins = Exposure { pinned: 0b1000_0001, ..tried };
        near(with_pins.propensity(3, 8), 0.96 * (1.0 - 0.08 / 6.0));
        near(tried_with_pins.propensity(3, 8), 0.96 * 0.08 / 6.0 * 0.25);
        near(with_pins.propensity(1, 8), 1.0);
        near(with_pins.propensity(8, 8), 1.0);
        near(Exposure { pinned: u64::MAX, ..with_pins }.propensity(65, 65), 0.96 * (1.0 - 0.08));
    }
}
