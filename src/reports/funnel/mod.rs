//! Funnels: how many visitors came how far along a way.

mod any_order;
pub mod matcher;
#[cfg(test)]
mod matcher_tests;
