//! Statistical estimates with confidence intervals. No I/O.
//!
//! The sampling unit is the visitor, not the page view: a visitor who clicks once is more likely to click again. So all
//! estimates use totals of clusters ([`Moments`], one cluster per visitor). Intervals are at 95%. Those of
//! experiments ([`lift()`]) may be looked at every day; their people are assigned at random, so that each is a sample
//! of one. If the data is not sufficient, the result is `None` or a [`Refusal`], never a number.
//!
//! Example: of 1,000 views by 200 visitors 50 were clicked → 5%, from 3.5 to 7.0%, a little wider than if all views
//! were of different visitors.

mod control_group;
#[cfg(test)]
mod experiment_tests;
mod lift;
mod policy;
mod ratio;
mod sample_ratio;
mod sequential;
#[cfg(test)]
mod tests;

pub use control_group::{Group, relative_lift, total_lift};
pub use lift::{Bayesian, Lift, VariantMoments, adjusted_lift, bayesian_rates, lift};
pub use policy::{Evaluation, LogRow, Refusal, TargetPolicy, evaluate};
pub use ratio::{Interval, Moments};
pub use sample_ratio::{SAMPLE_RATIO_ALPHA, SampleRatio, sample_ratio};
pub use sequential::{critical, detectable, holm, people_needed};
