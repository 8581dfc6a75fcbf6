//! Statistical estimates with confidence intervals. No I/O.
//!
//! The sampling unit is the visitor, not the page view: a visitor who clicks once is more likely to click again. So all
//! estimates use totals of clusters ([`Moments`], one cluster per visitor). Intervals are at 95%. If the data is not
//! sufficient, the result is `None` or a [`Refusal`], never a number.
//!
//! Example: of 1,000 views by 200 visitors 50 were clicked → 5%, from 3.5 to 7.0%, a little wider than if all views
//! were of different visitors.

mod lift;
mod policy;
mod ratio;
#[cfg(test)]
mod tests;

pub use lift::{Group, relative_lift, total_lift};
pub use policy::{Evaluation, LogRow, Refusal, TargetPolicy, evaluate};
pub use ratio::{Interval, Moments};
