//! The marketers' questions as typed functions.

pub mod funnel;
