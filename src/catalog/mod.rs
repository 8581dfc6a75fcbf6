//! Sites, items and offers, compiled to an immutable snapshot that is swapped atomically.

pub mod compile;
pub mod condition;
pub mod snapshot;
