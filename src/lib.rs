//! Ashna: know the visitors of a website and answer each of them personally.
pub mod access;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod control;
pub mod decide;
pub mod engine;
pub mod model;
pub mod tasks;
pub mod telemetry;
pub mod wire;
