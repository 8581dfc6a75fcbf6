//! What an event means beyond its words: page, traffic, device, language, place. Steps only add.

pub mod agents;
pub mod channel;
pub mod client_hints;
mod marks;
mod mask;
pub(super) mod page;
pub mod sources;
pub(super) mod traffic;
pub mod user_agent;
pub(super) mod visitor;
