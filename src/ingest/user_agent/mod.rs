//! User agents and User-Agent Client Hints: device, operating system, browser, and whether a robot sent them.

mod agent;
mod crawlers;
mod hints;
mod robot_names;
mod robots;

pub use agent::Agent;
pub use hints::ClientHints;
pub(in crate::ingest) use hints::{LIST_BYTES_MAX, PLATFORM_BYTES_MAX};
pub use robots::Robot;
