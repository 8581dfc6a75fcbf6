//! The one integration binary: the real engine, a database of its own for every test.

mod delivery;
mod engine;
mod learn;
mod profiles;
mod store;
mod support;
