//! Ashna: know the visitors of a website and answer each of them personally.

pub mod access;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod control;
pub mod decide;
pub mod dedup;
pub mod delivery;
pub mod engine;
pub mod geo;
pub mod http;
pub mod ingest;
pub mod journal;
pub mod learn;
pub mod model;
pub mod profiles;
pub mod reports;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod wire;
