//! Ashna: know the visitors of a website and answer each of them personally.

pub mod clock;
pub mod config;
pub mod model;
pub mod tasks;
