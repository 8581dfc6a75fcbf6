//! PURE: what counts can tell, and how surely.
//!
//! Visitors are what was drawn, not page views: whoever clicks once clicks more easily again, so everything here is
//! judged by totals of clusters ([`Moments`], one cluster a visitor), and an interval is at 95%. Where the counts
//! cannot tell, the answer is `None` or a [`Refusal`], never a figure.
//!
//! Example: of 1,000 views by 200 visitors 50 were clicked → 5%, from 3.5 to 7.0%, a little wider than if all views
//! had been of different visitors.

mod policy;
mod ratio;
#[cfg(test)]
mod tests;

pub use policy::{Choice, Refusal, Row, Verdict, judge};
pub use ratio::{Interval, Moments};
