//! What the tests stand on.

pub mod engine;
pub mod events;
pub mod fault_proxy;
