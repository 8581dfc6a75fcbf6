//! The JSON that crosses the network; nothing else derives public JSON.
//!
//! Shapes only: no IO, no decisions. What arrives is bounded and checked by the room that uses it.

pub mod admin;
pub mod catalogue;
pub mod checks;
pub mod collect;
pub mod currency_and_schema;
pub mod decide;
pub mod decided_items;
pub mod exploration;
pub mod health;
pub mod item;
pub mod privacy;
pub mod reports;
pub mod tracker;
pub mod users;
