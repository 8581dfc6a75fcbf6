//! What the tests stand on.

pub mod app;
pub mod client;
pub mod engine;
pub mod events;
pub mod fault_proxy;
pub mod shop;
pub mod small_disk;
