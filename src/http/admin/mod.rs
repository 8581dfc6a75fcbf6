//! The private side, `/api/v1`: what the dashboard and owners' programs use.

pub mod account;
pub mod audit;
pub mod catalog;
pub mod checks;
pub mod currency_and_schema;
pub mod exploration;
pub mod feeds;
pub mod funnels;
pub mod keys;
pub mod merchandising;
pub mod models;
pub mod preview;
pub mod reports;
pub mod session;
pub mod sites;
pub mod users;
pub mod visitors;
