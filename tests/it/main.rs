//! The one integration binary: the real router, the real engine, a database of its own for every test;
//! and the real binary from outside, killed and asked.

mod admin;
mod bad_input;
mod collect;
mod consent;
mod decide;
mod delivery;
mod editing;
mod engine;
mod faults;
mod funnel;
mod identity;
mod import;
mod learn;
mod meaning;
mod overload;
mod people;
mod privacy;
mod profiles;
mod rate;
mod reports;
mod segment;
mod service;
mod sessions;
mod store;
mod support;
mod sync;
