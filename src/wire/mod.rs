//! The JSON that crosses the network; nothing else derives public JSON.

pub mod reports;
