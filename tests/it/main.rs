//! The one integration binary: the real router, the real engine, a database of its own for every test;
//! and the real binary from outside, killed and asked.

mod delivery;
mod engine;
mod faults;
mod service;
mod funnel;
mod reports;
mod learn;
mod profiles;
mod store;
mod support;
mod sync;
