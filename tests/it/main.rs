//! The one integration binary: the real router, the real engine, a database of its own for every test;
//! and the real binary from outside, killed and asked.

mod delivery;
mod engine;
mod faults;
mod funnel;
mod learn;
mod profiles;
mod reports;
mod service;
mod store;
mod support;
mod sync;
