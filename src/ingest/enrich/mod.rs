//! Adds what can be derived from an event: page, traffic source, device, language, location. Steps only add.

pub(super) mod cache;
mod campaign;
pub mod channel;
pub(super) mod device;
mod mask;
pub(super) mod page;
pub(super) mod page_context;
mod parse_cache;
pub mod sources;
pub(super) mod traffic;
pub(super) mod visitor;

pub use parse_cache::ParseCache;
