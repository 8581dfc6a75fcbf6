//! Ashna: web analytics, live visitor profiles and recommendations for websites.
//!
//! Start with the two main request flows:
//!
//! - [`collect`]: from a batch of events to durable rows on their way to the warehouse.
//! - [`personalize`]: from a request for decisions to the answer.
//!
//! The modules by layer. Imports go only downward; `tests/boundaries` checks it.
//!
//! | layer | modules |
//! |---|---|
//! | 8 command line | [`cli`] |
//! | 7 composition | [`app`]: creates all modules, connects them, stops them in order |
//! | 6 HTTP | [`http`] |
//! | 5 admin operations | [`backup`], [`import`], [`operate`] |
//! | 4 request flows | [`collect`], [`personalize`], [`privacy`], [`prune`], [`removal`], [`trace`] |
//! | 3 services | [`access`], [`catalog`], [`checks`], [`customers`], [`delivery`], [`learn`], [`membership`], [`offers`], [`profiles`], [`reports`], [`webhooks`] |
//! | 2 I/O adapters | [`journal`], [`dedup`], [`store`], [`control`], [`geo`], [`salts`], [`erasures`], [`engine`], [`fetch`], [`mail`], [`browser`] |
//! | 1 pure logic, no I/O | [`ingest`], [`decide`], [`recommend`], [`estimate`], [`experiments`], [`feed`], [`seed`], [`segments`], [`value`], and the pure parts of profiles, catalog, delivery and reports |
//! | 0 domain types | [`model`], [`wire`], [`config`], [`clock`], [`telemetry`], [`tasks`] |

pub mod access;
pub mod app;
pub mod backup;
pub mod browser;
pub mod catalog;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod collect;
pub mod config;
pub mod control;
pub mod customers;
pub mod decide;
pub mod dedup;
pub mod delivery;
pub mod engine;
pub mod erasures;
pub mod estimate;
pub mod experiments;
pub mod feed;
pub mod fetch;
pub mod finished_days;
pub mod geo;
pub mod http;
pub mod import;
pub mod ingest;
pub mod journal;
pub mod learn;
pub mod mail;
pub mod membership;
pub mod model;
pub mod offers;
pub mod operate;
pub mod personalize;
pub mod privacy;
pub mod profiles;
pub mod prune;
pub mod recommend;
pub mod removal;
pub mod reports;
pub mod salts;
pub mod seed;
pub mod segments;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod trace;
pub mod value;
pub mod webhooks;
pub mod wire;
