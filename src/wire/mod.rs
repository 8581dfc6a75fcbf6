//! JSON types of the HTTP API: the only types that are serialized to clients or deserialized from them.
//!
//! Shapes only: no I/O, no decisions. Input is validated and bounded by the module that uses it. Doc comments here
//! are the descriptions in `openapi.json`.

pub mod admin;
pub mod catalogue;
pub mod checks;
pub mod collect;
pub mod currency_and_schema;
pub mod customers;
pub mod decide;
pub mod decided_items;
pub mod exploration;
pub mod foreign;
pub mod health;
pub mod import;
pub mod insights;
pub mod interests;
pub mod item;
pub mod offers;
pub mod ofrep;
pub mod people;
pub mod privacy;
pub mod reports;
pub mod segments;
pub mod tracker;
pub mod users;
pub mod webhooks;
