//! Exponential decay from a table of powers: computing a power for every visit would cost more than all the rest.

/// Exponential decay with a fixed half-life.
#[derive(Debug, Clone)]
pub(super) struct Decay {
    table: Vec<f32>,
    step_s: f32,
    half_life_s: f32,
}

const STEPS: usize = 1024;
/// Decay stops after this many half-lives.
const HALVINGS_MAX: f32 = 16.0;

impl Decay {
    /// `half_life_s` in seconds; infinite: no decay.
    pub(super) fn new(half_life_s: f32) -> Self {
        if !half_life_s.is_finite() {
            return Self { table: vec![1.0], step_s: 1.0, half_life_s };
        }
        let half_life_s = half_life_s.max(1.0);
        let step_s = half_life_s * HALVINGS_MAX / STEPS as f32;
        let table = (0..STEPS).map(|n| (-(n as f32) * HALVINGS_MAX / STEPS as f32).exp2()).collect();
        Self { table, step_s, half_life_s }
    }

    /// Factor after `age_s` seconds, 1 to 0.
    #[inline]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an age is never negative")]
    pub(super) fn factor(&self, age_s: u32) -> f32 {
        let step = (age_s as f32 / self.step_s) as usize;
        self.table[step.min(self.table.len() - 1)]
    }

    /// Weight of an event at `at_s` if an event at `now_s` weighs 1: above 1 if it came later.
    #[inline]
    pub(super) fn weight(&self, now_s: u32, at_s: u32) -> f32 {
        if at_s <= now_s {
            self.factor(now_s - at_s)
        } else {
            ((at_s - now_s) as f32 / self.half_life_s).min(60.0).exp2()
        }
    }
}
