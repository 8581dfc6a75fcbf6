//! The private API, `/api/v1`, for the dashboard and API clients.

pub mod account;
pub mod audit;
pub mod catalog;
pub mod checks;
pub mod coupons;
pub mod currency_and_schema;
pub mod customers;
pub mod exploration;
pub mod feeds;
mod file_body;
pub mod funnels;
pub mod imports;
pub mod keys;
pub mod merchandising;
pub mod models;
pub mod preview;
pub mod rehearsal;
pub mod reports;
pub mod segments;
pub mod session;
pub mod sites;
pub mod slots;
pub mod users;
pub mod visitors;
pub mod webhooks;
