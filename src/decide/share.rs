//! Shares of popularity.

/// A share that is never 0: one view more of what is asked for.
pub(super) fn smoothed(popularity: f64, total: f64) -> f64 {
    (popularity.max(0.0) + 1.0) / (total.max(0.0) + 1.0).max(popularity.max(0.0) + 1.0)
}
