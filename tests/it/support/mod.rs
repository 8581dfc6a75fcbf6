//! Shared test support.

pub mod app;
pub mod client;
pub mod engine;
pub mod events;
pub mod fault_proxy;
pub mod receiver;
pub mod routes;
pub mod shop;
pub mod small_disk;
