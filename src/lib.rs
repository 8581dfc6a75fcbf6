//! Ashna: know the visitors of a website and answer each of them personally.
//!
//! Two stories run through the house; read them first.
//!
//! - [`collect`]: what happens to a batch of events, from the door to the warehouse.
//! - [`personalize`]: what happens to a personalization request, from the door to the answer.
//!
//! The rooms by layer; imports go only downward, and `tests/boundaries` guards it.
//!
//! | layer | rooms |
//! |---|---|
//! | 8, 7 | [`cli`], the commands; [`app`], which puts everything together |
//! | 6 door | [`http`] |
//! | 5 errands | [`import`], [`operate`] |
//! | 4 stories | [`collect`], [`personalize`], [`privacy`], [`removal`] |
//! | 3 keepers | [`access`], [`catalog`], [`checks`], [`delivery`], [`learn`], [`profiles`], [`reports`] |
//! | 2 doing | [`journal`], [`dedup`], [`store`], [`control`], [`geo`], [`salts`], [`engine`], [`fetch`], [`mail`], [`browser`] |
//! | 1 thinking, pure | [`ingest`], [`decide`], [`recommend`], [`estimate`], [`feed`], [`seed`], and the pure parts of profiles, catalog, delivery and reports |
//! | 0 words | [`model`], [`wire`], [`config`], [`clock`], [`telemetry`], [`tasks`] |

pub mod access;
pub mod app;
pub mod browser;
pub mod catalog;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod control;
pub mod decide;
pub mod dedup;
pub mod delivery;
pub mod engine;
pub mod estimate;
pub mod feed;
pub mod fetch;
pub mod geo;
pub mod http;
pub mod import;
pub mod ingest;
pub mod journal;
pub mod learn;
pub mod mail;
pub mod model;
pub mod operate;
pub mod personalize;
pub mod privacy;
pub mod profiles;
pub mod recommend;
pub mod removal;
pub mod reports;
pub mod salts;
pub mod seed;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod wire;
