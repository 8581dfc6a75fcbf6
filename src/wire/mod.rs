//! The JSON that crosses the network; nothing else derives public JSON.
//!
//! Shapes only: no IO, no decisions. What arrives is bounded and checked by the room that uses it.

pub mod admin;
pub mod catalogue;
pub mod checks;
pub mod collect;
pub mod decide;
pub mod health;
pub mod item;
pub mod meaning;
pub mod people;
pub mod recommending;
pub mod reports;
pub mod shown;
pub mod tracker;
