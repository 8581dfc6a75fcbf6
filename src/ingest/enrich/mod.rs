//! What an event means beyond its words: page, traffic, device, language, place. Steps only add.

pub mod channel;
mod mask;
pub(super) mod page;
pub mod sources;
pub(super) mod traffic;
pub mod user_agent;
pub(super) mod visitor;
