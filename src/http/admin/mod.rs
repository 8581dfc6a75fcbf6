//! The private side, `/api/v1`: what the dashboard and owners' programs use.

pub mod account;
pub mod audit;
pub mod catalog;
pub mod checks;
pub mod feeds;
pub mod funnels;
pub mod keys;
pub mod meaning;
pub mod preview;
pub mod recommendations;
pub mod recommending;
pub mod reports;
pub mod session;
pub mod shelves;
pub mod sites;
pub mod users;
pub mod visitors;
